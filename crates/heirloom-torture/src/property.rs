//! What is judged: each property has a verdict and a rank of its own.

use serde::{Deserialize, Serialize};

/// Something that a server does or does not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    /// One token never leads to two live ones.
    Fork,
    /// A session is revoked once a reuse was answered.
    ReuseEndsSession,
    /// A stale token is recognised.
    ReuseDetected,
    /// A leeway has an end.
    LeewayEnds,
    /// No token works after sign-out.
    SignOutEndsSession,
    /// A crash loses nothing that was answered.
    CrashSafe,
    /// A token that was never issued is refused.
    ForgedRefused,
    /// An unsigned token is refused.
    UnsignedRefused,
    /// A token is bound to its client.
    OtherClientRefused,
    /// No refresh widens the scope.
    ScopeNotWidened,
    /// An access token is not a refresh token.
    TokenKindsKept,
    /// No access token works after the end of its session, where the profile promises that.
    AccessRevoked,
    /// A retry with its key is answered like the first request.
    RetryWithKey,
    /// A retry inside the announced leeway is not punished.
    RetryInLeeway,
    /// A live session is refreshed, and its newest access token works.
    LiveSessionWorks,
    /// A session ends when its absolute lifetime does.
    AbsoluteLifetime,
    /// A session ends when it was idle for too long.
    IdleLifetime,
    /// Answers with tokens must not be stored.
    NoStore,
    /// Refusals have the shape of RFC 6749.
    ErrorShape,
    /// Whether a refresh replaces the refresh token.
    Rotation,
    /// How long a replay is admitted.
    Leeway,
    /// How long an access token lives after a sign-out.
    AccessAfterSignOut,
    /// How long an access token lives after a reuse.
    AccessAfterReuse,
    /// Whether an access token outlives the next rotation.
    AccessAfterRotation,
}

/// How bad a violation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rank {
    /// A thief keeps a session.
    Critical,
    /// A promise to the user is broken.
    High,
    /// Honest users lose their sessions.
    HighForUsers,
    /// Sessions live longer than configured.
    Medium,
    /// A rule of the standard is broken.
    Low,
    /// Not right or wrong: a figure.
    Figure,
}

impl Rank {
    /// As in a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::HighForUsers => "high for users",
            Self::Medium => "medium",
            Self::Low => "low",
            Self::Figure => "figure",
        }
    }
}

impl Property {
    /// All, the worst first.
    pub const ALL: [Self; 24] = [
        Self::Fork,
        Self::ReuseEndsSession,
        Self::ReuseDetected,
        Self::LeewayEnds,
        Self::SignOutEndsSession,
        Self::CrashSafe,
        Self::ForgedRefused,
        Self::UnsignedRefused,
        Self::OtherClientRefused,
        Self::ScopeNotWidened,
        Self::TokenKindsKept,
        Self::AccessRevoked,
        Self::RetryWithKey,
        Self::RetryInLeeway,
        Self::LiveSessionWorks,
        Self::AbsoluteLifetime,
        Self::IdleLifetime,
        Self::NoStore,
        Self::ErrorShape,
        Self::Rotation,
        Self::Leeway,
        Self::AccessAfterSignOut,
        Self::AccessAfterReuse,
        Self::AccessAfterRotation,
    ];

