use super::entry::{Encoding, Entry};
use crate::kernel::{MacKeys, TagCheck};
use std::fmt;

/// Where the chain ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The last `seq`; zero: there is none yet.
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

    pub(super) fn tagged(&self, keys: &MacKeys) -> Vec<u8> {
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

/// The chain's end, as stored.
pub struct StoredHead {
    pub head: Head,
    /// None: nothing was ever chained.
    pub tag: Option<Vec<u8>>,
}

impl StoredHead {
    /// An end without a tag is never ours: see [`begin`].
    pub(super) fn standing(&self, keys: &MacKeys) -> HeadStanding {
        let is_ours = |tag: &Vec<u8>| keys.check(&self.head.encoded(), tag) == TagCheck::Genuine;
        if self.tag.as_ref().is_some_and(is_ours) { HeadStanding::Ours } else { HeadStanding::Foreign }
    }
}

/// Whether the stored end can be trusted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeadStanding {
    Ours,
    Foreign,
}

/// What the database says of the chain's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StoredEnd {
    /// Heirloom wrote it.
    Ours,
    /// There is none.
    Missing,
    /// It is the beginning, without its tag.
    Reset,
    /// Something else wrote it.
    Foreign,
}

impl StoredEnd {
    pub fn of(stored: Option<&StoredHead>, keys: &MacKeys) -> Self {
        match stored.map(|stored| (stored.standing(keys), stored.head.seq)) {
            None => Self::Missing,
            Some((HeadStanding::Ours, _)) => Self::Ours,
            Some((HeadStanding::Foreign, ..=0)) => Self::Reset,
            Some((HeadStanding::Foreign, _)) => Self::Foreign,
        }
    }
}
