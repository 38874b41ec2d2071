//! Hashes of other systems: any text is read or refused, a refusal repeats nothing of it, and what is read is verified
//! within the limits.
#![no_main]

use heirloom::passwords::PasswordHash;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(refused) = PasswordHash::import(text.to_owned()) {
        assert!(text.len() < 40 || !refused.to_string().contains(text));
    }
});
