//! Work done only to take time: a wrong password takes equally long for every address.

use super::{Password, digest::digest};
use crate::kernel::{Duration, Stopwatch};
use std::ops::Range;

const BURNT_SALT: [u8; 16] = [0; 16];
/// The cost by which this machine is measured: some milliseconds, of which the clock sees enough.
const GAUGE: u32 = 7;
/// The least cost that bcrypt knows.
const LEAST: u32 = 4;

/// How much work a hash is: bcrypt runs 2^cost rounds.
///
/// 12 is about a quarter of a second. Below 10 guessing becomes cheap: 4 is for tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost(u32);

/// A cost outside what this server would ever spend on one password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bcrypt cost is {0}, and must be from 4 to 16")]
pub struct CostOutOfRange(pub u32);

impl Cost {
    /// The range of costs, for a hash that is made and for one that is read: a mangled row that said
    /// 31 would hold a thread for a day.
    const RANGE: std::ops::RangeInclusive<u32> = 4..=16;

    /// Checks a cost.
    ///
    /// # Errors
    /// [`CostOutOfRange`] outside 4 to 16; what a production server may use is narrower, and config's to say.
    pub fn new(rounds_log2: u32) -> Result<Self, CostOutOfRange> {
        let allowed = Self::RANGE.contains(&rounds_log2);
        allowed.then_some(Self(rounds_log2)).ok_or(CostOutOfRange(rounds_log2))
    }

    /// The binary logarithm of the rounds.
    #[must_use]
    pub fn rounds_log2(self) -> u32 {
        self.0
    }
}

/// Takes the time of a verification, for an address that nobody has.
pub fn burn(password: &Password, cost: Cost) {
    spend(password, cost.rounds_log2());
}

/// Takes the time by which a hash of this cost was cheaper than one of that cost.
pub fn make_up(password: &Password, spent: Cost, wanted: Cost) {
    missing(spent.rounds_log2(), wanted.rounds_log2()).for_each(|part| spend(password, part));
}

/// Takes the rest of the time of a hash of this cost, of which so much has passed in another way. What took longer
/// cannot be hidden.
pub fn make_up_time(password: &Password, spent: Duration, wanted: Cost) {
    let wanted = wanted.rounds_log2();
    if wanted <= GAUGE {
        return;
    }
    let watch = Stopwatch::start();
    spend(password, GAUGE);
    let gauge = watch.elapsed();
    parts(spent + gauge, gauge, wanted).for_each(|part| spend(password, part));
}

fn spend(password: &Password, cost: u32) {
    let spent = bcrypt::hash_with_salt(digest(password).as_bytes(), cost, BURNT_SALT);
    // Without this the compiler may see that nobody wants the result.
    let _ = std::hint::black_box(spent);
}

/// The costs that together make up for a cheaper hash: 2^a + … + 2^(b-1) = 2^b - 2^a.
fn missing(spent: u32, wanted: u32) -> Range<u32> {
    spent..wanted
}

/// The costs that together fill what is left of the time of `wanted`, the largest first, where [`GAUGE`] takes `gauge`.
fn parts(spent: Duration, gauge: Duration, wanted: u32) -> impl Iterator<Item = u32> {
    let time_of = move |cost: u32| match cost.checked_sub(GAUGE) {
        Some(more) => gauge.saturating_mul(2_u32.saturating_pow(more)),
        None => gauge / 2_u32.saturating_pow(GAUGE.saturating_sub(cost)),
    };
    let mut left = time_of(wanted).saturating_sub(spent);
    (LEAST..wanted).rev().filter(move |&part| match left.checked_sub(time_of(part)) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cheaper_hashes_are_made_up_for_to_the_round() {
        for (spent, wanted) in [(4, 12), (10, 12), (11, 12)] {
            let rounds: u64 = missing(spent, wanted).map(|part| 1_u64 << part).sum();
            assert_eq!(rounds, (1 << wanted) - (1 << spent));
        }
        assert_eq!(missing(12, 12).count() + missing(13, 12).count(), 0);
    }

    #[test]
    fn what_is_left_of_the_time_is_filled_to_the_smallest_part() {
        let gauge = Duration::from_millis(8);
        // Cost 12 is 256 ms here, the smallest part 1 ms.
        for spent in [8, 9, 30, 100, 255, 256, 1_000] {
            let filled: u64 = parts(Duration::from_millis(spent), gauge, 12).map(|part| 1_u64 << (part - LEAST)).sum();
            assert_eq!(filled, 256_u64.saturating_sub(spent), "after {spent} ms");
        }
    }

    /// S-72.
    #[test]
    fn a_cost_is_from_4_to_16() {
        for allowed in [4, 10, 12, 16] {
            assert!(Cost::new(allowed).is_ok());
        }
        for refused in [0, 3, 17, 31, u32::MAX] {
            assert_eq!(Cost::new(refused), Err(CostOutOfRange(refused)));
        }
    }
}
