use super::store;
use crate::{
    kernel::{Duration, MacKeys, Moment, TagCheck},
    postgres::DatabaseError,
};
use chrono::{Months, NaiveDate, NaiveTime};
use sqlx::PgConnection;

/// A calendar month, UTC: one table of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Month(NaiveDate);

/// What the names of their tables begin with.
const TABLE: &str = "audit_events_";

impl Month {
    /// The month that a table holds.
    pub fn of_table(name: &str) -> Option<Self> {
        let (year, month) = name.strip_prefix(TABLE)?.split_once('_')?;
        NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1).map(Self)
    }

    #[cfg(test)]
    pub fn table(self) -> String {
        self.0.format("audit_events_%Y_%m").to_string()
    }

    pub fn first_day(self) -> NaiveDate {
        self.0
    }

    pub fn next(self) -> Self {
        Self(self.0.checked_add_months(Months::new(1)).unwrap_or(NaiveDate::MAX))
    }

    fn begins(self) -> Moment {
        self.0.and_time(NaiveTime::MIN).and_utc()
    }
}

/// Creates the months to come. Returns how many.
pub(super) async fn prepare(connection: &mut PgConnection) -> Result<u64, DatabaseError> {
    Ok(u64::try_from(store::prepare_months(connection).await?).unwrap_or_default())
}

/// Tags anchors of a previous master key again, because they outlive it. A forged anchor stays forged.
pub(super) async fn renew_anchors(connection: &mut PgConnection, keys: &MacKeys) -> Result<(), DatabaseError> {
    for mut anchor in store::anchors(connection).await? {
        if !keys.is_current(&anchor.tag) && anchor.check(keys) == TagCheck::Genuine {
            anchor.tag = anchor.tagged(keys);
            store::set_anchor_tag(connection, &anchor).await?;
        }
    }
    Ok(())
}

/// For how long months are kept: as long as the options say, and at least as long as the database does, which only its
/// owner changes.
async fn kept_for(connection: &mut PgConnection, wanted: Duration) -> Result<Duration, DatabaseError> {
    let kept = Duration::from_secs(store::kept_for(connection).await?.unsigned_abs());
    if kept > wanted {
        tracing::warn!(
            "audit.kept_longer: HEIRLOOM_AUDIT_RETENTION is shorter than the database's: run heirloom migrate"
        );
    }
    Ok(kept.max(wanted))
}

/// Months that ended so long ago, all of whose events have their places in the chain.
pub(super) async fn retired(
    connection: &mut PgConnection,
    now: Moment,
    retention: Duration,
) -> Result<Vec<Month>, DatabaseError> {
    let retention = kept_for(connection, retention).await?;
    let mut retired = Vec::new();
    for month in store::months(connection).await? {
        let (begins, ends) = (month.begins(), month.next().begins());
        if ends + retention <= now && store::is_chained(connection, begins, ends).await? {
            retired.push(month);
        }
    }
    retired.sort_unstable();
    Ok(retired)
}

/// Drops a month, and remembers what the rest is chained to. False: another instance did, or is at it.
pub(super) async fn retire(connection: &mut PgConnection, month: Month, keys: &MacKeys) -> Result<bool, DatabaseError> {
    if !store::lock_months(connection).await? || !store::months(connection).await?.contains(&month) {
        return Ok(false);
    }
    for mut run in store::runs(connection, month.begins(), month.next().begins()).await? {
        run.tag = run.tagged(keys);
        store::add_anchor(connection, &run, month).await?;
    }
    store::drop_month(connection, month).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_name_of_its_month() {
        let of = |name: &str| Month::of_table(name).map(Month::table);
        assert_eq!(of("audit_events_2026_12").as_deref(), Some("audit_events_2026_12"));
        assert_eq!(
            Month::of_table("audit_events_2026_12").map(|month| month.next().table()).as_deref(),
            Some("audit_events_2027_01")
        );
        for other in ["audit_events_default", "audit_events", "audit_events_2026_13", "audit_chain_head"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
