use super::{Moment, Rng, new_uuid};
use chrono::Datelike;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Numbers of rolled-back transactions that a series carries along. With more, a new series begins.
const MOST_ROLLED_BACK: usize = 64;
/// Committed writes that are remembered. With more, the oldest are forgotten.
const MOST_COMMITTED: usize = 10_000;

/// Numbers that this process gives to what it writes, so that what is removed later leaves a gap.
///
/// A series is of one month: months are dropped as a whole, and whole series with them.
#[derive(Debug, Clone, Default)]
pub struct Numbering(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    series: BTreeMap<SeriesMonth, Series>,
    committed: VecDeque<Committed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SeriesMonth {
    year: i32,
    month: u32,
}

#[derive(Debug)]
struct Series {
    id: Uuid,
    last: i64,
    open: BTreeSet<i64>,
    rolled_back: BTreeSet<i64>,
}

/// A number, and what it says of the numbers before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteNumber {
    /// The series.
    pub series: Uuid,
    /// From one.
    pub number: i64,
    /// Each number up to this one was committed or rolled back.
    pub settled: i64,
    /// Those that were rolled back, unless a committed write says so already.
    pub rolled_back: Vec<i64>,
}

/// A write whose commit the database has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// What was written.
    pub id: Uuid,
    /// Its time.
    pub at: Moment,
}

/// The numbers that one unit of work took. What was not confirmed when the last copy is dropped counts as rolled back.
#[derive(Debug, Clone)]
pub struct Ticket(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    numbering: Numbering,
    writes: Mutex<Vec<(Committed, WriteNumber)>>,
}

impl Numbering {
    /// For a unit of work.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        Ticket(Arc::new(Taken { numbering: self.clone(), writes: Mutex::default() }))
    }

    /// Committed writes that were not forgotten yet, oldest first.
    #[must_use]
    pub fn committed(&self) -> Vec<Committed> {
        self.state().committed.iter().copied().collect()
    }

    /// Forgets committed writes.
    pub fn forget(&self, ids: &BTreeSet<Uuid>) {
        self.state().committed.retain(|written| !ids.contains(&written.id));
    }

    /// New series begin: what is missing of the present ones is known.
    pub fn restart(&self) {
        self.state().series.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The number of a write of this id and time.
    #[must_use]
    pub fn number(&self, write: Committed, rng: &Rng) -> WriteNumber {
        let numbered = self.0.numbering.state().take(write.at, rng);
        self.0.writes.lock().unwrap_or_else(PoisonError::into_inner).push((write, numbered.clone()));
        numbered
    }

    /// The database has confirmed the commit.
    pub fn committed(&self) {
        let mut state = self.0.numbering.state();
        for (written, numbered) in self.0.take() {
            state.commit(written, &numbered);
        }
    }
}

impl Taken {
    fn take(&self) -> Vec<(Committed, WriteNumber)> {
        mem::take(&mut *self.writes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let writes = self.take();
        let mut state = self.numbering.state();
        for (_, numbered) in &writes {
            state.roll_back(numbered);
        }
    }
}

impl State {
    fn take(&mut self, at: Moment, rng: &Rng) -> WriteNumber {
        let month = SeriesMonth { year: at.year(), month: at.month() };
        let series = self.series.entry(month).or_insert_with(|| Series::new(at, rng));
        let settled = series.open.first().map_or(series.last, |first| first.saturating_sub(1));
        series.last = series.last.saturating_add(1);
        series.open.insert(series.last);
        WriteNumber {
            series: series.id,
            number: series.last,
            settled,
            rolled_back: series.rolled_back.iter().copied().collect(),
        }
    }

    fn commit(&mut self, written: Committed, numbered: &WriteNumber) {
        if let Some(series) = self.of(numbered.series) {
            series.open.remove(&numbered.number);
            series.rolled_back.retain(|number| !numbered.rolled_back.contains(number));
        }
        if self.committed.len() >= MOST_COMMITTED {
            self.committed.pop_front();
        }
        self.committed.push_back(written);
    }

