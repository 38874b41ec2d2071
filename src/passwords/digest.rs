use super::Password;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// The key of the digest. Changing it makes every stored hash unverifiable.
const LABEL: &[u8] = b"heirloom password v1";

/// base64(HMAC-SHA-384(label, NFC password)): 64 characters, none of them a NUL.
pub fn digest(password: &Password) -> Zeroizing<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA384, LABEL);
    Zeroizing::new(STANDARD.encode(hmac::sign(&key, password.reveal().as_bytes())))
}
