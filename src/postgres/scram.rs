use crate::kernel::Rng;
use aws_lc_rs::{digest, hmac, pbkdf2};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::num::NonZeroU32;
use unicode_normalization::UnicodeNormalization;

/// As Postgres itself does.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);

/// What Postgres stores of a password (RFC 5803): a statement with this in it, unlike one with the password, may be
/// logged.
pub fn verifier(password: &str, rng: &Rng) -> String {
    of(password, &rng.bytes())
}

fn of(password: &str, salt: &[u8; 16]) -> String {
    // As the client does with it, for which ASCII stays as it is.
    let password: String = password.nfkc().collect();
    let mut salted = [0; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, password.as_bytes(), &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let (client, server) = (hmac::sign(&key, b"Client Key"), hmac::sign(&key, b"Server Key"));
    let stored = digest::digest(&digest::SHA256, client.as_ref());
    let [salt, stored, server] = [salt, stored.as_ref(), server.as_ref()].map(|bytes| BASE64_STANDARD.encode(bytes));
    format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677, section 3.
    #[test]
    fn it_is_what_postgres_computes() {
        let salt: Vec<u8> = BASE64_STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap_or_default();
        let stored = "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
        let expected = format!("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==${stored}");
        assert_eq!(salt.try_into().ok().map(|salt| of("pencil", &salt)), Some(expected));
    }
}
