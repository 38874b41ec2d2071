use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::Refusal;

/// What the server expects of a ceremony.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The challenge of the ticket.
    pub challenge: &'a [u8],
    /// The public URL's origin, and others that were configured; an Android app's is `android:apk-key-hash:…`.
    pub origins: &'a [String],
    /// The domain that passkeys are bound to.
    pub rp_id: &'a str,
    /// Whether the authenticator must have verified the user.
    pub user_verification: UserVerification,
}

/// Whether the authenticator must have verified the user. Written as `UserVerificationRequirement` (§5.8.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserVerification {
    /// A passkey alone signs in: it must be two factors.
    Required,
    /// The user is known: a verified one counts for more.
    Preferred,
    /// The password was given.
    Discouraged,
}

/// What the browser states (WebAuthn L3 §5.8.1). Other members are ignored, as the specification demands.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<String>,
}

/// Checks `clientDataJSON`: §7.1 steps 5 to 11, §7.2 steps 8 to 14.
///
/// # Errors
/// The first check that fails.
pub fn check(json: &[u8], kind: &str, expected: &Expected<'_>) -> Result<(), Refusal> {
    // §7.1 steps 5 and 6, §7.2 steps 8 and 9: UTF-8 decode, which drops a byte order mark.
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    let data: ClientData = serde_json::from_slice(json).map_err(|_error| Refusal::ClientData)?;
    // §7.1 step 7, §7.2 step 10.
    if data.kind != kind {
        return Err(Refusal::CeremonyType);
    }
    // §7.1 step 8, §7.2 step 11.
    let challenge = URL_SAFE_NO_PAD.encode(expected.challenge);
    if expected.challenge.is_empty()
        || verify_slices_are_equal(challenge.as_bytes(), data.challenge.as_bytes()).is_err()
    {
        return Err(Refusal::Challenge);
    }
    // §7.1 step 9, §7.2 step 12: the same text; no subdomain, no other port.
    if !expected.origins.contains(&data.origin) {
        return Err(Refusal::Origin);
    }
    // §7.1 steps 10 and 11, §7.2 steps 13 and 14: our pages are never framed.
    if data.cross_origin == Some(true) || data.top_origin.is_some() { Err(Refusal::CrossOrigin) } else { Ok(()) }
}
