#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use proptest::prelude::*;
use std::sync::Arc;

fn keys(current: u8, previous: &[u8]) -> TokenKeys {
    let key = |byte: u8| MasterKey::from_bytes([byte; 32]);
    let previous: Vec<_> = previous.iter().map(|byte| key(*byte)).collect();
    TokenKeys::new(&MasterKeys { current: Arc::new(key(current)), previous: previous.into() })
}

fn session(id: u128) -> SessionId {
    SessionId::from(Uuid::from_u128(id))
}

fn secret(byte: u8) -> Secret {
    Secret(Zeroizing::new([byte; SECRET]))
}

fn issued(keys: &TokenKeys) -> String {
    keys.issue(session(7), Generation::new(3).unwrap(), &secret(9)).reveal().to_owned()
}

proptest! {
    /// S-9.
    #[test]
    fn what_was_issued_is_read_back(id: u128, generation in 0..i32::MAX, bytes: [u8; 32]) {
        let keys = keys(1, &[]);
        let (session, generation) = (session(id), Generation::new(generation).unwrap());
        let secret = Secret(Zeroizing::new(bytes));
        let read = keys.read(keys.issue(session, generation, &secret).reveal()).unwrap();
        prop_assert_eq!(read.session, session);
        prop_assert_eq!(read.generation, generation);
        prop_assert_eq!(read.secret.digest(), secret.digest());
    }

    #[test]
    fn garbage_is_not_read(text in ".{0,200}", bytes: Vec<u8>) {
        let keys = keys(1, &[]);
        prop_assert!(keys.read(&text).is_none());
        let encoded = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        prop_assert!(keys.read(&encoded).is_none());
    }
}

/// S-6, S-11.
#[test]
fn no_mutation_of_any_byte_is_accepted() {
    let keys = keys(1, &[]);
    let good = issued(&keys);
    for position in 0..good.len() {
        for byte in 0..=127_u8 {
            let mut bent = good.clone().into_bytes();
            if bent[position] == byte {
                continue;
            }
            bent[position] = byte;
            let bent = String::from_utf8(bent).unwrap();
            assert!(keys.read(&bent).is_none(), "byte {position} may be {byte}");
        }
    }
}

#[test]
fn a_token_is_neither_longer_nor_shorter() {
    let keys = keys(1, &[]);
    let good = issued(&keys);
    assert_eq!(good.len(), 98);
    for length in 0..good.len() {
        assert!(keys.read(good.get(..length).unwrap()).is_none());
    }
    for more in ["A", "AA", "AAAA", "=", " ", "\n"] {
        assert!(keys.read(&format!("{good}{more}")).is_none());
    }
}

/// S-12.
#[test]
fn a_previous_master_key_still_verifies_and_a_foreign_one_does_not() {
    let old = issued(&keys(1, &[]));
    assert!(keys(2, &[1]).read(&old).is_some());
    assert!(keys(2, &[3]).read(&old).is_none());
}

/// S-28, S-33.
#[test]
fn the_same_request_leads_to_the_same_successor_and_no_other_does() {
    let keys = keys(1, &[]);
    let presented = keys.read(&issued(&keys)).unwrap();
    let (nonce, key) = ([5; 16], RetryKey::parse("0123456789abcdef").unwrap());
    let other_key = RetryKey::parse("0123456789abcdeF").unwrap();
    let current = keys.successor(&presented, &nonce, Some(&key)).unwrap().digest();
    let again = |presented, nonce, key| keys.existing_successor(presented, nonce, key, &current).is_some();
    assert!(again(&presented, &nonce, Some(&key)));
    assert!(!again(&presented, &nonce, Some(&other_key)));
    assert!(!again(&presented, &nonce, None));
    assert!(!again(&presented, &[6; 16], Some(&key)));
    let other = PresentedToken { secret: secret(8), ..keys.read(&issued(&keys)).unwrap() };
    assert!(!again(&other, &nonce, Some(&key)));
}

#[test]
fn a_retry_survives_a_change_of_the_master_key() {
    let (before, after) = (keys(1, &[]), keys(2, &[1]));
    let presented = before.read(&issued(&before)).unwrap();
    let current = before.successor(&presented, &[5; 16], None).unwrap().digest();
    assert!(after.existing_successor(&presented, &[5; 16], None, &current).is_some());
}

/// S-32.
#[test]
fn a_retry_key_is_16_to_255_visible_ascii_characters() {
    for good in ["0123456789abcdef", "!~0123456789abcd", &"k".repeat(255)] {
        assert!(RetryKey::parse(good).is_ok(), "{good}");
    }
    for bad in
        ["", "0123456789abcde", "0123456789 abcdef", "0123456789abcde\u{e9}", "0123456789abcde\n", &"k".repeat(256)]
    {
        assert!(RetryKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let keys = keys(1, &[]);
    let token = keys.issue(session(7), Generation::new(3).unwrap(), &secret(9));
    assert_eq!(format!("{token:?}"), "RefreshToken(…)");
    let presented = format!("{:?}", keys.read(token.reveal()).unwrap());
    assert_eq!(presented, format!("PresentedToken({}, 3)", session(7)));
    assert_eq!(format!("{:?}", RetryKey::parse("0123456789abcdef").unwrap()), "RetryKey(…)");
}
