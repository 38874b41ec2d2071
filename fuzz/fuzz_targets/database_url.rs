//! `DATABASE_URL`: any text is read or refused, and a refusal repeats nothing of it.
#![no_main]

use heirloom::config::DatabaseUrl;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    drop(DatabaseUrl::parse(text));
    let secret = format!("postgres://user:Hunter2{text}");
    if let Err(error) = DatabaseUrl::parse(&secret) {
        assert!(!error.to_string().contains("Hunter2"));
    }
});
