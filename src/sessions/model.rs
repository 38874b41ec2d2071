mod freshness;
mod verdict;

pub use freshness::Freshness;
pub use verdict::{Breach, Verdict};

use super::{
    generation::Generation,
    token::{Nonce, PresentedToken, RefreshToken, RetryKey, Secret, TokenKeys},
};
use crate::{
    config::SessionOptions,
    factors::ProvenFactor,
    identity::{AuthenticationMethods, BlockReason},
    kernel::{Client, Digest32, Duration, Moment, ROTATED, SessionId, Transport, UserId},
    keys::AccessToken,
};
use serde_json::Value;
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};
use zeroize::Zeroizing;

/// Why a session was revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// Its user signed out.
    SignedOut,
    /// Its user signed out everywhere, or revoked it from another session.
    EndedByUser,
    /// Its browser signed in again.
    Replaced,
    /// Its user's password was changed.
    PasswordChanged,
    /// Its user's address was changed, or the change undone.
    EmailChanged,
    /// An administrator removed the second factors of its user.
    FactorsReset,
    /// Its user had lost the second factors, which were removed.
    FactorsRecovered,
    /// Its user's role demands a second factor, which was not presented.
    SecondFactorRequired,
    /// Its user was blocked.
    Blocked,
    /// Its user was deleted.
    UserDeleted,
    /// A newer sign-in needed its place.
    SessionLimit,
    /// A stale refresh token came back.
    RefreshTokenReused,
    /// A refresh token is newer than the database, which has lost its rotation.
    RefreshTokenAhead,
    /// It had been revoked, and the database lost that in a fail-over.
    RevocationLost,
    /// The provider through which it was opened says that its user's account there was disabled, or its sessions revoked.
    Provider,
    /// An administrator revoked it, possibly with a reason in their own words.
    Admin(Option<BlockReason>),
}

impl EndReason {
    /// Every reason, without an administrator's words: what [`Self::code`] knows.
    pub const ALL: [Self; 16] = [
        Self::SignedOut,
        Self::EndedByUser,
        Self::Replaced,
        Self::PasswordChanged,
        Self::EmailChanged,
        Self::FactorsReset,
        Self::FactorsRecovered,
        Self::SecondFactorRequired,
        Self::Blocked,
        Self::UserDeleted,
        Self::SessionLimit,
        Self::RefreshTokenReused,
        Self::RefreshTokenAhead,
        Self::RevocationLost,
        Self::Provider,
        Self::Admin(None),
    ];

    /// As the database and the API have it: a stable code, or the administrator's words.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Admin(Some(words)) => words.as_str(),
            reason => reason.code(),
        }
    }

    /// The code of a stored reason: an administrator's own words, which only administrators may read, count as
    /// `revoked_by_admin`.
    #[must_use]
    pub fn code_of(text: &str) -> &'static str {
        Self::ALL.iter().find(|reason| reason.code() == text).unwrap_or(&Self::Admin(None)).code()
    }

    /// A stable code, whatever the administrator's words.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::EndedByUser => "ended_by_user",
            Self::Replaced => "replaced",
            Self::PasswordChanged => "password_changed",
            Self::EmailChanged => "email_changed",
            Self::FactorsReset => "factors_reset",
            Self::FactorsRecovered => "factors_recovered",
            Self::SecondFactorRequired => "second_factor_required",
            Self::Blocked => "blocked",
            Self::UserDeleted => "user_deleted",
            Self::SessionLimit => "session_limit",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::RefreshTokenAhead => "refresh_token_ahead",
            Self::RevocationLost => "revocation_lost",
            Self::Provider => "ended_by_provider",
            Self::Admin(_) => "revoked_by_admin",
        }
    }
}

/// What a successful sign-in or refresh hands out.
#[derive(Debug)]
pub struct Grant {
    /// The session.
    pub session: SessionId,
    /// Valid for exactly one rotation.
    pub refresh_token: RefreshToken,
    /// How it travels.
    pub transport: Transport,
    /// Whether the cookie outlives the browser.
    pub remembered: bool,
    /// How long the refresh token lives.
    pub refresh_expires_in: Duration,
    /// A fresh access token.
    pub access_token: AccessToken,
    /// How long it lives.
    pub expires_in: Duration,
}

