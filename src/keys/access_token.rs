use super::{
    claims::Claims,
    model::{self, SigningKey, TYPE},
    private_key::SigningError,
    ring::Keys,
    seen::SeenTokens,
};
use crate::kernel::{Duration, Moment, SessionId, UserId, new_uuid};
use jsonwebtoken::{Validation, decode, decode_header};
use serde::Serialize;
use serde_json::{Map, Value};
use std::{collections::BTreeMap, fmt, sync::Arc};

/// Seconds by which clocks may differ when `exp` and `nbf` are checked. More would keep expired tokens alive.
const LEEWAY_SECONDS: i64 = 5;

/// An access token in the clear, on its way to the client.
pub struct AccessToken(String);

impl AccessToken {
    pub(super) fn signed(token: String) -> Self {
        Self(token)
    }

    /// The token, for the answer and nothing else.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// The user that an access token is issued to.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `sub`.
    pub user: UserId,
    /// `sid`.
    pub session: SessionId,
    /// When the user last proved who they are: `auth_time`.
    pub authenticated_at: Moment,
    /// How much that proves: `acr`.
    pub acr: &'static str,
    /// By which methods: `amr`.
    pub amr: Vec<&'static str>,
    /// `roles`.
    pub roles: Vec<String>,
    /// `rev`: which state of the user's roles and claims this is.
    pub access_revision: i32,
    /// The user's own claims.
    pub claims: Map<String, Value>,
}

/// The content of a verified access token.
#[derive(Debug, Clone)]
pub struct Verified {
    /// `sub`.
    pub user: UserId,
    /// `sid`.
    pub session: SessionId,
    /// `roles`.
    pub roles: Vec<String>,
    /// `rev`.
    pub access_revision: i32,
}

/// Why an access token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    /// Malformed, invalid signature, or wrong audience.
    #[error("the access token is malformed or has an invalid signature or the wrong audience")]
    Invalid,
    /// Over.
    #[error("the access token has expired")]
    Expired,
}

/// What is written into a token.
#[derive(Serialize)]
struct SignedClaims<'a> {
    iss: &'a str,
    sub: UserId,
    aud: &'a str,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: uuid::Uuid,
    sid: SessionId,
    auth_time: i64,
    acr: &'static str,
    amr: &'a [&'static str],
    roles: &'a [String],
    rev: i32,
    /// The user's own claims, under one name; empty without any.
    #[serde(flatten)]
    theirs: BTreeMap<&'a str, &'a Map<String, Value>>,
}

impl Keys {
    /// Signs an access token that begins at `now` on the database's clock and lives for `lifetime`, in whole seconds.
    ///
    /// # Errors
    /// When the library fails to sign, which does not happen with a key that it generated.
    pub fn sign(&self, subject: &Subject, now: Moment, lifetime: Duration) -> Result<AccessToken, SigningError> {
        let ring = self.ring();
        let key = model::signer(&ring, now).ok_or(SigningError::NoKey)?;
        key.private.sign(&self.claims(subject, now, lifetime)).map(AccessToken)
    }

    /// Signs a JWT of another `typ` than that of access tokens, by the key that signs access tokens at this moment.
    ///
    /// # Errors
    /// As [`Keys::sign`].
    pub fn sign_as(&self, typ: &str, claims: &impl Serialize, now: Moment) -> Result<String, SigningError> {
        let ring = self.ring();
        model::signer(&ring, now).ok_or(SigningError::NoKey)?.private.sign_as(typ, claims)
    }

