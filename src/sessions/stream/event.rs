use crate::{
    kernel::{Moment, sha256},
    keys::{Keys, SigningError},
    sessions::revocations::Revocation,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use std::fmt;
use uuid::Uuid;

/// The `typ` of events (RFC 8725 §3.11): none can be mistaken for an access token, nor the other way round.
const TYPE: &str = "heirloom-revocations+jwt";
/// How many seconds an event is valid.
const LIFETIME: i64 = 5;
/// How many bytes of a digest name an entry.
const NAME_BYTES: usize = 8;

/// How the stream names a session or a user: the first 8 bytes of SHA-256 over the id as text, in base64url. A listener
/// learns no ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct EntryName(String);

impl EntryName {
    /// The name of the session or user of this id.
    #[must_use]
    pub fn of(id: Uuid) -> Self {
        let digest = sha256(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        Self(URL_SAFE_NO_PAD.encode(digest.as_bytes().get(..NAME_BYTES).unwrap_or_default()))
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EventKind {
    /// Everything that is known.
    Snapshot,
    /// What is new.
    Delta,
    /// Nothing is new.
    Beat,
}

impl EventKind {
    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Delta => "delta",
            Self::Beat => "beat",
        }
    }
}

/// Where an event stands in its stream.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The stream: one for each start of an instance.
    pub stream: String,
    /// The number of the event; of a snapshot, that of the event sent last.
    pub number: u64,
    /// `iat`, in seconds of the database's clock.
    pub issued_at: i64,
    /// How many seconds an entry is to be kept.
    pub keep: u64,
}

#[derive(Serialize)]
struct EventClaims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    kind: EventKind,
    stream: &'a str,
    n: u64,
    keep: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sessions: Vec<EntryName>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access: Vec<(EntryName, i32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    everyone: Option<i64>,
}

/// Signs an event about these revocations (RFC 7515 §7.1).
///
/// # Errors
/// When the library fails to sign.
pub(super) fn sign(
    keys: &Keys,
    now: Moment,
    kind: EventKind,
    place: &Place,
    revoked: &[Revocation],
) -> Result<String, SigningError> {
    let mut claims = EventClaims {
        iss: keys.issuer(),
        iat: place.issued_at,
        exp: place.issued_at.saturating_add(LIFETIME),
        kind,
        stream: &place.stream,
        n: place.number,
        keep: place.keep,
        sessions: Vec::new(),
        access: Vec::new(),
        everyone: None,
    };
    for revoked in revoked {
        match revoked {
            Revocation::Session(session) => claims.sessions.push(EntryName::of(session.as_uuid())),
            Revocation::Access(user, revision) => claims.access.push((EntryName::of(user.as_uuid()), *revision)),
            Revocation::Everyone(until) => claims.everyone = claims.everyone.max(Some(until.timestamp_millis())),
        }
    }
    keys.sign_as(TYPE, &claims, now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_beginning_of_the_digest_of_the_ids_text() -> Result<(), uuid::Error> {
        // printf 01a206a3-efa4-7c1e-8d3f-2b8a6c0d9e11 | openssl dgst -sha256 -binary | head -c 8 | basenc --base64url
        let id = Uuid::try_parse("01A206A3-EFA4-7C1E-8D3F-2B8A6C0D9E11")?;
        assert_eq!(EntryName::of(id).to_string(), "g9vMnWv9gbE");
        Ok(())
    }
}
