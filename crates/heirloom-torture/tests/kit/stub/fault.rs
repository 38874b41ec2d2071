//! What a stub does wrong: one thing each. `matrix.rs` has the property that it violates.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    None,
    /// Nothing; but every seventh refresh meets an outage, and is answered so.
    Outages,

    /// Nothing; but of refreshes and looks whether it is ready, it answers every third as an outage.
    EveryThirdAway,
    /// Nothing; but after so many refreshes and sign-outs it answers each with this status.
    TurnsAway {
        after: usize,
        status: u16,
    },
    /// Nothing; but what should restart it has no effect other than that it answers each refresh and sign-out with this status.
    TurnsAwayInsteadOfRestart {
        status: u16,
    },
    /// Nothing; but the answer to a refresh holds the next token in another place than the answer to a sign-in.
    MovesToken,

    /// Requests that race are all taken for the first.
    ForkInRace,
    /// The same; but except in one session of sixty, the newest of them takes the place of the others.
    ForkInFewRaces,
    /// In one session of sixty, requests that race are all taken for the first; in the others, all but the first are refused, and the
    /// session lives on.
    ForkInFewWhereLosersLeave,
    /// As the first of these; but where two are used at once, the session is revoked.
    ForkUnlessUsedAtOnce,
    /// A stale token gets a token of its own.
    ForkOnReplay,
    /// A stale token gets a token of its own where the newest is redeemed beside it.
    ForkBesideRedemption,
    /// Requests that race get the same token, one after the other; but once that was used, a token of their own.
    ForkOnceSuccessorIsUsed,
    /// A retry with its key gets a token of its own.
    ForkOnRetry,
    /// A retry inside the leeway gets a token of its own, and the first one lives too.
    ForkInLeeway,

    /// The answer tells of a reuse, and the session lives on.
    ReuseRolledBack,
    /// The same for tokens that are two generations old or older.
    OldReuseRolledBack,
    /// Whoever loses a race is refused, and the session lives on.
    LoserLeavesSession,
    /// A replay beside a redemption is refused, and the session lives on.
    ReplayBesideRedemption,
    /// The revocation after a reuse misses the token that is just being issued.
    RevocationMissesSuccessor,

    /// Stale tokens are refused, and that is all.
    NoReuseDetection,
    /// The same for tokens that are two generations old or older: they were deleted.
    OldTokensForgotten,
    /// The token before the newest leads everyone to the newest.
    GraceForEveryone,
    /// Every older token leads everyone to the newest.
    NothingIsStale,
    /// A stale token rotates, and the newest dies.
    StaleTokenRotates,
    /// A retry with another key is answered like one with the same.
    AnyKeyIsRight,
    /// A retry with its key is answered after the successor was used.
    LateRetryAdmitted,

    /// The leeway is longer than announced.
    LeewayTooLong,
    /// Inside the leeway every older token leads to the newest.
    LeewayForOlder,
    /// The leeway does not end when the successor is used.
    LeewayAfterUse,
    /// The leeway is shorter than announced.
    LeewayTooShort,

    SignOutIgnored,
    /// A sign-out takes effect after the next refresh.
    SignOutTooLate,
    /// A sign-out beside a refresh ends the token that it has, and not the one that is just being issued.
    SignOutMissesSuccessor,
    /// A sign-out that a refresh has overtaken has a stale token, and does nothing.
    SignOutOvertaken,
    /// A sign-out with a stale token does nothing.
    SignOutOfStaleIgnored,

    RotationLostAtRestart,
    RevocationLostAtRestart,
    SignOutLostAtRestart,
    SessionsLostAtRestart,
    KeysLostAtRestart,

    /// It does not look at the tag.
    AcceptsForgedTag,
    /// It does not look at what follows the tag.
    AcceptsLongerToken,
    /// A token that was mangled ends the session that it names.
    ForgeryEndsSession,
    AcceptsUnsignedRefresh,
    AcceptsUnsignedAccess,
    AcceptsOtherClient,
    GrantsAnyScope,
    /// Of what is asked for, it grants the last.
    GrantsLastScope,
    /// A forged token gets an access token, and no refresh token.
    AccessForForgedTag,
    /// The same for a token that was replaced.
    AccessForStale,
    AcceptsAccessAsRefresh,
    AcceptsRefreshAsAccess,

    AccessOutlivesSignOut,
    AccessOutlivesReuse,
    /// The end of a session ends its newest access token only.
    OldAccessOutlivesSignOut,

    /// A retry is taken for a replay.
    AlarmOnRetry,
    /// A retry is refused, and the session lives on.
    RetryRefused,
    /// A retry gets a token that does not work.
    DeadTokenOnRetry,
    /// Of requests that race with one key, all but one are taken for replays.
    AlarmOnRacingRetry,
    /// An outage looks like a bad token.
    OutageReportedAsReuse,
    /// A new session ends the others of the same user.
    SignInEndsOthers,
    /// A session ends after so many rotations.
    FiftyRotations,

    /// Every rotation restarts the session's lifetime.
    SlidesAbsoluteLifetime,
    /// Answers promise the whole lifetime each time.
    PromisesTooMuch,
    NeverIdle,

    NoCacheControl,
    WeakCacheControl,
    RefusesWith403,
}
