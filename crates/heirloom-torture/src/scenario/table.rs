//! All scenarios, and which properties each of them judges.

use super::{
    super::property::Property::{
        self, AbsoluteLifetime, AccessAfterReuse, AccessAfterRotation, AccessAfterSignOut, AccessRevoked, CrashSafe,
        ErrorShape, ForgedRefused, Fork, IdleLifetime, Leeway, LeewayEnds, LiveSessionWorks, NoStore,
        OtherClientRefused, RetryInLeeway, RetryWithKey, ReuseDetected, ReuseEndsSession, ScopeNotWidened,
        SignOutEndsSession, TokenKindsKept, UnsignedRefused,
    },
    Scenario, Trouble,
};

/// Rules, and what a correct server does.
type Duty = (&'static [&'static str], &'static str);

const fn scenario(
    name: &'static str,
    trouble: Trouble,
    judges: &'static [Property],
    proves: &'static [Property],
    (rules, holds): Duty,
) -> Scenario {
    Scenario { name, rules, holds, judges, proves, trouble }
}

const RACE: &[&str] = &["S-1", "S-2", "S-3"];
const SHARED: &[&str] = &["S-1", "S-2", "S-17", "S-29"];
const REPLAY: &[&str] = &["S-3", "S-20"];
const RACED: &[Property] = &[Fork, ReuseEndsSession];
const REPLAYED: &[Property] = &[ReuseDetected, ReuseEndsSession];