    /// Its name in reports and options.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::ReuseEndsSession => "reuse-ends-session",
            Self::ReuseDetected => "reuse-detected",
            Self::LeewayEnds => "leeway-ends",
            Self::SignOutEndsSession => "sign-out-ends-session",
            Self::CrashSafe => "crash-safe",
            Self::ForgedRefused => "forged-refused",
            Self::UnsignedRefused => "unsigned-refused",
            Self::OtherClientRefused => "other-client-refused",
            Self::ScopeNotWidened => "scope-not-widened",
            Self::TokenKindsKept => "token-kinds-kept",
            Self::AccessRevoked => "access-revoked",
            Self::RetryWithKey => "retry-with-key",
            Self::RetryInLeeway => "retry-in-leeway",
            Self::LiveSessionWorks => "live-session-works",
            Self::AbsoluteLifetime => "absolute-lifetime",
            Self::IdleLifetime => "idle-lifetime",
            Self::NoStore => "no-store",
            Self::ErrorShape => "error-shape",
            Self::Rotation => "rotation",
            Self::Leeway => "leeway",
            Self::AccessAfterSignOut => "access-after-sign-out",
            Self::AccessAfterReuse => "access-after-reuse",
            Self::AccessAfterRotation => "access-after-rotation",
        }
    }

    /// What a correct server does; of a figure: what it tells.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Fork => "One refresh token never leads to two live ones",
            Self::ReuseEndsSession => "The session is revoked once a reuse was answered",
            Self::ReuseDetected => "A stale refresh token is recognised as reuse and revokes the session",
            Self::LeewayEnds => "A replay is admitted only inside the announced leeway, and only of the last token",
            Self::SignOutEndsSession => "No refresh token works after a sign-out or revocation was answered",
            Self::CrashSafe => "A crash loses nothing that was answered",
            Self::ForgedRefused => "A token that was never issued is refused and changes nothing",
            Self::UnsignedRefused => "A token with `alg: none` is refused",
            Self::OtherClientRefused => "A refresh token works only for the client that it was issued to",
            Self::ScopeNotWidened => "A refresh grants no more scope than the session has",
            Self::TokenKindsKept => "An access token is not accepted as a refresh token, nor the reverse",
            Self::AccessRevoked => "No access token works after the end of its session",
            Self::RetryWithKey => "A retry with the same key gets the same answer",
            Self::RetryInLeeway => "An honest retry inside the announced leeway does not end the session",
            Self::LiveSessionWorks => "A live session is refreshed, and its access token works",
            Self::AbsoluteLifetime => "No rotation extends the absolute lifetime of a session",
            Self::IdleLifetime => "A session that is not used expires when announced",
            Self::NoStore => "Answers with tokens carry `Cache-Control: no-store`",
            Self::ErrorShape => "Refusals have the shape of RFC 6749, section 5.2",
            Self::Rotation => "Whether a refresh replaces the refresh token",
            Self::Leeway => "How long a token that was just redeemed is accepted again",
            Self::AccessAfterSignOut => "How long an access token works after a sign-out",
            Self::AccessAfterReuse => "How long an access token works after a reuse was answered",
            Self::AccessAfterRotation => "Whether an access token works after the next rotation",
        }
    }

    /// How bad a violation of it is.
    #[must_use]
    pub fn rank(self) -> Rank {
        match self {
            Self::Fork | Self::ReuseEndsSession => Rank::Critical,
            Self::ReuseDetected
            | Self::LeewayEnds
            | Self::SignOutEndsSession
            | Self::CrashSafe
            | Self::ForgedRefused
            | Self::UnsignedRefused
            | Self::OtherClientRefused
            | Self::ScopeNotWidened
            | Self::TokenKindsKept
            | Self::AccessRevoked => Rank::High,
            Self::RetryWithKey | Self::RetryInLeeway | Self::LiveSessionWorks => Rank::HighForUsers,
            Self::AbsoluteLifetime | Self::IdleLifetime => Rank::Medium,
            Self::NoStore | Self::ErrorShape => Rank::Low,
            Self::Rotation
            | Self::Leeway
            | Self::AccessAfterSignOut
            | Self::AccessAfterReuse
            | Self::AccessAfterRotation => Rank::Figure,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    #[test]
    fn a_name_is_the_same_in_reports_and_options() {
        for property in Property::ALL {
            assert_eq!(serde_json::to_value(property).unwrap(), property.name());
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let ranks: Vec<_> = Property::ALL.into_iter().map(Property::rank).collect();
        assert!(ranks.is_sorted());
    }
}
