use super::{
    About, Kind,
    descent::Descent,
    head::{Head, HeadStanding},
    store::{self, Chained},
};
use crate::{
    kernel::{Duration, MacKeys, Operator, TagCheck},
    postgres::DatabaseError,
    world::World,
};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

/// The head was inserted and is not there.
const NO_HEAD: DatabaseError =
    DatabaseError::Nonsense("audit_chain_head has no row and accepts none; a trigger or a rule?");

/// Events that one transaction gives places to.
const BATCH: i64 = 500;
/// How long it may take to find the end of a chain under a master key that is not named: all of it is read.
const PATIENCE: Duration = Duration::from_mins(10);

/// The outcome of chaining what is new.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// Everything that was to be seen has its place; this is the end now.
    Extended(Head),
    /// Another instance is at it.
    Elsewhere,
    /// The end of the chain was not written by Heirloom, or was removed. Nothing is chained to it.
    HeadRefused,
    /// The end of the chain is genuine and older than one that this instance has seen: the database went back in time.
    /// Nothing is chained to it.
    HeadRegressed {
        /// The stored end.
        stored: i64,
        /// The end that this instance has seen.
        seen: i64,
    },
}

enum Step {
    Placed { head: Head, all: bool },
    Elsewhere,
    HeadRefused,
    HeadRegressed { stored: i64, seen: i64 },
}

/// Gives every event that has none its place in the chain, batch after batch.
///
/// # Errors
/// When the database fails. What was chained by then stays chained.
pub async fn extend(world: &World) -> Result<Extension, DatabaseError> {
    loop {
        let moved = world.clone();
        let step = world.db.transaction(move |connection| Box::pin(step(connection, moved)));
        match step.await? {
            Step::Placed { head, all } => {
                world.audit_head.raise(head.seq, world.clock.now());
                if all {
                    return Ok(Extension::Extended(head));
                }
            }
            Step::Elsewhere => return Ok(Extension::Elsewhere),
            Step::HeadRefused => return Ok(Extension::HeadRefused),
            Step::HeadRegressed { stored, seen } => return Ok(Extension::HeadRegressed { stored, seen }),
        }
    }
}

async fn step(connection: &mut PgConnection, world: World) -> Result<Step, DatabaseError> {
    let keys = &world.audit_keys;
    let (stored, is_locked) = match store::lock_head(connection).await? {
        Some(stored) => (stored, true),
        None => match store::head(connection).await? {
            Some(stored) => (stored, false),
            None => return Ok(Step::HeadRefused),
        },
    };
    if stored.standing(keys) == HeadStanding::Foreign {
        return Ok(Step::HeadRefused);
    }
    if let Some(seen) = regression(connection, &world, &stored.head).await? {
        return Ok(Step::HeadRegressed { stored: stored.head.seq, seen });
    }
    if !is_locked {
        world.audit_head.raise(stored.head.seq, world.clock.now());
        return Ok(Step::Elsewhere);
    }
    let mut entries = store::unchained(connection, BATCH).await?;
    let all = entries.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    let is_current = stored.tag.is_some_and(|tag| keys.is_current(&tag));
    let head = stored.head.after(&mut entries, keys);
    if !entries.is_empty() {
        store::place(connection, &entries).await?;
    }
    if !entries.is_empty() || !is_current {
        store::set_head(connection, &head, &head.tagged(keys)).await?;
    }
    Ok(Step::Placed { head, all })
}

/// The higher end that this instance has seen, unless an operator has resumed the chain from the stored one since. None:
/// the stored end is at least as high.
async fn regression(connection: &mut PgConnection, world: &World, stored: &Head) -> Result<Option<i64>, DatabaseError> {
    let Some(seen) = world.audit_head.seen().filter(|seen| stored.seq < seen.number) else { return Ok(None) };
    let resumed = store::resumed_since(connection, Kind::AuditChainResumed.name(), seen.at).await?;
    if resumed.iter().any(|event| event.check(&world.audit_keys) == Some(TagCheck::Genuine)) {
        world.audit_head.lower(stored.seq, world.clock.now());
        // The numbers of what the restore has lost are missing from the present series.
        world.audit_numbers.restart();
        return Ok(None);
    }
    Ok(Some(seen.number))
}

