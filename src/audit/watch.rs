use super::{
    About, Kind,
    chain::{Extension, extend},
    store,
    verify::LONGEST_LAG,
};
use crate::{kernel::Duration, postgres::DatabaseError, work::Caller, world::World};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// How often a lag is logged.
const LOG_EVERY: Duration = Duration::from_mins(1);
/// How long a process that ends tries to chain its last events, and how often.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);
const SETTLE_PAUSE: Duration = Duration::from_millis(50);
/// Events that are looked up at once.
const AT_ONCE: usize = 1_000;

/// Measures how far the chain is behind, and looks whether the events that this instance has recorded are still there.
/// `logged`: when a lag was logged last.
///
/// # Errors
/// When the database fails.
pub async fn watch(world: &World, logged: &mut Option<Duration>) -> Result<(), DatabaseError> {
    let lag = world.db.run(|connection| Box::pin(store::lag(connection))).await?;
    world.metrics.audit().chain_lag.set(Duration::from_secs(lag.seconds.unsigned_abs()).as_secs_f64());
    let now = world.clock.uptime();
    if lag.seconds > LONGEST_LAG && logged.is_none_or(|at| at + LOG_EVERY <= now) {
        let holder = world.db.run(|connection| Box::pin(store::holder_of_head(connection))).await?;
        let holder = holder.as_deref().unwrap_or("-");
        tracing::error!(
            lag.events,
            lag.seconds,
            holder,
            "audit.chain_lagging: events wait to be chained, and could be removed meanwhile"
        );
        *logged = Some(now);
    }
    find_missing(world).await
}

/// Chains what this process has recorded, at its end: nothing else would miss its last event. It waits for the units of work
/// of tasks that were just stopped, for another instance that holds the head, and for a database that is slow.
pub async fn settle(world: &World) {
    let deadline = world.clock.uptime() + SETTLE_WITHIN;
    let mut failed = None;
    while !is_settled(world) && world.clock.uptime() < deadline {
        match chain_and_find_missing(world).await {
            Ok(Extension::Extended(_) | Extension::Elsewhere) => {}
            Ok(Extension::HeadRefused | Extension::HeadRegressed { .. }) => return,
            Err(error) => failed = Some(error),
        }
        tokio::time::sleep(SETTLE_PAUSE).await;
    }
    let events = world.audit_numbers.committed().len();
    if events > 0 {
        let error = failed.as_ref().map(DatabaseError::chain);
        tracing::warn!(events, error, "audit.events_unchained: they could be removed unseen until a server starts");
    }
}

/// Whether no unit of work may still record an event, and all that were recorded are chained.
fn is_settled(world: &World) -> bool {
    let (connections, idle) = world.db.connections();
    connections == idle && world.audit_numbers.committed().is_empty()
}

async fn chain_and_find_missing(world: &World) -> Result<Extension, DatabaseError> {
    let chained = extend(world).await;
    find_missing(world).await.and(chained)
}

/// What the database has confirmed must stay until it is chained; from then on the chain shows what is gone.
async fn find_missing(world: &World) -> Result<(), DatabaseError> {
    let mut committed = world.audit_numbers.committed();
    committed.truncate(AT_ONCE);
    if committed.is_empty() {
        return Ok(());
    }
    let asked = committed.clone();
    let present =
        world.db.run(move |connection| Box::pin(async move { store::present(connection, &asked).await })).await?;
    let present: BTreeMap<_, _> = present.into_iter().map(|event| (event.id, event.is_chained)).collect();
    let missing: Vec<_> = committed.iter().filter(|event| !present.contains_key(&event.id)).collect();
    let chained = present.iter().filter(|(_, is_chained)| **is_chained).map(|(id, _)| *id);
    let settled: BTreeSet<_> = chained.chain(missing.iter().map(|event| event.id)).collect();
    if !missing.is_empty() {
        alarm(world, missing.len()).await?;
    }
    world.audit_numbers.forget(&settled);
    Ok(())
}

async fn alarm(world: &World, events: usize) -> Result<(), DatabaseError> {
    tracing::error!(
        events,
        "audit.events_missing: the database no longer has events that it had confirmed; see `heirloom audit verify`"
    );
    world.metrics.audit().missing.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
    // By its number, it shows later verifications what is gone.
    let recorded = world.transaction(Caller::server(), move |mut work| {
        Box::pin(async move { work.record(Kind::AuditEventsMissing, About::NOBODY, json!({ "events": events })).await })
    });
    recorded.await
}
