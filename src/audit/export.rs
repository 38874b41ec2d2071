use super::{EventFilter, Recorded, store};
use crate::{
    postgres::{Connector, DatabaseError},
    world::World,
};
use serde::Serialize;
use sqlx::Connection;

/// Rows that are held in memory at once.
const PAGE: i64 = 1_000;

/// An event as it is exported: as the API has it, with its place in the chain.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The event.
    #[serde(flatten)]
    pub event: Recorded,
    /// Its place; none: not chained yet.
    pub seq: Option<i64>,
    /// Its hash, in hexadecimal.
    pub hash: Option<String>,
}

/// Hands the events that a filter lets pass to `each`, oldest first, as of one moment, and holds only a page of them.
/// Chains what is new before. `each` says whether it wants more.
///
/// # Errors
/// When the database fails; what was handed out by then is right.
pub async fn export(
    world: &World,
    connector: &Connector,
    filter: &EventFilter,
    mut each: impl FnMut(Exported) -> bool,
) -> Result<(), DatabaseError> {
    drop(super::extend(world).await?);
    let mut connection = connector.snapshot().await?;
    let mut after = None;
    let done = loop {
        let page = match store::after(&mut connection, filter, after, PAGE).await {
            Ok(page) => page,
            Err(error) => break Err(error),
        };
        let Some(last) = page.last() else { break Ok(()) };
        after = Some(last.id);
        if !page.into_iter().map(Exported::from).all(&mut each) {
            break Ok(());
        }
    };
    drop(connection.close().await);
    done
}

impl From<super::entry::Entry> for Exported {
    fn from(mut entry: super::entry::Entry) -> Self {
        let (seq, hash) = (entry.seq, entry.hash.take());
        let hash = hash.map(|hash| hex(&hash));
        Self { event: entry.into(), seq, hash }
    }
}

fn hex(bytes: &[u8]) -> String {
    let digit = |number: u8| char::from_digit(u32::from(number), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