/// Begins the chain, at the first start on a new database: the beginning has a tag like every later end, so that no one
/// else can put the chain back to it.
///
/// # Errors
/// When the database fails.
pub async fn begin(world: &World) -> Result<(), DatabaseError> {
    let keys = world.audit_keys.clone();
    let begun = world.db.transaction(move |connection| {
        Box::pin(async move {
            let Some(stored) = store::lock_head(connection).await? else { return Ok(()) };
            if stored.tag.is_none() && stored.head.seq == 0 && store::is_new_database(connection).await? {
                // Events of a version that recorded none of the tags may be there already.
                let untagged_until = store::count_unchained(connection).await?;
                let head = Head { untagged_until, ..stored.head };
                store::set_head(connection, &head, &head.tagged(&keys)).await?;
            }
            Ok(())
        })
    });
    begun.await
}

/// What an operator asks for who resumes the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// The stored end is refused: go on from the end that can be seen.
    FromVisibleEnd,
    /// The database was restored from a backup: go on from the stored end although it is genuine, and older than what
    /// running servers have seen.
    AfterRestore,
}

/// Resumes the chain from the end that can be seen, when the stored one is refused: after the master key was replaced and
/// the old one not named, or after tampering; or from an older end, after the database was restored. An event records
/// it, by which running servers know. None: there is nothing to resume, the stored end is genuine.
///
/// # Errors
/// When the database fails.
pub async fn resume(world: &World, operator: Operator, resumption: Resumption) -> Result<Option<Head>, DatabaseError> {
    let resumed = world.long_transaction(PATIENCE, operator.into(), move |mut work| {
        Box::pin(async move {
            store::restore_head(work.connection).await?;
            let Some(stored) = store::wait_for_head(work.connection).await? else { return Err(NO_HEAD) };
            let head = match (stored.standing(&work.world.audit_keys), resumption) {
                (HeadStanding::Ours, Resumption::FromVisibleEnd) => return Ok(None),
                (HeadStanding::Ours, Resumption::AfterRestore) => stored.head,
                (HeadStanding::Foreign, _) => visible_end(work.connection, &work.world.audit_keys).await?,
            };
            store::set_head(work.connection, &head, &head.tagged(&work.world.audit_keys)).await?;
            let details = json!({ "seq": head.seq, "after_restore": resumption == Resumption::AfterRestore });
            work.record(Kind::AuditChainResumed, About::NOBODY, details).await?;
            Ok(Some(head))
        })
    });
    resumed.await
}

/// The end that the chain itself shows: events behind it may have been forged together with the stored one.
async fn visible_end(connection: &mut PgConnection, keys: &MacKeys) -> Result<Head, DatabaseError> {
    let mut descent = Descent::new(keys, store::anchors(connection).await?);
    let (mut seq, mut id) = (i64::MAX, Uuid::max());
    loop {
        let page = store::chained_before(connection, Chained { seq, id }, BATCH).await?;
        let Some(last) = page.last() else { return Ok(descent.finish()) };
        (seq, id) = (last.seq.unwrap_or(i64::MIN), last.id);
        if let Some(end) = page.into_iter().find_map(|entry| descent.meet(entry)) {
            return Ok(end);
        }
    }
}

/// Accepts what a verification found and will find again, so that running servers raise no alarm about it. An event
/// records it.
///
/// # Errors
/// When the database fails.
pub async fn accept(world: &World, operator: Operator, fingerprint: String) -> Result<(), DatabaseError> {
    let accepted = world.transaction(operator.into(), move |mut work| {
        Box::pin(async move {
            work.record(Kind::AuditChainResumed, About::NOBODY, json!({ "accepted": fingerprint })).await
        })
    });
    accepted.await
}
