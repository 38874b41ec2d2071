use super::{
    entry::{Encoding, Entry},
    head::Head,
};
use crate::kernel::{MacKeys, TagCheck};
use serde::Serialize;
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Places that were dropped with their month.
#[derive(Debug, Clone)]
pub(super) struct Anchor {
    pub first: i64,
    pub last: i64,
    /// The hash of the last of them.
    pub hash: Vec<u8>,
    pub tag: Vec<u8>,
}

impl Anchor {
    pub fn tagged(&self, keys: &MacKeys) -> Vec<u8> {
        keys.tag(&self.encoded())
    }

    pub fn check(&self, keys: &MacKeys) -> TagCheck {
        keys.check(&self.encoded(), &self.tag)
    }

    fn encoded(&self) -> Vec<u8> {
        let mut bytes = Encoding::of("heirloom audit anchor v1");
        bytes.field(Some(&self.first.to_be_bytes()));
        bytes.field(Some(&self.last.to_be_bytes()));
        bytes.field(Some(&self.hash));
        bytes.0
    }
}

/// An end of the chain that was noted elsewhere: `SEQ:HASH`, as the log line `audit.chain_head` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHead {
    seq: i64,
    hash: String,
}

/// Why a text is none.
#[derive(Debug, thiserror::Error)]
#[error("write SEQ:HASH, as the log line `audit.chain_head` has it")]
pub struct NoHead;

impl FromStr for KnownHead {
    type Err = NoHead;

    fn from_str(text: &str) -> Result<Self, NoHead> {
        let (seq, hash) = text.split_once(':').ok_or(NoHead)?;
        let seq = seq.parse().map_err(|_no_number| NoHead)?;
        let is_hash = hash.len() == 72 && hash.chars().all(|digit| digit.is_ascii_hexdigit());
        if is_hash && seq > 0 { Ok(Self { seq, hash: hash.to_ascii_lowercase() }) } else { Err(NoHead) }
    }
}

/// One thing that is wrong with the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum Finding {
    /// An event is not as it was recorded, or its hash is not as it was made.
    Changed {
        /// Its place; none: not chained yet.
        seq: Option<i64>,
        /// Which.
        id: Uuid,
    },
    /// Events that had these places are gone.
    Removed {
        /// The first of them.
        first: i64,
        /// The last of them.
        last: i64,
    },
    /// Heirloom recorded no such event.
    Inserted {
        /// Where it stands; none: not chained yet.
        seq: Option<i64>,
        /// Which.
        id: Uuid,
    },
    /// Events that were recorded or chained under a master key that is not named.
    Unverifiable {
        /// How many.
        events: u64,
    },
    /// What says that events were dropped with their month was not written by Heirloom.
    AnchorForged {
        /// The first place that it speaks of.
        first: i64,
        /// The last.
        last: i64,
    },
    /// The stored end of the chain was not written by Heirloom, or is gone.
    HeadForged,
    /// The event of the noted place has another hash, or none can have it.
    NotTheNotedHead {
        /// The place.
        seq: i64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |seq: &Option<i64>| seq.map_or_else(|| "not yet chained".to_owned(), |seq| format!("place {seq}"));
        match self {
            Self::Changed { seq, id } => write!(f, "changed: event {id}, {}", place(seq)),
            Self::Removed { first, last } if first == last => write!(f, "removed: the event of place {first}"),
            Self::Removed { first, last } => write!(f, "removed: the events of places {first} to {last}"),
            Self::Inserted { seq, id } => write!(f, "inserted: event {id}, {}", place(seq)),
            Self::Unverifiable { events } => write!(
                f,
                "unverifiable: {events} events are of a master key that HEIRLOOM_MASTER_KEY_PREVIOUS does not name"
            ),
            Self::AnchorForged { first, last } => {
                write!(f, "forged: the record that places {first} to {last} were dropped with their month")
            }
            Self::HeadForged => write!(f, "forged: the stored end of the chain is not as Heirloom left it"),
            Self::NotTheNotedHead { seq } => {
                write!(f, "rewritten: place {seq} has not the hash that was noted, or is gone")
            }
        }
    }
}

