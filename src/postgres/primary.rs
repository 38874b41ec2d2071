//! Which of several hosts is the primary (S-60, ADR 0042).
//!
//! After a fail-over two hosts may accept writes: the old primary runs on where nothing stops it. Each promotion begins a
//! new timeline, so that of two primaries the one with the higher timeline is the right one.

use super::application_name::named;
use crate::{config::DatabaseUrl, kernel::Duration};
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};
use tokio::{
    task::JoinSet,
    time::{Instant, error::Elapsed, timeout, timeout_at},
};

/// How long one host may take to answer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long the others may take, once one has said that it accepts writes.
const OTHERS: Duration = Duration::from_secs(1);

/// The primary that was found last. All copies share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Primary(Arc<RwLock<Found>>);

/// A host that accepts writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Found {
    /// Its position among the hosts.
    position: usize,
    /// The system identifier of its cluster. 0: unknown, as with a Postgres that does not disclose it.
    cluster: i64,
    /// Its timeline. 0: unknown.
    timeline: i32,
}

/// Why a host is not the primary.
#[derive(Debug, thiserror::Error)]
enum NotPrimary {
    #[error("it is a standby")]
    Standby,
    #[error("another host has replaced it as the primary")]
    Replaced,
    #[error("it did not answer in time")]
    TooSlow(#[from] Elapsed),
    #[error(transparent)]
    Failed(#[from] sqlx::Error),
}

/// None of several hosts is the primary: each of them, with the cause.
#[derive(Debug, thiserror::Error)]
#[error("none of the hosts in the database URL accepts writes:{0}")]
pub struct NoPrimary(String);

impl Primary {
    /// Its position among the hosts.
    pub fn position(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).position
    }

    /// Where there are several hosts, asks all at once, and keeps the primary with the newest timeline.
    ///
    /// # Errors
    /// When no host accepts writes, or only one that was replaced.
    pub async fn find_among(&self, url: &DatabaseUrl) -> Result<(), NoPrimary> {
        if url.hosts().len() < 2 {
            return Ok(());
        }
        let known = *self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = newest(url.hosts(), known).await?.or_as_known(known);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}

impl Found {
    /// Whether this one was replaced by the other.
    fn is_older_than(&self, other: &Self) -> bool {
        self.cluster == other.cluster && self.timeline < other.timeline
    }

    /// A primary that does not disclose its timeline is taken for one of the timeline that is known: it is not forgotten.
    fn or_as_known(self, known: Self) -> Self {
        if self.cluster == 0 { Self { position: self.position, ..known } } else { self }
    }

    /// Of two primaries, the newer; of two names of one, the one that is in use.
    fn or(self, other: Option<Self>, known: Self) -> Self {
        match other {
            Some(other) if self.is_older_than(&other) => other,
            Some(other) if !other.is_older_than(&self) && other.position == known.position => other,
            Some(_) | None => self,
        }
    }
}

async fn newest(hosts: &[PgConnectOptions], known: Found) -> Result<Found, NoPrimary> {
    let mut asked = JoinSet::new();
    for (position, host) in hosts.iter().cloned().enumerate() {
        asked.spawn(async move { (position, ask(host, position, known).await) });
    }
    let (mut newest, mut causes, mut until) = (None, BTreeMap::new(), Instant::now() + 2 * ANSWER);
    while let Ok(Some(answer)) = timeout_at(until, asked.join_next()).await {
        match answer {
            Ok((_, Ok(found))) => {
                until = until.min(Instant::now() + OTHERS);
                newest = Some(found.or(newest, known));
            }
            Ok((position, Err(cause))) => drop(causes.insert(position, cause)),
            Err(_panicked) => {}
        }
    }
    newest.ok_or_else(|| NoPrimary(list(hosts, &causes)))
}

/// Each host, and why it is not the primary.
fn list(hosts: &[PgConnectOptions], causes: &BTreeMap<usize, NotPrimary>) -> String {
    let named = |(position, cause): (&usize, &NotPrimary)| {
        let host = hosts.get(*position)?;
        Some(format!("\n{}:{}: {cause}", host.get_host(), host.get_port()))
    };
    causes.iter().filter_map(named).collect()
}

async fn ask(host: PgConnectOptions, position: usize, known: Found) -> Result<Found, NotPrimary> {
    let found = timeout(ANSWER, identify(host, position)).await??.ok_or(NotPrimary::Standby)?;
    if found.is_older_than(&known) { Err(NotPrimary::Replaced) } else { Ok(found) }
}

/// None if the host is a standby.
async fn identify(host: PgConnectOptions, position: usize) -> Result<Option<Found>, sqlx::Error> {
    let mut connection = named(host, "heirloom probe").connect().await?;
    // Not prepared, so that a pooler that mixes up statements is found out by its own probe, not here.
    let is_standby = sqlx::raw_sql("SELECT pg_is_in_recovery()").fetch_one(&mut connection).await?.try_get(0)?;
    let found = if is_standby { None } else { Some(describe(&mut connection, position).await?) };
    drop(connection.close().await);
    Ok(found)
}

/// Not every Postgres discloses both: then all primaries are alike.
async fn describe(connection: &mut PgConnection, position: usize) -> Result<Found, sqlx::Error> {
    let sql = "SELECT (SELECT system_identifier FROM pg_control_system()), \
               ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int";
    match sqlx::raw_sql(sql).fetch_one(connection).await {
        Ok(row) => Ok(Found { position, cluster: row.try_get(0)?, timeline: row.try_get(1)? }),
        Err(error) if is_not_disclosed(&error) => Ok(Found { position, ..Found::default() }),
        // It is being shut down, perhaps because another host has replaced it.
        Err(error) => Err(error),
    }
}

/// Class 42: no privilege, no such function; class 0A: not supported.
fn is_not_disclosed(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("42") || code.starts_with("0A"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(position: usize, timeline: i32) -> Found {
        Found { position, cluster: 7, timeline }
    }

    #[test]
    fn of_two_primaries_the_one_that_was_promoted_last_is_right_in_whatever_order_they_answer() {
        let (old, new) = (found(0, 1), found(1, 2));
        assert_eq!(new.or(Some(old), old), new);
        assert_eq!(old.or(Some(new), old), new);
    }

    #[test]
    fn of_two_names_of_one_primary_the_one_in_use_is_kept() {
        let (first, second) = (found(0, 3), found(1, 3));
        assert_eq!(first.or(Some(second), second), second);
        assert_eq!(second.or(Some(first), second), second);
    }

    #[test]
    fn a_primary_that_does_not_disclose_its_timeline_leaves_the_known_one_remembered() {
        let known = found(1, 2);
        assert_eq!(Found { position: 0, ..Found::default() }.or_as_known(known), found(0, 2));
        assert_eq!(found(0, 3).or_as_known(known), found(0, 3));
    }

    #[test]
    fn a_primary_that_was_replaced_is_not_taken_again_but_a_new_cluster_is() {
        assert!(found(0, 1).is_older_than(&found(1, 2)));
        assert!(!found(0, 2).is_older_than(&found(1, 2)));
        let upgraded = Found { cluster: 8, ..found(0, 1) };
        assert!(!upgraded.is_older_than(&found(1, 2)));
    }
}
