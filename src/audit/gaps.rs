use super::entry::Entry;
use crate::kernel::{Duration, Moment, least_uuid};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The numbers of genuine events, series by series: what is missing of them was removed.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Series that began before this one are not judged: an operator has resumed the chain after a restore since.
    first_judged: Option<Uuid>,
    series: BTreeMap<Uuid, Series>,
}

#[derive(Debug, Default)]
struct Series {
    /// Runs of numbers that are there: the first and the last of each.
    there: BTreeMap<i64, i64>,
    settled: i64,
    rolled_back: BTreeSet<i64>,
}

/// Numbers of a series that no event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gap {
    pub series: Uuid,
    pub first: i64,
    pub last: i64,
}

impl Gaps {
    /// Judges only series that began after this moment.
    pub fn begun_after(moment: Option<Moment>) -> Self {
        let first_judged = moment.map(|moment| least_uuid(moment + Duration::from_millis(1)));
        Self { first_judged, series: BTreeMap::new() }
    }

    /// A genuine event.
    pub fn meet(&mut self, entry: &Entry) {
        let (Some(id), Some(number), Some(settled)) = (entry.series, entry.number, entry.settled) else { return };
        if self.first_judged.is_some_and(|first| id < first) {
            return;
        }
        let series = self.series.entry(id).or_default();
        series.add(number);
        series.settled = series.settled.max(settled);
        series.rolled_back.extend(entry.rolled_back.iter().flatten());
    }

    /// What is missing, and was committed.
    pub fn found(&self) -> Vec<Gap> {
        let of = |(id, series): (&Uuid, &Series)| {
            let id = *id;
            series.missing().into_iter().map(move |(first, last)| Gap { series: id, first, last }).collect::<Vec<_>>()
        };
        self.series.iter().flat_map(of).collect()
    }
}

impl Series {
    fn add(&mut self, number: i64) {
        let before = self.there.range(..=number).next_back().map(|(first, last)| (*first, *last));
        let (first, joined) = match before {
            Some((_, last)) if number <= last => return,
            Some((first, last)) if last.saturating_add(1) == number => (first, number),
            Some(_) | None => (number, number),
        };
        let last = self.there.remove(&number.saturating_add(1)).unwrap_or(joined);
        self.there.insert(first, last);
    }

    /// The first and last of each run that is missing.
    fn missing(&self) -> Vec<(i64, i64)> {
        let mut there = self.clone_with_rolled_back();
        there.add(self.settled.saturating_add(1));
        let mut next = 1;
        let mut missing = Vec::new();
        for (first, last) in &there.there {
            if *first > next && next <= self.settled {
                missing.push((next, first.saturating_sub(1)));
            }
            next = next.max(last.saturating_add(1));
        }
        missing
    }

    fn clone_with_rolled_back(&self) -> Self {
        let mut whole = Self { there: self.there.clone(), ..Self::default() };
        for number in &self.rolled_back {
            whole.add(*number);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(there: &[i64], settled: i64, rolled_back: &[i64]) -> Series {
        let mut series = Series { settled, rolled_back: rolled_back.iter().copied().collect(), ..Series::default() };
        for number in there {
            series.add(*number);
        }
        series
    }

    #[test]
    fn what_is_neither_there_nor_rolled_back_is_missing() {
        for (there, settled, rolled_back, expected) in [
            (&[][..], 0, &[][..], &[][..]),
            (&[1, 2, 3], 2, &[], &[]),
            (&[3, 1, 2], 3, &[], &[]),
            (&[1, 3], 2, &[], &[(2, 2)]),
            (&[1, 3], 2, &[2], &[]),
            (&[1, 3], 1, &[], &[]),
            (&[4], 3, &[2], &[(1, 1), (3, 3)]),
            (&[2, 9, 4], 8, &[3], &[(1, 1), (5, 8)]),
            (&[1, 1, 2, 2, 5], 4, &[9, 1], &[(3, 4)]),
            (&[7], 3, &[], &[(1, 3)]),
            (&[i64::MAX], i64::MAX, &[i64::MIN], &[(1, i64::MAX - 1)]),
        ] {
            assert_eq!(series(there, settled, rolled_back).missing(), expected, "{there:?} {settled} {rolled_back:?}");
        }
    }
}