/// The outcome of presenting a refresh token (RFC 9700 §4.14.2).
///
/// Every variant is an answer and every variant commits; only a failing database is an `Err`.
#[must_use]
#[derive(Debug)]
pub enum Rotation {
    /// The token is used up; its successor replaces it (S-16).
    Rotated(Grant),
    /// The same request came again: the successor that exists is returned again (S-17, S-19).
    Retried(Grant),
    /// A stale token was presented, by the user or a thief. The session is revoked for both (S-20).
    ReuseDetected {
        /// The family.
        session: SessionId,
        /// Which generation came back.
        replayed: Generation,
    },
    /// Nothing was changed, unless the refusal says so.
    Refused(Refusal),
}

impl Rotation {
    /// Its name in the specification and in the metrics. Without a key, a retry is within the leeway (S-19).
    #[must_use]
    pub fn name(&self, had_key: bool) -> &'static str {
        match self {
            Self::Rotated(_) => ROTATED,
            Self::Retried(_) if had_key => "retried",
            Self::Retried(_) => "within_leeway",
            Self::ReuseDetected { .. } => "reused",
            Self::Refused(Refusal::Ahead) => "ahead",
            Self::Refused(Refusal::RevocationLost) => "revocation_lost",
            Self::Refused(Refusal::Expired) => "expired",
            Self::Refused(Refusal::Revoked(_)) => "revoked",
            Self::Refused(Refusal::Blocked) => "blocked",
            Self::Refused(Refusal::CodeUsed) => "code_used",
            Self::Refused(Refusal::Invalid) => "invalid",
        }
    }
}

/// Why a refresh token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not parse, its tag is wrong, or it came by the other transport (S-11, S-26).
    Invalid,
    /// Its session's idle or absolute lifetime has passed, or its session has no row any more (S-23).
    Expired,
    /// Its session is revoked, for the reason with this code (S-24).
    Revoked(&'static str),
    /// Its session's user is blocked (S-25).
    Blocked,
    /// The proof of a step-up was used by another request. The token is as good as before.
    CodeUsed,
    /// It is of a generation that the row has not reached: the database went back in time. The family was
    /// revoked (S-22).
    Ahead,
    /// Its session had been revoked, and the database had forgotten it. The family was revoked again (S-63).
    RevocationLost,
}

/// A session's row, as read after a failed rotation.
#[derive(Debug, Clone)]
pub struct SessionStanding {
    /// The database's time of the look.
    pub now: Moment,
    pub transport: Transport,
    pub generation: Generation,
    pub secret_hash: Digest32,
    pub rotation_nonce: Option<Nonce>,
    /// The last rotation, or the sign-in.
    pub last_used_at: Moment,
    /// Never later than the absolute lifetime's end.
    pub idle_expires_at: Moment,
    /// The code of the reason, if it is revoked.
    pub revoked_for: Option<&'static str>,
    pub is_blocked: bool,
}

/// A session that was read or rotated: what the access token and the answer need to know of it and its user.
pub struct LiveSession {
    /// The database's time.
    pub now: Moment,
    pub user: UserId,
    /// When the user last proved who they are: at the sign-in, or by a step-up since.
    pub authenticated_at: Moment,
    /// By which methods: the names of `AuthenticationMethods`.
    pub amr: Vec<String>,
    pub remembered: bool,
    pub idle_expires_at: Moment,
    pub absolute_expires_at: Moment,
    pub roles: Vec<String>,
    pub access_revision: i32,
    pub claims: Value,
}

/// A request to redeem a genuine token.
pub struct Redemption {
    pub presented: PresentedToken,
    /// What takes the token's place, derived under `key` and `nonce`.
    pub successor: Secret,
    pub key: Option<RetryKey>,
    pub transport: Transport,
    /// What the row remembers this rotation by.
    pub nonce: Nonce,
    pub client: Client,
    /// What else the client proved. None: a refresh.
    pub proof: Option<Proof>,
    /// When it began, in uptime.
    pub began: Duration,
    /// Whether the database may write it yet.
    pub latest_write: LatestWrite,
}

/// Up to when the database may write what was sent to it, in milliseconds of uptime.
#[derive(Debug, Default)]
pub struct LatestWrite(AtomicU64);

