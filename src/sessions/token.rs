use super::generation::Generation;
use crate::kernel::{Digest32, MasterKey, MasterKeys, Rng, SessionId, sha256};
use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Lets scanners for leaked secrets, and readers, recognise it.
const PREFIX: &str = "hrt_";
/// The one layout there is so far.
const VERSION: u8 = 1;
/// Bytes of the secret: 256 bits, which cannot be guessed.
const SECRET: usize = 32;
/// Bytes of the tag: HMAC-SHA-256 cut to 128 bits (RFC 2104 §5). Shorter, and a forger could try his luck.
const TAG: usize = 16;
/// Version, key id, session id, generation, secret.
const TAGGED: usize = 1 + 1 + 16 + 4 + SECRET;

/// A refresh token in the clear: alive from the request to its digest, and from its making to the answer.
///
/// Deliberately without `Clone`, `Display`, `Deref`, `PartialEq` and `Serialize`: `git grep reveal` lists every place
/// where a token leaves the process.
pub struct RefreshToken(Zeroizing<String>);

impl RefreshToken {
    /// The token, for the answer and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

/// The random or derived part of a token.
pub struct Secret(Zeroizing<[u8; SECRET]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The first secret of a family: drawn.
    #[must_use]
    pub fn draw(rng: &Rng) -> Self {
        Self(Zeroizing::new(rng.bytes()))
    }

    /// What the database keeps of it. A fast hash is right: 256 random bits cannot be guessed.
    #[must_use]
    pub fn digest(&self) -> Digest32 {
        sha256(self.0.as_slice())
    }
}

/// A token whose tag is genuine: this server, or one with its master key, once issued it.
pub struct PresentedToken {
    /// Of which session.
    pub session: SessionId,
    /// How often the family had been rotated when it was issued.
    pub generation: Generation,
    /// What only its holder knows.
    pub secret: Secret,
}

impl fmt::Debug for PresentedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PresentedToken({}, {})", self.session, self.generation)
    }
}

/// Drawn at each rotation, so that a derived secret is as unforeseeable as a drawn one.
pub type Nonce = [u8; 16];

/// The keys of the token format: one set for each master key.
pub struct TokenKeys(Vec<KeySet>);

struct KeySet {
    id: u8,
    tag: hmac::Key,
    derivation: hmac::Key,
}

impl KeySet {
    fn of(master: &MasterKey) -> Self {
        let key = |purpose| hmac::Key::new(hmac::HMAC_SHA256, master.derive(purpose).as_slice());
        let id = master.fingerprint().as_bytes().first().copied().unwrap_or_default();
        Self { id, tag: key("heirloom/refresh-token-tag/v1"), derivation: key("heirloom/refresh-token-derivation/v1") }
    }

    fn tag(&self, tagged: &[u8]) -> Vec<u8> {
        hmac::sign(&self.tag, tagged).as_ref().iter().take(TAG).copied().collect()
    }
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKeys")
    }
}

impl TokenKeys {
    /// Keys derived from the master keys, the current one's first.
    #[must_use]
    pub fn new(masters: &MasterKeys) -> Self {
        Self(masters.all().map(KeySet::of).collect())
    }

    /// Writes a token, tagged under the current master key.
    #[must_use]
    pub fn issue(&self, session: SessionId, generation: Generation, secret: &Secret) -> RefreshToken {
        let mut bytes = Zeroizing::new(Vec::with_capacity(TAGGED + TAG));
        let key = self.0.first();
        bytes.extend([VERSION, key.map_or(0, |key| key.id)]);
        bytes.extend(session.as_uuid().as_bytes());
        bytes.extend(generation.to_bytes());
        bytes.extend(secret.0.as_slice());
        let tag = key.map(|key| key.tag(&bytes)).unwrap_or_default();
        bytes.extend(tag);
        RefreshToken(Zeroizing::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes.as_slice()))))
    }

    /// Reads a token; none when it does not parse or its tag is not genuine. Touches no database.
    #[must_use]
    pub fn read(&self, text: &str) -> Option<PresentedToken> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?);
        let (tagged, tag) = bytes.split_at_checked(TAGGED)?;
        let (header, rest) = tagged.split_at_checked(2)?;
        let [VERSION, key_id] = *header else { return None };
        let genuine = |key: &KeySet| key.id == key_id && verify_slices_are_equal(&key.tag(tagged), tag).is_ok();
        self.0.iter().find(|key| genuine(key))?;
        let (session, rest) = rest.split_at_checked(16)?;
        let (generation, secret) = rest.split_at_checked(4)?;
        Some(PresentedToken {
            session: SessionId::from(Uuid::from_slice(session).ok()?),
            generation: Generation::from_bytes(generation)?,
            secret: Secret(Zeroizing::new(secret.try_into().ok()?)),
        })
    }

    /// The secret that succeeds the presented one, under the current master key.
    #[must_use]
    pub fn successor(&self, presented: &PresentedToken, nonce: &Nonce, key: Option<&RetryKey>) -> Option<Secret> {
        Some(derive(self.0.first()?, presented, nonce, key))
    }

    /// The successor that already exists, if the same request led to it: its digest is `current`. The master key may
    /// have changed since, hence every one is tried.
    #[must_use]
    pub fn existing_successor(
        &self,
        presented: &PresentedToken,
        nonce: &Nonce,
        key: Option<&RetryKey>,
        current: &Digest32,
    ) -> Option<Secret> {
        self.0.iter().map(|keys| derive(keys, presented, nonce, key)).find(|secret| secret.digest() == *current)
    }
}

/// `HMAC-SHA-256(derivation key, presented secret ‖ session id ‖ new generation ‖ nonce ‖ SHA-256(key or nothing))`.
///
/// Who has the database lacks the presented secret and the derivation key; who has the master key lacks the secret and
/// the nonce; who has an old token lacks the rest.
fn derive(keys: &KeySet, presented: &PresentedToken, nonce: &Nonce, key: Option<&RetryKey>) -> Secret {
    let mut context = hmac::Context::with_key(&keys.derivation);
    context.update(presented.secret.0.as_slice());
    context.update(presented.session.as_uuid().as_bytes());
    context.update(&presented.generation.next().to_bytes());
    context.update(nonce);
    context.update(key.map_or_else(|| sha256(b""), RetryKey::digest).as_bytes());
    let mut secret = Zeroizing::new([0; SECRET]);
    secret.copy_from_slice(context.sign().as_ref());
    Secret(secret)
}

/// A client's `Idempotency-Key`: what tells its retry from a thief's replay. As secret as the client keeps it.
#[derive(Clone)]
pub struct RetryKey(Zeroizing<String>);

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 16 to 255 visible ASCII characters")]
pub struct RetryKeyError;

impl RetryKey {
    /// Reads a header's value.
    ///
    /// # Errors
    /// When it is not 16 to 255 visible ASCII characters.
    pub fn parse(text: &str) -> Result<Self, RetryKeyError> {
        let sound = (16..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if sound { Ok(Self(Zeroizing::new(text.to_owned()))) } else { Err(RetryKeyError) }
    }

    fn digest(&self) -> Digest32 {
        sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for RetryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RetryKey(…)")
    }
}

#[cfg(test)]
mod tests;
