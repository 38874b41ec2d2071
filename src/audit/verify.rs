use super::{
    chain::{Extension, extend},
    head::{Head, Standing},
    store::{self, AfterChained, AfterLoose},
    walk::{Anchor, Finding, KnownHead, Walk},
};
use crate::{
    kernel::{MacKeys, Moment},
    postgres::{Connector, DatabaseError},
    world::World,
};
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

/// Rows that are held in memory at once.
const PAGE: i64 = 2_000;

/// What a walk along the whole chain found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Events that were looked at.
    pub events: u64,
    /// Those of them that have no place in the chain yet.
    pub unchained: u64,
    /// Places before the first event there is, which were dropped with their months; the walk began at their anchor.
    pub dropped: i64,
    /// Where the chain ends, as `SEQ:HASH`: worth noting elsewhere. None: that cannot be believed.
    pub head: Option<String>,
    /// What is wrong: nothing, if all is well.
    pub findings: Vec<Finding>,
}

/// Chains what is new, then walks along the whole chain. Sees one moment of the log, and holds only a page of it.
///
/// # Errors
/// When the database fails.
pub async fn verify(world: &World, connector: &Connector, known: Option<KnownHead>) -> Result<Report, DatabaseError> {
    match extend(world).await? {
        // What is not chained is looked at all the same, and a refused head is found below.
        Extension::Extended(_) | Extension::Elsewhere | Extension::HeadRefused | Extension::HeadRegressed { .. } => {}
    }
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
    let (end, anchors) = (believable_head(connection, keys).await?, store::anchors(connection).await?);
    let (dropped, head) = (dropped(&anchors), end.as_ref().map(Head::to_string));
    let mut walk = Walk::new(keys, anchors, known, end);
    let chained = along_the_chain(connection, &mut walk).await?;
    let unchained = over_the_loose(connection, &mut walk).await?;
    Ok(Report { events: chained.saturating_add(unchained), unchained, dropped, head, findings: walk.finish() })
}

async fn believable_head(connection: &mut PgConnection, keys: &MacKeys) -> Result<Option<Head>, DatabaseError> {
    let Some(stored) = store::head(connection).await? else { return Ok(None) };
    Ok(match stored.standing(keys) {
        Standing::Ours => Some(stored.head),
        Standing::Foreign => None,
    })
}

/// Up to which place everything was dropped.
fn dropped(anchors: &[Anchor]) -> i64 {
    anchors.iter().fold(0, |last: i64, anchor| if anchor.first == last.saturating_add(1) { anchor.last } else { last })
}

async fn along_the_chain(connection: &mut PgConnection, walk: &mut Walk<'_>) -> Result<u64, DatabaseError> {
    let (mut met, mut seq, mut id) = (0_u64, i64::MIN, Uuid::nil());
    loop {
        let page = store::chained(connection, AfterChained { seq, id }, PAGE).await?;
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