/// A walk along the chain, entry after entry in the order of their places. Knows no database.
///
/// Each fault is reported once: after a gap or a change, the stored hash is taken for what the next entry is chained to,
/// and is not held against that entry when it does not fit.
pub(super) struct Walk<'a> {
    keys: &'a MacKeys,
    anchors: Vec<Anchor>,
    known: Option<KnownHead>,
    /// Where the chain ends, if that can be believed.
    end: Option<Head>,
    last: i64,
    hash: Vec<u8>,
    is_sure: bool,
    same_place: Vec<Entry>,
    unverifiable: u64,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    /// `end`: where the chain ends. None: what says so cannot be believed.
    pub fn new(keys: &'a MacKeys, anchors: Vec<Anchor>, known: Option<KnownHead>, end: Option<Head>) -> Self {
        let mut walk = Self {
            keys,
            anchors: Vec::new(),
            known,
            end,
            last: 0,
            hash: Vec::new(),
            is_sure: true,
            same_place: Vec::new(),
            unverifiable: 0,
            findings: Vec::new(),
        };
        for anchor in anchors {
            match anchor.check(keys) {
                TagCheck::Genuine => walk.anchors.push(anchor),
                TagCheck::UnknownKey | TagCheck::Forged => {
                    walk.findings.push(Finding::AnchorForged { first: anchor.first, last: anchor.last });
                }
            }
        }
        walk
    }

    /// The next entry.
    pub fn meet(&mut self, entry: Entry) {
        if self.same_place.first().is_some_and(|other| other.seq != entry.seq) {
            self.settle_place();
        }
        self.same_place.push(entry);
    }

    /// Entries that are in no place yet: whether they are as they were recorded is all that can be said.
    pub fn meet_loose(&mut self, entry: &Entry) {
        match entry.check(self.keys) {
            Some(TagCheck::Genuine) => {}
            Some(TagCheck::UnknownKey) => self.unverifiable = self.unverifiable.saturating_add(1),
            Some(TagCheck::Forged) => self.findings.push(Finding::Changed { seq: None, id: entry.id }),
            None => self.findings.push(Finding::Inserted { seq: None, id: entry.id }),
        }
    }

    /// What was found, once there are no more.
    pub fn finish(mut self) -> Vec<Finding> {
        self.settle_place();
        let end = self.end.take();
        if let Some(end) = &end {
            self.pass_to(end.seq.saturating_add(1));
        }
        if !end.is_some_and(|end| !self.is_sure || self.hash == end.hash) {
            self.findings.push(Finding::HeadForged);
        }
        if let Some(known) = self.known.take_if(|known| known.seq > self.last) {
            self.findings.push(Finding::NotTheNotedHead { seq: known.seq });
        }
        if self.unverifiable > 0 {
            self.findings.push(Finding::Unverifiable { events: self.unverifiable });
        }
        self.findings
    }

    /// Of several entries in one place, one can be right.
    fn settle_place(&mut self) {
        let mut entries = std::mem::take(&mut self.same_place);
        let Some(seq) = entries.first().and_then(|entry| entry.seq) else { return };
        if seq > self.last && !self.is_beyond_the_end(&entries) {
            self.pass_to(seq);
            let fits = |entry: &Entry| entry.stands_after(self.keys, &self.hash) == TagCheck::Genuine;
            let genuine = |entry: &Entry| entry.check(self.keys) == Some(TagCheck::Genuine);
            let right = entries.iter().position(fits).or_else(|| entries.iter().position(genuine)).unwrap_or_default();
            if right < entries.len() {
                let entry = entries.swap_remove(right);
                self.step(seq, entry);
            }
        }
        self.findings.extend(entries.into_iter().map(|entry| Finding::Inserted { seq: entry.seq, id: entry.id }));
    }

    /// Behind the end, and not chained to it: what lies between is not a gap.
    fn is_beyond_the_end(&self, entries: &[Entry]) -> bool {
        let is_beyond = |seq| self.end.as_ref().is_some_and(|end| seq > end.seq);
        let fits = |entry: &Entry| entry.stands_after(self.keys, &self.hash) == TagCheck::Genuine;
        entries.first().and_then(|entry| entry.seq).is_some_and(is_beyond) && !entries.iter().any(fits)
    }

    /// From the last place to the one before this, over what was dropped.
    fn pass_to(&mut self, seq: i64) {
        while self.last.saturating_add(1) < seq {
            let next = self.last.saturating_add(1);
            let dropped = self.anchors.iter().find(|anchor| anchor.first <= next && next <= anchor.last);
            let (last, hash, is_dropped) = if let Some(anchor) = dropped {
                (anchor.last, anchor.hash.clone(), true)
            } else {
                let following = self.anchors.iter().map(|anchor| anchor.first).filter(|first| *first > next).min();
                let last = following.map_or(seq, |first| first.min(seq)).saturating_sub(1);
                self.findings.push(Finding::Removed { first: next, last });
                (last, Vec::new(), false)
            };
            (self.last, self.hash, self.is_sure) = (last, hash, is_dropped);
            self.compare_noted();
        }
    }

    fn step(&mut self, seq: i64, entry: Entry) {
        let content = entry.check(self.keys);
        let place = entry.stands_after(self.keys, &self.hash);
        let is_misplaced = place == TagCheck::Forged && self.is_sure;
        match content {
            None if self.end.as_ref().is_none_or(|end| seq > end.untagged_until) => {
                self.findings.push(Finding::Inserted { seq: Some(seq), id: entry.id });
            }
            Some(TagCheck::Forged) => self.findings.push(Finding::Changed { seq: Some(seq), id: entry.id }),
            _ if is_misplaced => self.findings.push(Finding::Changed { seq: Some(seq), id: entry.id }),
            Some(TagCheck::UnknownKey) => self.unverifiable = self.unverifiable.saturating_add(1),
            Some(TagCheck::Genuine) | None => {
                let unknown = u64::from(place == TagCheck::UnknownKey);
                self.unverifiable = self.unverifiable.saturating_add(unknown);
            }
        }
        self.is_sure = place != TagCheck::Forged;
        (self.last, self.hash) = (seq, entry.hash.unwrap_or_default());
        self.compare_noted();
    }

    /// Whether the place just reached, if it is the noted one, has the noted hash. A place in the midst of what was
    /// dropped can no longer be compared, and is let pass.
    fn compare_noted(&mut self) {
        let Some(known) = self.known.take_if(|known| known.seq <= self.last) else { return };
        let head = Head { seq: self.last, hash: self.hash.clone(), untagged_until: 0 };
        let is_past = known.seq < self.last;
        if !is_past && head.to_string() != format!("{}:{}", known.seq, known.hash) {
            self.findings.push(Finding::NotTheNotedHead { seq: known.seq });
        }
    }
}

#[cfg(test)]
mod tests;
