use super::{
    chain::extend,
    conclude::{Conclusion, Evidence, conclude},
    finding::{ChainFinding, KnownHead},
    head::{Head, StoredEnd},
    history,
    store::{self, AfterLoose, Chained},
    walk::{Anchor, Walk},
};
use crate::{
    kernel::{MacKeys, Moment, sha256},
    postgres::{Connector, DatabaseError},
    world::World,
};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Rows that are held in memory at once.
const PAGE: i64 = 2_000;
/// For how long an event may wait for its place.
pub(super) const LONGEST_LAG: i64 = 60;

/// What a walk along the whole chain found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Events that were looked at.
    pub events: u64,
    /// Those of them that have no place in the chain yet.
    pub unchained: u64,
    /// For how many seconds the oldest of those has waited.
    pub lag_seconds: i64,
    /// Places before the first event there is, which were dropped with their months; the walk began at their anchor.
    pub dropped: i64,
    /// Where the chain ends, as `SEQ:HASH`: worth noting elsewhere. None: that cannot be believed.
    pub head: Option<String>,
    /// What is wrong: nothing, if all is well.
    pub findings: Vec<ChainFinding>,
    /// What the findings add up to.
    pub conclusions: Vec<Conclusion>,
    /// Whether an operator has accepted exactly these findings.
    pub accepted: bool,
}

impl Report {
    /// The fingerprint of the findings that last, by which an operator accepts them. None: there are none.
    #[must_use]
    pub fn fingerprint(&self) -> Option<String> {
        fingerprint(&self.findings)
    }

    /// Findings that no operator has accepted.
    #[must_use]
    pub fn alarming(&self) -> usize {
        let accepted = if self.accepted { self.findings.iter().filter(|finding| finding.lasts()).count() } else { 0 };
        self.findings.len().saturating_sub(accepted)
    }
}

fn fingerprint(findings: &[ChainFinding]) -> Option<String> {
    let lasting: Vec<_> = findings.iter().filter(|finding| finding.lasts()).map(ToString::to_string).collect();
    let digest = sha256(lasting.join("\n").as_bytes());
    let hexadecimal = || digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    (!lasting.is_empty()).then(hexadecimal)
}

/// Chains what is new, then walks along the whole chain. Sees one moment of the log, and holds only a page of it.
///
/// # Errors
/// When the database fails.
pub async fn verify(world: &World, connector: &Connector, known: Option<KnownHead>) -> Result<Report, DatabaseError> {
    // Whether that succeeds or not: what is not chained is looked at all the same, and a refused head is found below.
    drop(extend(world).await?);
    // A connection of its own: it takes longer than a request may.
    let mut connection = connector.snapshot().await?;
    let report = walk(&mut connection, &world.audit_keys, known).await;
    drop(connection.close().await);
    report
}

async fn walk(
    connection: &mut PgConnection,
    keys: &MacKeys,
    known: Option<KnownHead>,
) -> Result<Report, DatabaseError> {
    let (stored, anchors) = (store::head(connection).await?, store::anchors(connection).await?);
    let resumed = history::resumed(connection, keys).await?;
    let accepted = resumed.accepted.clone();
    let stored_end = StoredEnd::of(stored.as_ref(), keys);
    let end = stored.filter(|_| stored_end == StoredEnd::Ours).map(|stored| stored.head);
    let (dropped, head) = (dropped(&anchors), end.as_ref().map(Head::to_string));
    let mut walk = Walk::new(keys, anchors, known, end).after(resumed);
    let chained = along_the_chain(connection, &mut walk).await?;
    let unchained = over_the_loose(connection, &mut walk).await?;
    let (mut findings, by_month) = walk.finish();
    let lag = store::lag(connection).await?;
    findings.extend(beside_the_chain(connection, lag).await?);
    let holder = store::holder_of_head(connection).await?;
    let evidence = Evidence { findings: &findings, end: stored_end, by_month: &by_month, holder: holder.as_deref() };
    Ok(Report {
        events: chained.saturating_add(unchained),
        unchained,
        lag_seconds: lag.seconds,
        dropped,
        head,
        conclusions: conclude(&evidence),
        accepted: accepted.is_some() && accepted == fingerprint(&findings),
        findings,
    })
}

/// What is wrong although the chain may be whole.
async fn beside_the_chain(connection: &mut PgConnection, lag: store::Lag) -> Result<Vec<ChainFinding>, DatabaseError> {
    let foreign = store::foreign(connection).await?;
    let mut findings: Vec<_> =
        foreign.into_iter().map(|found| ChainFinding::Silenced { table: found.table, by: found.by }).collect();
    if lag.seconds > LONGEST_LAG {
        let events = u64::try_from(lag.events).unwrap_or_default();
        findings.push(ChainFinding::Lagging { events, seconds: lag.seconds });
    }
    Ok(findings)
}

/// Up to which place everything was dropped.
fn dropped(anchors: &[Anchor]) -> i64 {
    anchors.iter().fold(0, |last: i64, anchor| if anchor.first == last.saturating_add(1) { anchor.last } else { last })
}

async fn along_the_chain(connection: &mut PgConnection, walk: &mut Walk<'_>) -> Result<u64, DatabaseError> {
    let (mut met, mut seq, mut id) = (0_u64, i64::MIN, Uuid::nil());
    loop {
        let page = store::chained(connection, Chained { seq, id }, PAGE).await?;
        let Some(last) = page.last() else { return Ok(met) };
        (seq, id) = (last.seq.unwrap_or(i64::MAX), last.id);
        met = met.saturating_add(u64::try_from(page.len()).unwrap_or_default());
        for entry in page {
            walk.meet(entry);
        }
    }
}

async fn over_the_loose(connection: &mut PgConnection, walk: &mut Walk<'_>) -> Result<u64, DatabaseError> {
    let (mut met, mut at, mut id) = (0_u64, Moment::UNIX_EPOCH, Uuid::nil());
    loop {
        let page = store::loose(connection, AfterLoose { at, id }, PAGE).await?;
        let Some(last) = page.last() else { return Ok(met) };
        (at, id) = (last.at, last.id);
        met = met.saturating_add(u64::try_from(page.len()).unwrap_or_default());
        for entry in &page {
            walk.meet_loose(entry);
        }
    }
}
