use super::{EndReason, Generation, Refusal, Rotation};
use crate::{
    audit,
    kernel::{Actor, SessionId},
    sessions::token::Secret,
};

/// What an attempt to redeem a token concludes.
pub enum Verdict {
    /// The token is current and the session lives: whatever was in the way has gone, so try once more.
    Current,
    /// This redemption rotated the session, perhaps without our having seen the answer.
    Ours,
    /// The same request came again.
    Retry(Secret),
    /// The family can no longer be trusted.
    Breach(Breach),
    /// No.
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
    /// A stale token came back that is no retry (RFC 9700 §4.14.2).
    Reused,
    /// A genuine token of a generation that the row has not reached: the database went back in time.
    Ahead,
    /// This instance knows that the session was revoked, and the database has forgotten it (ADR 0020).
    RevocationLost,
}

impl Breach {
    /// As the session's row has it.
    pub fn reason(self) -> EndReason {
        match self {
            Self::Reused => EndReason::RefreshTokenReused,
            Self::Ahead => EndReason::RefreshTokenAhead,
            Self::RevocationLost => EndReason::RevocationLost,
        }
    }

    /// Who presented the token proved nothing; what was lost, the server revokes again.
    pub fn actor(self) -> Actor {
        match self {
            Self::Reused | Self::Ahead => Actor::Anonymous,
            Self::RevocationLost => Actor::Server,
        }
    }

    /// As the audit log has it.
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
