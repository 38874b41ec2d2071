//! How much work a hash may ask for.

use super::HashRefused;
use std::num::NonZeroU32;

/// The most memory that one hash may take, in KiB: 256 MiB.
const MAX_MEMORY: u64 = 256 * 1024;
/// The most memory that one hash may walk through, in KiB, all passes together: 1 GiB, a second or two.
pub(super) const MAX_WORK: u64 = 1024 * 1024;
/// The most lanes of Argon2, and the most parallel parts of scrypt.
const MAX_PARALLEL: u32 = 16;
/// The most iterations of PBKDF2, a second or so.
const MAX_ITERATIONS: u32 = 2_000_000;
/// The binary logarithm of phpass's rounds: from its own least to half a second.
const PHPASS: std::ops::RangeInclusive<u32> = 7..=20;

pub(super) fn bounded_iterations(iterations: &str) -> Result<NonZeroU32, HashRefused> {
    if !is_number(iterations) {
        return Err(HashRefused::Mangled);
    }
    let iterations: u32 = iterations.parse().or(Err(HashRefused::TooCostly))?;
    if iterations > MAX_ITERATIONS {
        return Err(HashRefused::TooCostly);
    }
    NonZeroU32::new(iterations).ok_or(HashRefused::Mangled)
}

/// The rounds of phpass, of their logarithm.
pub(super) fn bounded_phpass(log_rounds: u32) -> Result<u32, HashRefused> {
    if log_rounds > *PHPASS.end() {
        return Err(HashRefused::TooCostly);
    }
    if PHPASS.contains(&log_rounds) { Ok(1 << log_rounds) } else { Err(HashRefused::Mangled) }
}

pub(super) fn bounded_argon2(memory: u32, passes: u32, lanes: u32) -> Result<argon2::Params, HashRefused> {
    let work = u64::from(memory).saturating_mul(u64::from(passes));
    if u64::from(memory) > MAX_MEMORY || work > MAX_WORK || lanes > MAX_PARALLEL {
        return Err(HashRefused::TooCostly);
    }
    argon2::Params::new(memory, passes, lanes, None).or(Err(HashRefused::Mangled))
}

pub(super) fn bounded_scrypt(log_n: u32, r: u32, p: u32) -> Result<scrypt::Params, HashRefused> {
    // 128 × N × r bytes; an N that does not fit into 64 bits is too much in any case.
    let memory = 1_u64.checked_shl(log_n).map_or(u64::MAX, |n| n.saturating_mul(u64::from(r)) / 8);
    let work = memory.saturating_mul(u64::from(p));
    if memory > MAX_MEMORY || work > MAX_WORK || p > MAX_PARALLEL || r > MAX_PARALLEL * 8 {
        return Err(HashRefused::TooCostly);
    }
    match u8::try_from(log_n) {
        // N is larger than one (RFC 7914, section 2).
        Ok(log_n @ 1..) => scrypt::Params::new(log_n, r, p).or(Err(HashRefused::Mangled)),
        Ok(_) | Err(_) => Err(HashRefused::Mangled),
    }
}

pub(super) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
