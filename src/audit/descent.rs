use super::{entry::Entry, head::Head, walk::Anchor};
use crate::kernel::{MacKeys, TagCheck};

/// A walk down the chain, from its highest place, to the end that the chain itself shows. Knows no database.
///
/// The end is the last place that is linked to the one before it. What something else wrote behind it is not followed: the
/// places up to there would be missing for good.
pub(super) struct Descent<'a> {
    keys: &'a MacKeys,
    anchors: Vec<Anchor>,
    /// The entries of the place above, and those of the one that is being met.
    above: Vec<Entry>,
    here: Vec<Entry>,
    /// The end of a run of places under a master key that is not named: an end if the run leads down to the chain.
    run: Option<Head>,
}

/// How a place is linked to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    None,
    UnknownKey,
    Genuine,
}

impl<'a> Descent<'a> {
    pub fn new(keys: &'a MacKeys, anchors: Vec<Anchor>) -> Self {
        Self { keys, anchors, above: Vec::new(), here: Vec::new(), run: None }
    }

    /// The next entry, from the highest place down. Returns the end once it is found.
    pub fn meet(&mut self, entry: Entry) -> Option<Head> {
        let mut found = None;
        if self.here.first().is_some_and(|other| other.seq != entry.seq) {
            found = self.judge(TagCheck::Genuine);
            self.above = std::mem::take(&mut self.here);
        }
        self.here.push(entry);
        found
    }

    /// The end, once there are no more entries. Nothing at all: the beginning.
    pub fn finish(mut self) -> Head {
        let found = self.judge(TagCheck::Genuine).or_else(|| {
            self.above = std::mem::take(&mut self.here);
            // Below the lowest event lies only what was dropped with its month.
            self.judge(TagCheck::UnknownKey)
        });
        found.or_else(|| self.run.take()).unwrap_or_else(|| self.last_dropped())
    }

    /// Judges the place above. Anchors count if their tag is at least so good.
    fn judge(&mut self, anchors: TagCheck) -> Option<Head> {
        let seq = self.above.first()?.seq?;
        let below = self.hashes_of(seq.saturating_sub(1), anchors);
        let link = |entry: &Entry| below.iter().map(|hash| link(entry.stands_after(self.keys, hash))).max();
        let linked =
            self.above.iter().map(|entry| (link(entry).unwrap_or(Link::None), entry)).max_by_key(|(link, _)| *link);
        let (link, entry) = linked?;
        let end = Head { seq, hash: entry.hash.clone().unwrap_or_default(), untagged_until: 0 };
        match link {
            Link::Genuine => Some(self.run.take().unwrap_or(end)),
            Link::UnknownKey => {
                self.run.get_or_insert(end);
                None
            }
            Link::None => {
                self.run = None;
                None
            }
        }
    }

    /// The hashes that this place has or had; before the first place, it is empty.
    fn hashes_of(&self, seq: i64, anchors: TagCheck) -> Vec<Vec<u8>> {
        let events = self.here.iter().filter(|entry| entry.seq == Some(seq)).filter_map(|entry| entry.hash.clone());
        let is_good = |anchor: &&Anchor| {
            let check = anchor.check(self.keys);
            check == TagCheck::Genuine || check == anchors
        };
        let dropped = self.anchors.iter().filter(|anchor| anchor.last == seq).filter(is_good);
        let beginning = (seq == 0).then(Vec::new);
        events.chain(dropped.map(|anchor| anchor.hash.clone())).chain(beginning).collect()
    }

    /// The end of what was dropped, if no event is left.
    fn last_dropped(&self) -> Head {
        let of = |wanted: TagCheck| {
            let good = self.anchors.iter().filter(move |anchor| anchor.check(self.keys) == wanted);
            good.max_by_key(|anchor| anchor.last)
        };
        let last = of(TagCheck::Genuine).or_else(|| of(TagCheck::UnknownKey));
        let (seq, hash) = last.map(|anchor| (anchor.last, anchor.hash.clone())).unwrap_or_default();
        Head { seq, hash, untagged_until: 0 }
    }
}

fn link(check: TagCheck) -> Link {
    match check {
        TagCheck::Genuine => Link::Genuine,
        TagCheck::UnknownKey => Link::UnknownKey,
        TagCheck::Forged => Link::None,
    }
}

#[cfg(test)]
mod tests;
