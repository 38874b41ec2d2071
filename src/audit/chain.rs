use super::{
    About, Kind,
    entry::{Encoding, Entry},
    store::{self, StoredHead},
};
use crate::{
    kernel::{MacKeys, Operator, TagCheck},
    postgres::DatabaseError,
    world::World,
};
use serde_json::json;
use sqlx::PgConnection;
use std::fmt;

/// Events that one transaction gives places to.
const BATCH: i64 = 500;

/// Where the chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last place; nought: there is none yet.
    pub seq: i64,
    /// Its hash.
    pub hash: Vec<u8>,
    /// Events up to this place may be without a tag: they were there before the chain began.
    pub untagged_until: i64,
}

/// As operators note it and `heirloom audit verify --head` takes it: `SEQ:HASH`.
impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What became of the wish to chain what is new.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extension {
    /// Everything that was to be seen has its place; this is the end now.
    Extended(Head),
    /// Another instance is at it.
    Elsewhere,
    /// The end of the chain is not as we left it: somebody else wrote it, or removed it. Nothing is chained to it.
    HeadRefused,
}

enum Step {
    Placed { head: Head, all: bool },
    Elsewhere,
    HeadRefused,
}

/// Gives every event that has none its place in the chain, batch after batch.
///
/// # Errors
/// When the database fails. What was chained by then stays chained.
pub async fn extend(world: &World) -> Result<Extension, DatabaseError> {
    loop {
        let keys = world.audit_keys.clone();
        let step = world.db.transaction(move |connection| Box::pin(step(connection, keys)));
        match step.await? {
            Step::Placed { all: false, .. } => {}
            Step::Placed { head, all: true } => return Ok(Extension::Extended(head)),
            Step::Elsewhere => return Ok(Extension::Elsewhere),
            Step::HeadRefused => return Ok(Extension::HeadRefused),
        }
    }
}

async fn step(connection: &mut PgConnection, keys: MacKeys) -> Result<Step, DatabaseError> {
    let Some(stored) = store::lock_head(connection).await? else {
        let is_there = store::head(connection).await?.is_some();
        return Ok(if is_there { Step::Elsewhere } else { Step::HeadRefused });
    };
    let began = match stored.standing(connection, &keys).await? {
        Standing::Ours => stored.head,
        Standing::Beginning => {
            Head { untagged_until: store::count_unchained(connection).await?, hash: Vec::new(), seq: 0 }
        }
        Standing::Foreign => return Ok(Step::HeadRefused),
    };
    let mut entries = store::unchained(connection, BATCH).await?;
    let all = entries.len() < usize::try_from(BATCH).unwrap_or(usize::MAX);
    let head = began.after(&mut entries, &keys);
    if !entries.is_empty() {
        store::place(connection, &entries).await?;
    }
    if !entries.is_empty() || !stored.tag.is_some_and(|tag| keys.is_current(&tag)) {
        store::set_head(connection, &head, &head.tagged(&keys)).await?;
    }
    Ok(Step::Placed { head, all })
}

/// Has the chain go on from the end that can be seen, when the stored one is not ours (any more): after the master key
/// was replaced without the old one being named, or somebody has tampered with it. An event says so. None: there is
/// nothing to resume, the stored end is ours.
///
/// # Errors
/// When the database fails.
pub async fn resume(world: &World, operator: Operator) -> Result<Option<Head>, DatabaseError> {
    let resumed = world.transaction(operator.into(), |mut work| {
        Box::pin(async move {
            store::restore_head(work.connection).await?;
            let Some(stored) = store::lock_head(work.connection).await? else { return Err(DatabaseError::TooSlow) };
            if stored.standing(work.connection, &work.world.audit_keys).await? != Standing::Foreign {
                return Ok(None);
            }
            let (seq, hash) = store::visible_end(work.connection).await?.unwrap_or_default();
            // Whoever wrote the end may have written this as well.
            let head = Head { seq, hash, untagged_until: 0 };
            store::set_head(work.connection, &head, &head.tagged(&work.world.audit_keys)).await?;
            work.record(Kind::AuditChainResumed, About::NOBODY, json!({ "seq": seq })).await?;
            Ok(Some(head))
        })
    });
    resumed.await
}

/// What is to be thought of the stored end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Ours,
    /// Nothing was ever chained.
    Beginning,
    Foreign,
}

impl StoredHead {
    pub(super) async fn standing(
        &self,
        connection: &mut PgConnection,
        keys: &MacKeys,
    ) -> Result<Standing, DatabaseError> {
        let Some(tag) = &self.tag else {
            let begins = self.head.seq == 0 && !store::has_chain(connection).await?;
            return Ok(if begins { Standing::Beginning } else { Standing::Foreign });
        };
        let is_ours = keys.check(&self.head.encoded(), tag) == TagCheck::Genuine;
        Ok(if is_ours { Standing::Ours } else { Standing::Foreign })
    }
}

impl Head {
    /// Gives these entries the places after this one.
    pub(super) fn after(mut self, entries: &mut [Entry], keys: &MacKeys) -> Self {
        for entry in entries {
            self.seq = self.seq.saturating_add(1);
            self.hash = entry.chained(keys, &self.hash, self.seq);
            entry.seq = Some(self.seq);
            entry.hash = Some(self.hash.clone());
        }
        self
    }

    fn tagged(&self, keys: &MacKeys) -> Vec<u8> {
        keys.tag(&self.encoded())
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Encoding::of("heirloom audit head v1");
        bytes.field(Some(&self.seq.to_be_bytes()));
        bytes.field(Some(&self.hash));
        bytes.field(Some(&self.untagged_until.to_be_bytes()));
        bytes.0
    }
}
