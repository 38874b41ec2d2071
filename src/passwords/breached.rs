//! Passwords that were found in breaches: the first that an attacker tries, whatever their strength looks like.
//!
//! The list is inside the binary. `src/passwords/data/README.md` has its licence and how it was made.

use super::Password;
use crate::identity::fold;
use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

/// Bytes of a truncated hash.
const BYTES: usize = 5;
/// Sorted truncated hashes, without anything between them.
static HASHES: &[u8] = include_bytes!("data/breached.bin");

/// Whether a password is on the list, in whatever case.
pub(super) fn is_breached(password: &Password) -> bool {
    let folded = Zeroizing::new(fold(password.reveal()));
    let hash = digest(&SHA256, folded.as_bytes());
    hash.as_ref().first_chunk::<BYTES>().copied().is_some_and(contains)
}

fn contains(hash: [u8; BYTES]) -> bool {
    let (hashes, _rest) = HASHES.as_chunks::<BYTES>();
    hashes.binary_search_by(|entry| entry.cmp(&hash)).is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    fn breached(text: &str) -> bool {
        is_breached(&Password::parse_new(text).unwrap())
    }

    #[test]
    fn the_list_is_sorted_complete_and_smaller_than_two_megabytes() {
        let (hashes, rest) = HASHES.as_chunks::<BYTES>();
        assert!(rest.is_empty() && hashes.len() > 100_000 && HASHES.len() <= 2_000_000);
        assert!(hashes.is_sorted_by(|one, next| one < next));
    }

    /// Their strength is estimated as sufficient.
    #[test]
    fn breached_passwords_are_found_in_any_case_and_width() {
        for text in ["password", "PassWord", "ｐａｓｓｗｏｒｄ", " password ", "12345678", "qwertyuiop"] {
            assert!(breached(text), "{text}");
        }
    }

    #[test]
    fn other_passwords_are_not_found() {
        for text in ["correct horse battery staple", "kbrwpnxq", "비밀번호는길어도된다", "password of nobody else"]
        {
            assert!(!breached(text), "{text}");
        }
        let found = (0..20_000).filter(|number| breached(&format!("unlikely-{number}-to-be-there"))).count();
        assert!(found <= 1, "{found} of 20,000");
    }
}