impl LatestWrite {
    /// A statement is sent that the database does not write after `until`.
    pub fn note(&self, until: Duration) {
        self.0.fetch_max(u64::try_from(until.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether the database may write it even if the connection was lost: it notices that only when it answers.
    pub fn may_be_written(&self, uptime: Duration) -> bool {
        uptime.as_millis() <= u128::from(self.0.load(Ordering::Relaxed))
    }
}

/// A user has just proved who they are.
#[derive(Debug, Clone)]
pub struct Proof {
    /// What they presented. It counts if it is still theirs when it is recorded.
    pub of: Proven,
    /// By which methods the session counts as opened from then on.
    pub methods: AuthenticationMethods,
}

/// What a user presented to prove who they are.
#[derive(Debug, Clone)]
pub enum Proven {
    /// Their password.
    Password {
        /// Which of their passwords.
        version: i32,
    },
    /// A factor, whose proof is used up with the rotation.
    Factor(ProvenFactor),
}

impl Proof {
    /// The version of the password that it proves.
    pub(super) fn password_version(&self) -> Option<i32> {
        match self.of {
            Proven::Password { version } => Some(version),
            Proven::Factor(_) => None,
        }
    }

    /// The version of the factors that it proves.
    pub(super) fn factor_version(&self) -> Option<i32> {
        self.factor().map(ProvenFactor::factor_version)
    }

    /// The factor whose proof is to be used up.
    pub(super) fn factor(&self) -> Option<&ProvenFactor> {
        match &self.of {
            Proven::Password { .. } => None,
            Proven::Factor(factor) => Some(factor),
        }
    }
}

/// A refresh token as a client presents it.
pub struct Offered {
    /// As sent.
    pub token: Zeroizing<String>,
    /// Tells a retry from a replay.
    pub key: Option<RetryKey>,
    /// How it was sent.
    pub transport: Transport,
}

impl fmt::Debug for Offered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Offered(…)")
    }
}

impl Redemption {
    /// Whether a statement that is sent now has ended, even after a wait for the row's lock, before we answer 503: what
    /// was answered 503 is not written later, not even by a Postgres that was stopped meanwhile (ADR 0006).
    pub fn is_in_time(&self, uptime: Duration) -> bool {
        uptime.saturating_sub(self.began) <= LATEST_START
    }
}

/// How long after its beginning a rotation's last statement may be sent. With the 2.4 seconds that it may take, it ends
/// half a second before the answer (S-37).
const LATEST_START: Duration = Duration::from_millis(2_100);

impl SessionStanding {
    /// Decides the outcome of a token that was not rotated. S-27 has the order: a revoked or expired session stays so
    /// without side effects, and only a token of a living session can be a replay.
    pub fn judge(&self, redemption: &Redemption, keys: &TokenKeys, options: &SessionOptions) -> Verdict {
        if self.transport != redemption.transport {
            return Verdict::Refused(Refusal::Invalid);
        }
        if self.is_blocked {
            return Verdict::Refused(Refusal::Blocked);
        }
        if let Some(reason) = self.revoked_for {
            return Verdict::Refused(Refusal::Revoked(reason));
        }
        if self.idle_expires_at <= self.now {
            return Verdict::Refused(Refusal::Expired);
        }
        self.judge_generation(redemption, keys, options)
    }

    fn judge_generation(&self, redemption: &Redemption, keys: &TokenKeys, options: &SessionOptions) -> Verdict {
        let presented = &redemption.presented;
        if presented.generation > self.generation {
            return Verdict::Breach(Breach::Ahead);
        }
        if presented.generation == self.generation {
            // A genuine token of this very generation that is not the current one was issued in a past that the
            // database has forgotten: as good as ahead.
            let current = presented.secret.digest() == self.secret_hash;
            return if current { Verdict::Current } else { Verdict::Breach(Breach::Ahead) };
        }
        if presented.generation.next() != self.generation {
            return Verdict::Breach(Breach::Reused);
        }
        if self.rotation_nonce == Some(redemption.nonce) {
            return Verdict::Ours;
        }
        self.retry(redemption, keys, options).map_or(Verdict::Breach(Breach::Reused), Verdict::Retry)
    }

    /// The current token, if the same request led to it and comes again in time. That the token derived from this
    /// request is the current one proves three things at once: the key is the same, the token is the one retired, and
    /// its successor has not been used.
    fn retry(&self, redemption: &Redemption, keys: &TokenKeys, options: &SessionOptions) -> Option<Secret> {
        let Redemption { presented, key, .. } = redemption;
        let window = if key.is_some() { options.retry_window } else { options.reuse_leeway };
        let age = (self.now - self.last_used_at).to_std().unwrap_or_default();
        if age >= window {
            return None;
        }
        keys.existing_successor(presented, self.rotation_nonce.as_ref()?, key.as_ref(), &self.secret_hash)
    }
}

#[cfg(test)]
mod tests;