    fn roll_back(&mut self, numbered: &WriteNumber) {
        let Some(series) = self.of(numbered.series) else { return };
        series.open.remove(&numbered.number);
        series.rolled_back.insert(numbered.number);
        if series.rolled_back.len() > MOST_ROLLED_BACK {
            self.series.retain(|_, series| series.id != numbered.series);
        }
    }

    fn of(&mut self, id: Uuid) -> Option<&mut Series> {
        self.series.values_mut().find(|series| series.id == id)
    }
}

impl Series {
    fn new(at: Moment, rng: &Rng) -> Self {
        Self { id: new_uuid(at, rng), last: 0, open: BTreeSet::new(), rolled_back: BTreeSet::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Clock;

    fn write() -> Committed {
        let at = Clock::start().now();
        Committed { id: new_uuid(at, &Rng::system()), at }
    }

    fn number(ticket: &Ticket) -> WriteNumber {
        ticket.number(write(), &Rng::system())
    }

    #[test]
    fn a_number_says_what_became_of_those_before_it() {
        let numbering = Numbering::default();
        let (one, two, three) = (numbering.ticket(), numbering.ticket(), numbering.ticket());
        assert_eq!((number(&one).settled, number(&two).number), (0, 2));
        two.committed();
        assert_eq!(number(&three).settled, 0, "the first may still commit");
        drop(one);
        let fourth = number(&three);
        assert_eq!((fourth.settled, fourth.rolled_back), (2, vec![1]));
        three.committed();
        let fifth = number(&numbering.ticket());
        assert_eq!((fifth.number, fifth.settled, fifth.rolled_back), (5, 4, vec![]), "a committed write says it");
        assert_eq!(numbering.committed().len(), 3);
    }

    #[test]
    fn what_was_dropped_was_rolled_back_and_its_list_is_carried_on() {
        let numbering = Numbering::default();
        drop(number(&numbering.ticket()));
        drop(number(&numbering.ticket()));
        let third = number(&numbering.ticket());
        assert_eq!((third.settled, third.rolled_back), (2, vec![1, 2]));
        assert_eq!(numbering.committed(), []);
    }

    #[test]
    fn a_copy_keeps_a_ticket_open_until_it_is_confirmed() {
        let numbering = Numbering::default();
        let ticket = numbering.ticket();
        let copy = ticket.clone();
        let first = number(&copy);
        drop(copy);
        assert_eq!(number(&numbering.ticket()).settled, 0);
        ticket.committed();
        drop(ticket);
        let last = number(&numbering.ticket());
        assert_eq!((last.settled, last.rolled_back, first.series), (2, vec![2], last.series));
    }

    #[test]
    fn a_series_that_rolls_back_too_much_is_replaced() {
        let numbering = Numbering::default();
        let first = number(&numbering.ticket()).series;
        for _ in 0..MOST_ROLLED_BACK {
            drop(number(&numbering.ticket()));
        }
        let next = number(&numbering.ticket());
        assert_eq!((next.number, next.series == first), (1, false));
    }

    #[test]
    fn each_month_has_a_series_and_too_many_writes_are_forgotten() {
        let (numbering, rng) = (Numbering::default(), Rng::system());
        let (now, ticket) = (write(), numbering.ticket());
        let earlier = Committed { at: now.at - chrono::Months::new(1), ..now };
        let numbers = [now, earlier, now].map(|written| ticket.number(written, &rng));
        assert_eq!(numbers.map(|numbered| numbered.number), [1, 1, 2]);
        for _ in 0..MOST_COMMITTED {
            drop(ticket.number(now, &rng));
        }
        ticket.committed();
        assert_eq!(numbering.committed().len(), MOST_COMMITTED);
        numbering.forget(&BTreeSet::from([now.id]));
        assert_eq!(numbering.committed(), []);
    }
}
