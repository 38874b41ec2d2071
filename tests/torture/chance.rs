//! How much of a fault, and when.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Whether this is the long version.
pub fn is_long() -> bool {
    std::env::var("HEIRLOOM_TORTURE").is_ok_and(|wanted| wanted == "long")
}

/// So much in the short version, so much in the long one.
pub fn so_many<T>(short: T, long: T) -> T {
    if is_long() { long } else { short }
}

/// Random moments. No two runs are the same: what a fault finds once in a thousand is found some day.
#[derive(Debug)]
pub struct Chance(AtomicU64);

impl Chance {
    pub fn new() -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        Self(AtomicU64::new(u64::try_from(nanos % u128::from(u64::MAX)).unwrap() | 1))
    }

    /// A number below `end` (splitmix64).
    pub fn below(&self, end: u64) -> u64 {
        let mut mixed = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Waits between so many milliseconds and so many.
    pub async fn wait(&self, from: u64, to: u64) {
        tokio::time::sleep(Duration::from_millis(from + self.below(to - from))).await;
    }
}
