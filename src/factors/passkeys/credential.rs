use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use utoipa::ToSchema;

use super::Refusal;
use crate::identity::DeviceName;

/// §6.5.1 and §7.1 step 25: a credential id has at most 1023 bytes.
const LONGEST_ID: usize = 1023;
/// Of what is stored of them.
const LONGEST_TRANSPORT: usize = 32;
const MOST_TRANSPORTS: usize = 8;
/// As JSON. An attestation object with certificates has some kilobytes.
const LONGEST_MEMBER: usize = 64 * 1024;

/// What a client sends at the end of an assertion.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasskeyProof)]
pub struct PresentedPasskey {
    /// The `ticket` of the options.
    pub ticket: String,
    /// What the browser answered: `PublicKeyCredential.toJSON()` (`AuthenticationResponseJSON` of `WebAuthn` Level 3, §5.1.8).
    pub credential: AssertionCredential,
}

/// What a client sends at the end of a registration.
#[derive(Clone)]
pub struct PresentedRegistration {
    /// The `ticket` of the options.
    pub ticket: String,
    /// What the browser answered.
    pub credential: RegistrationCredential,
    /// What its user calls the passkey.
    pub name: Option<DeviceName>,
}

impl fmt::Debug for PresentedPasskey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedPasskey(…)")
    }
}

impl fmt::Debug for PresentedRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PresentedRegistration(…)")
    }
}

/// `RegistrationResponseJSON` (WebAuthn L3 §5.1.8). Unknown members are ignored.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationCredential {
    /// base64url of the credential id.
    pub id: String,
    /// The same.
    pub raw_id: String,
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The authenticator's answer.
    pub response: AttestationResponse,
    /// What the browser reports of extensions. Nothing proves it.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub client_extension_results: Value,
}

/// `AuthenticatorAttestationResponseJSON`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct AttestationResponse {
    /// base64url of the client data.
    #[serde(rename = "clientDataJSON")]
    pub client_data: String,
    /// base64url of the attestation object.
    #[serde(rename = "attestationObject")]
    pub attestation_object: String,
    /// How the authenticator can be reached; a hint for the browser.
    #[serde(default)]
    pub transports: Option<Vec<String>>,
}

/// `AuthenticationResponseJSON` (§5.1.8). Unknown members are ignored.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssertionCredential {
    /// base64url of the credential id.
    pub id: String,
    /// The same.
    pub raw_id: String,
    /// `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The authenticator's answer.
    pub response: AssertionResponse,
}

/// `AuthenticatorAssertionResponseJSON`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AssertionResponse {
    /// base64url of the client data.
    #[serde(rename = "clientDataJSON")]
    pub client_data: String,
    /// base64url of the authenticator data.
    #[serde(rename = "authenticatorData")]
    pub authenticator_data: String,
    /// base64url of the signature.
    pub signature: String,
    /// base64url of the user handle; always present for a discoverable credential.
    #[serde(rename = "userHandle", default)]
    pub user_handle: Option<String>,
}

/// The credential id; `id` and `rawId` must be the same (§5.1), and `type` must be `public-key`.
pub fn identity(id: &str, raw_id: &str, kind: &str) -> Result<Vec<u8>, Refusal> {
    if kind != "public-key" {
        return Err(Refusal::CredentialType);
    }
    let bytes = decode(id)?;
    let sound = id == raw_id && !bytes.is_empty() && bytes.len() <= LONGEST_ID;
    if sound { Ok(bytes) } else { Err(Refusal::CredentialId) }
}

/// base64url without padding, with no bits left over (RFC 4648 §3.5).
pub fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    if text.len() > LONGEST_MEMBER {
        return Err(Refusal::TooLong);
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_error| Refusal::Base64)
}

impl RegistrationCredential {
    /// Whether the browser reports that the passkey can be found without its id (`credProps`, §10.1.3).
    pub(super) fn is_discoverable(&self) -> Option<bool> {
        self.client_extension_results.pointer("/credProps/rk").and_then(Value::as_bool)
    }

    /// The transports that look like ones: §5.8.4 tells us to keep those that we do not know.
    pub(super) fn transports(&self) -> Vec<String> {
        let is_one = |text: &&String| {
            (1..=LONGEST_TRANSPORT).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        self.response.transports.iter().flatten().filter(is_one).take(MOST_TRANSPORTS).cloned().collect()
    }
}
