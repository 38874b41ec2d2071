use super::{EndReason, Generation, Refusal, Rotation};
use crate::{
    audit,
    kernel::{Actor, SessionId},
    sessions::token::Secret,
};

/// What an attempt to redeem a token concludes.
pub enum Verdict {
    /// The token is current and the session is live: the obstacle is gone, so try again.
    Current,
    /// This redemption rotated the session, perhaps without our having seen the answer.
    Ours,
    /// The same request came again.
    Retry(Secret),
    /// The family can no longer be trusted.
    Breach(Breach),
    /// The token is refused.
    Refused(Refusal),
}

impl Verdict {
    /// Whether a token is handed out.
    pub fn grants(&self) -> bool {
        match self {
            Self::Ours | Self::Retry(_) => true,
            Self::Current | Self::Breach(_) | Self::Refused(_) => false,
        }
    }
}

/// Why a redemption revokes the whole family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// A stale token was presented that is not a retry (RFC 9700 §4.14.2).
    Reused,
    /// A genuine token of a generation that the row has not reached: the database went back in time.
    Ahead,
    /// This instance knows that the session was revoked, and the database has forgotten it (ADR 0020).
    RevocationLost,
}

impl Breach {
    /// The reason for the session's row.
    pub fn reason(self) -> EndReason {
        match self {
            Self::Reused => EndReason::RefreshTokenReused,
            Self::Ahead => EndReason::RefreshTokenAhead,
            Self::RevocationLost => EndReason::RevocationLost,
        }
    }

    /// The client that presented the token proved nothing; a lost revocation is repeated by the server.
    pub fn actor(self) -> Actor {
        match self {
            Self::Reused | Self::Ahead => Actor::Anonymous,
            Self::RevocationLost => Actor::Server,
        }
    }

    /// The kind of the audit event.
    pub fn kind(self) -> audit::Kind {
        match self {
            Self::Reused => audit::Kind::RefreshTokenReused,
            Self::Ahead => audit::Kind::RefreshTokenAhead,
            Self::RevocationLost => audit::Kind::RevocationLost,
        }
    }

    /// The answer to the redemption that revoked the family.
    pub fn rotation(self, session: SessionId, replayed: Generation) -> Rotation {
        match self {
            Self::Reused => Rotation::ReuseDetected { session, replayed },
            Self::Ahead => Rotation::Refused(Refusal::Ahead),
            Self::RevocationLost => Rotation::Refused(Refusal::RevocationLost),
        }
    }
}
