use super::{
    entry::{Encoding, Entry},
    finding::{ChainFinding, KnownHead},
    gaps::Gaps,
    head::Head,
    model::Kind,
    resumed::Resumed,
};
use crate::kernel::{MacKeys, TagCheck};
use std::collections::BTreeMap;

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
    findings: Vec<ChainFinding>,
    gaps: Gaps,
    resumed: Resumed,
    /// Events that are not genuine or gone, which leave gaps of their own.
    explained: i64,
    /// Events that were changed or inserted, by the month of their time.
    by_month: BTreeMap<String, u64>,
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
            gaps: Gaps::default(),
            resumed: Resumed::default(),
            explained: 0,
            by_month: BTreeMap::new(),
        };
        for anchor in anchors {
            match anchor.check(keys) {
                TagCheck::Genuine => walk.anchors.push(anchor),
                TagCheck::UnknownKey | TagCheck::Forged => {
                    walk.findings.push(ChainFinding::AnchorForged { first: anchor.first, last: anchor.last });
                }
            }
        }
        walk
    }

    /// What operators have resumed is not held against the log.
    pub fn after(mut self, resumed: Resumed) -> Self {
        self.gaps = Gaps::begun_after(resumed.after_restore);
        self.resumed = resumed;
        self
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
            Some(TagCheck::Genuine) => self.believe(entry),
            Some(TagCheck::UnknownKey) => self.count_unverifiable(),
            Some(TagCheck::Forged) => self.changed(None, entry),
            None => self.inserted(None, entry),
        }
    }

    /// What a genuine event says.
    fn believe(&mut self, entry: &Entry) {
        self.gaps.meet(entry);
        if entry.kind == Kind::AuditChainRefused.name() && self.resumed.last.is_none_or(|last| entry.at > last) {
            let number = |name: &str| entry.details.get(name).and_then(serde_json::Value::as_i64).unwrap_or_default();
            let seen = ChainFinding::HeadRegressed { stored: number("stored"), seen: number("seen") };
            if !self.findings.contains(&seen) {
                self.findings.push(seen);
            }
        }
    }

    fn changed(&mut self, seq: Option<i64>, entry: &Entry) {
        self.explained = self.explained.saturating_add(1);
        self.note_month(entry);
        self.findings.push(ChainFinding::Changed { seq, id: entry.id });
    }

    fn inserted(&mut self, seq: Option<i64>, entry: &Entry) {
        self.note_month(entry);
        self.findings.push(ChainFinding::Inserted { seq, id: entry.id });
    }

    fn note_month(&mut self, entry: &Entry) {
        let events = self.by_month.entry(entry.at.format("%Y-%m").to_string()).or_default();
        *events = events.saturating_add(1);
    }

    fn count_unverifiable(&mut self) {
        self.explained = self.explained.saturating_add(1);
        self.unverifiable = self.unverifiable.saturating_add(1);
    }

    /// What was found, once there are no more, and how many events were changed or inserted in each month (`2026-11`).
    pub fn finish(mut self) -> (Vec<ChainFinding>, BTreeMap<String, u64>) {
        self.settle_place();
        let end = self.end.take();
        if let Some(end) = &end {
            self.pass_to(end.seq.saturating_add(1));
        }
        if !end.is_some_and(|end| !self.is_sure || self.hash == end.hash) {
            self.findings.push(ChainFinding::HeadForged);
        }
        if let Some(known) = self.known.take_if(|known| known.seq > self.last) {
            self.findings.push(ChainFinding::NotTheNotedHead { seq: known.seq });
        }
        if self.unverifiable > 0 {
            self.findings.push(ChainFinding::Unverifiable { events: self.unverifiable });
        }
        self.find_gaps();
        (self.findings, self.by_month)
    }

    /// An event that is gone from its place, or is not genuine, is missing among the numbers too: it was named already.
    fn find_gaps(&mut self) {
        let gaps = self.gaps.found();
        let missing = gaps.iter().fold(0_i64, |sum, gap| sum.saturating_add(span(gap.first, gap.last)));
        let removed = self.findings.iter().fold(0_i64, |sum, finding| sum.saturating_add(finding.removed()));
        if missing > removed.saturating_add(self.explained) {
            self.findings.extend(gaps.into_iter().map(ChainFinding::from));
        }
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
        for entry in &entries {
            self.inserted(entry.seq, entry);
        }
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
                self.findings.push(ChainFinding::Removed { first: next, last });
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
            None if self.end.as_ref().is_none_or(|end| seq > end.untagged_until) => self.inserted(Some(seq), &entry),
            Some(TagCheck::Forged) => self.changed(Some(seq), &entry),
            _ if is_misplaced => self.changed(Some(seq), &entry),
            Some(TagCheck::UnknownKey) => self.count_unverifiable(),
            Some(TagCheck::Genuine) => {
                self.believe(&entry);
                self.note_unknown_place(place);
            }
            None => self.note_unknown_place(place),
        }
        self.is_sure = place != TagCheck::Forged;
        (self.last, self.hash) = (seq, entry.hash.unwrap_or_default());
        self.compare_noted();
    }

    fn note_unknown_place(&mut self, place: TagCheck) {
        self.unverifiable = self.unverifiable.saturating_add(u64::from(place == TagCheck::UnknownKey));
    }

    /// Whether the place just reached, if it is the noted one, has the noted hash. A place in the midst of what was
    /// dropped can no longer be compared, and is let pass.
    fn compare_noted(&mut self) {
        let Some(known) = self.known.take_if(|known| known.seq <= self.last) else { return };
        let head = Head { seq: self.last, hash: self.hash.clone(), untagged_until: 0 };
        let is_past = known.seq < self.last;
        if !is_past && head.to_string() != format!("{}:{}", known.seq, known.hash) {
            self.findings.push(ChainFinding::NotTheNotedHead { seq: known.seq });
        }
    }
}

/// How many numbers there are from the first to the last.
pub(super) fn span(first: i64, last: i64) -> i64 {
    last.saturating_sub(first).saturating_add(1)
}

#[cfg(test)]
pub(super) mod tests;