/// All of them, in the order in which they run.
pub const ALL: &[Scenario] = &[
    scenario("race-2", Trouble::Race(2), RACED, &[Fork], (RACE, "one of 2 rotates, then the family is revoked")),
    scenario("race-8", Trouble::Race(8), RACED, &[Fork], (RACE, "one of 8 rotates, then the family is revoked")),
    scenario("race-64", Trouble::Race(64), RACED, &[Fork], (RACE, "one of 64 rotates, then the family is revoked")),
    scenario(
        "race-and-use",
        Trouble::RaceAndUse,
        RACED,
        &[Fork],
        (RACE, "one rotates, also where its successor is used while the others wait"),
    ),
    scenario(
        "shared-key-2",
        Trouble::SharedKey(2),
        &[RetryWithKey, Fork],
        &[RetryWithKey],
        (SHARED, "both get the same successor, and it lives"),
    ),
    scenario(
        "shared-key-8",
        Trouble::SharedKey(8),
        &[RetryWithKey, Fork],
        &[RetryWithKey],
        (SHARED, "all 8 get the same successor, and it lives"),
    ),
    scenario(
        "shared-key-64",
        Trouble::SharedKey(64),
        &[RetryWithKey, Fork],
        &[RetryWithKey],
        (SHARED, "all 64 get the same successor, and it lives"),
    ),
    scenario(
        "two-keys",
        Trouble::TwoKeys,
        RACED,
        &[Fork],
        (&["S-1", "S-2", "S-3", "S-30"], "two holders: the family is revoked"),
    ),
    scenario(
        "lost-answer",
        Trouble::LostAnswer,
        &[RetryWithKey],
        &[RetryWithKey],
        (&["S-1", "S-5", "S-17"], "a retry with the key gets the same successor"),
    ),
    scenario(
        "lost-answer-no-key",
        Trouble::LostAnswerWithoutKey,
        &[ReuseDetected],
        &[ReuseDetected],
        (&["S-1", "S-3", "S-30"], "a retry without a key is a replay"),
    ),
    scenario(
        "late-retry",
        Trouble::LateRetry,
        &[ReuseDetected],
        &[],
        (&["S-1", "S-3", "S-31"], "a retry after its successor was used is a replay"),
    ),
    scenario(
        "reordered",
        Trouble::Reordered,
        &[Fork, RetryWithKey],
        &[RetryWithKey],
        (&["S-1", "S-3", "S-31"], "a retry beside the next rotation never forks"),
    ),
    scenario(
        "replay-1",
        Trouble::Replay(1),
        REPLAYED,
        &[ReuseDetected],
        (REPLAY, "generation n-1 again: the family is revoked"),
    ),
    scenario(
        "replay-2",
        Trouble::Replay(2),
        REPLAYED,
        &[ReuseDetected],
        (REPLAY, "generation n-2 again: the family is revoked"),
    ),
    scenario(
        "replay-100",
        Trouble::Replay(100),
        REPLAYED,
        &[ReuseDetected],
        (REPLAY, "generation n-100 again: the family is revoked"),
    ),
    scenario(
        "after-reuse",
        Trouble::AfterReuse,
        REPLAYED,
        &[ReuseEndsSession],
        (&["S-3", "S-24"], "after a replay no token of the family works"),
    ),
    scenario(
        "reuse-in-flight",
        Trouble::ReuseInFlight,
        &[ReuseEndsSession],
        &[ReuseEndsSession],
        (&["S-1", "S-3"], "nor one issued beside the replay"),
    ),
    scenario(
        "leeway",
        Trouble::Leeway,
        &[Leeway, LeewayEnds, RetryInLeeway],
        &[],
        (&["S-30"], "a replay is admitted only inside the announced leeway"),
    ),
    scenario(
        "sign-out",
        Trouble::SignOut,
        &[SignOutEndsSession],
        &[SignOutEndsSession],
        (&["S-1", "S-52"], "after sign-out no token of the family works"),
    ),
    scenario(
        "refresh-sign-out",
        Trouble::RefreshAgainstSignOut,
        &[SignOutEndsSession],
        &[SignOutEndsSession],
        (&["S-1", "S-52"], "after both are answered no token works"),
    ),
    scenario(
        "refresh-sign-in",
        Trouble::RefreshAgainstSignIn,
        &[LiveSessionWorks],
        &[LiveSessionWorks],
        (&["S-1", "S-5", "S-50"], "other sign-ins disturb no session"),
    ),
    scenario(
        "access-after-end",
        Trouble::AccessAfterEnd,
        &[AccessRevoked, AccessAfterSignOut, AccessAfterReuse, AccessAfterRotation],
        &[],
        (&["S-57", "S-58"], "after reuse or sign-out access tokens do what the profile announces"),
    ),
    scenario(
        "restart",
        Trouble::Restart,
        &[CrashSafe],
        &[CrashSafe],
        (&["S-3", "S-4", "S-5"], "a restart loses no rotation and no revocation"),
    ),
    scenario(
        "forged",
        Trouble::Forged,
        &[ForgedRefused],
        &[ForgedRefused],
        (&["S-6", "S-11"], "every mangled token is refused and changes nothing"),
    ),
    scenario(
        "token-kinds",
        Trouble::TokenKinds,
        &[TokenKindsKept],
        &[TokenKindsKept],
        (&["S-6"], "an access token refreshes nothing, and a refresh token opens nothing"),
    ),
    scenario("unsigned", Trouble::Unsigned, &[UnsignedRefused], &[], (&["S-6"], "a token with `alg: none` is refused")),
    scenario(
        "other-client",
        Trouble::OtherClient,
        &[OtherClientRefused],
        &[OtherClientRefused],
        (&[], "another client cannot redeem the token"),
    ),
    scenario(
        "wider-scope",
        Trouble::WiderScope,
        &[ScopeNotWidened],
        &[],
        (&[], "a refresh that asks for more scope does not get it"),
    ),
    scenario(
        "answers",
        Trouble::Answers,
        &[NoStore, ErrorShape],
        &[],
        (&[], "answers with tokens are not stored, refusals have the shape of RFC 6749"),
    ),
    scenario(
        "lifetime",
        Trouble::Lifetime,
        &[AbsoluteLifetime],
        &[AbsoluteLifetime],
        (&["S-7", "S-45"], "no rotation extends the absolute lifetime"),
    ),
    scenario("idle", Trouble::Idle, &[IdleLifetime], &[IdleLifetime], (&["S-7"], "a session that is not used expires")),
    scenario(
        "storm",
        Trouble::Storm,
        &[Fork, ReuseEndsSession, ReuseDetected, SignOutEndsSession, LiveSessionWorks],
        &[LiveSessionWorks],
        (&["S-1", "S-2", "S-3", "S-5"], "every history agrees with the specification"),
    ),
];