    /// Verifies an access token for Heirloom's own API, as RFC 9068 §4 requires. Reads no database.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify(&self, token: &str) -> Result<Verified, AccessTokenError> {
        let (verified, audience) = self.verify_for_any(token)?;
        if audience == self.audience() { Ok(verified) } else { Err(AccessTokenError::Invalid) }
    }

    /// Verifies an access token for Heirloom's own API, or for one of the services that have tokens of their own. Says for
    /// which. Reads no database.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn verify_for_any(&self, token: &str) -> Result<(Verified, &str), AccessTokenError> {
        let (ring, digest) = (self.ring(), SeenTokens::digest(token));
        let seen = match self.seen().find(&digest, &ring) {
            Some(seen) => seen,
            None => self.decode(token, &ring).map(|(key, claims)| self.seen().remember(&digest, key, claims))?,
        };
        self.check_times(&seen.claims)?;
        let audience = self.audience_of(&seen.claims).ok_or(AccessTokenError::Invalid)?;
        let Claims { sub: user, sid: session, rev: access_revision, .. } = seen.claims;
        Ok((Verified { user, session, roles: seen.claims.roles.clone(), access_revision }, audience))
    }

    fn decode<'a>(
        &self,
        token: &str,
        ring: &'a [Arc<SigningKey>],
    ) -> Result<(&'a Arc<SigningKey>, Claims), AccessTokenError> {
        let key = key_of(ring, token).ok_or(AccessTokenError::Invalid)?;
        let decoded = decode::<Claims>(token, &key.public, &self.validation(key));
        let claims = decoded.map_err(|_why| AccessTokenError::Invalid)?.claims;
        // What is over is not worth remembering.
        self.check_times(&claims)?;
        Ok((key, claims))
    }

    fn claims<'a>(&'a self, subject: &'a Subject, now: Moment, lifetime: Duration) -> SignedClaims<'a> {
        let begins = now.timestamp();
        let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        let own = (!subject.claims.is_empty()).then_some((self.claims_name(), &subject.claims));
        SignedClaims {
            iss: self.issuer(),
            sub: subject.user,
            aud: self.audience(),
            exp: begins.saturating_add(lifetime),
            iat: begins,
            nbf: begins,
            jti: new_uuid(now, &self.world().rng),
            sid: subject.session,
            auth_time: subject.authenticated_at.timestamp(),
            acr: subject.acr,
            amr: &subject.amr,
            roles: &subject.roles,
            rev: subject.access_revision,
            theirs: own.into_iter().collect(),
        }
    }

    /// Which of our audiences a token is for: the own API's comes first.
    fn audience_of(&self, claims: &Claims) -> Option<&str> {
        let known = [self.audience()].into_iter().chain(self.services().iter().map(String::as_str));
        known.into_iter().find(|audience| claims.aud.contains(audience))
    }

    /// The library checks the signature and `iss`; `aud` is compared at each use, and times are checked on our own clock.
    fn validation(&self, key: &SigningKey) -> Validation {
        let mut validation = Validation::new(model::in_library(key.algorithm));
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        validation.set_issuer(&[self.issuer()]);
        validation
    }

    /// When a token ends. Signed while the lifetime was a longer one, it would outlive what is remembered of its session's
    /// end.
    pub(super) fn end_of(&self, iat: i64, exp: i64) -> i64 {
        let lifetime = self.world().config.tokens.access_token_ttl.as_secs();
        exp.min(iat.saturating_add(i64::try_from(lifetime).unwrap_or(i64::MAX)))
    }

    fn check_times(&self, claims: &Claims) -> Result<(), AccessTokenError> {
        let now = self.world().clock.now().timestamp();
        if self.end_of(claims.iat, claims.exp).saturating_add(LEEWAY_SECONDS) <= now {
            return Err(AccessTokenError::Expired);
        }
        if claims.nbf.saturating_sub(LEEWAY_SECONDS) > now {
            return Err(AccessTokenError::Invalid);
        }
        Ok(())
    }
}

/// The key that the header names, if the header is one of Heirloom's. `jku`, `jwk` and `x5u` are ignored
/// (RFC 8725 §3.10); what `crit` names we would not understand (RFC 7515 §4.1.11).
fn key_of<'a>(ring: &'a [Arc<SigningKey>], token: &str) -> Option<&'a Arc<SigningKey>> {
    let header = decode_header(token).ok()?;
    let typed = header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE));
    let key = ring.iter().find(|key| Some(key.id.0.as_str()) == header.kid.as_deref())?;
    let ours = typed && header.crit.is_none() && header.alg == model::in_library(key.algorithm);
    ours.then_some(key)
}
