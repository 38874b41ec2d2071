use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// A text that no other run guesses: an identifier of a proof, a verifier of PKCE.
pub fn random_text() -> String {
    let mut bytes = [0; 32];
    // It fails only where the system has no random bytes, and then nothing else works either.
    let _ignored = SystemRandom::new().fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
