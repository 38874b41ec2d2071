//! The kit is judged itself: each planted fault violates exactly its property, and a faultless server violates none.

use crate::{
    judged::{LEEWAY_SECONDS, Talk, Tried},
    stub::{Fault, Kind},
};
use futures_util::future::join_all;
use heirloom_torture::{Property, Rank, Verdict};

const OWN: Talk = Talk::Own;
const OAUTH: Talk = Talk::OAuth;
const LEEWAY: Kind = Kind::Leeway { seconds: LEEWAY_SECONDS, same: true };
const OTHER_IN_LEEWAY: Kind = Kind::Leeway { seconds: LEEWAY_SECONDS, same: false };

const BESIDE_NONE: Kind = Kind::LeewayBesideNone { seconds: LEEWAY_SECONDS };

/// A fault, how the server talks, its kind, the scenarios that are tried beside the quick ones (alone, where they take a
/// while), and the property that is violated.
type Planted = (Fault, Talk, Kind, Tried, Property);
/// The same of a server without a fault.
type Faultless = (Talk, Kind, Tried);

#[rustfmt::skip]
const MATRIX: &[Planted] = &[
    (Fault::ForkInRace,                OWN,   Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkInRace,                OAUTH, Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkInRace,                OAUTH, Kind::Jwt,       Tried::Quick,               Property::Fork),
    (Fault::ForkInFewRaces,            OAUTH, Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkUnlessUsedAtOnce,      OAUTH, Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkOnReplay,              OAUTH, Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkBesideRedemption,      OAUTH, Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkOnceSuccessorIsUsed,   OAUTH, Kind::Shared,    Tried::Quick,               Property::Fork),
    (Fault::ForkOnRetry,               OWN,   Kind::Strict,    Tried::Quick,               Property::Fork),
    (Fault::ForkInLeeway,              OAUTH, OTHER_IN_LEEWAY, Tried::Leeway,              Property::Fork),

    (Fault::ReuseRolledBack,           OWN,   Kind::Strict,    Tried::Quick,               Property::ReuseEndsSession),
    (Fault::OldReuseRolledBack,        OWN,   Kind::Strict,    Tried::Quick,               Property::ReuseEndsSession),
    (Fault::LoserLeavesSession,        OWN,   Kind::Strict,    Tried::Quick,               Property::ReuseEndsSession),
    (Fault::LoserLeavesSession,        OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseEndsSession),
    (Fault::ReplayBesideRedemption,    OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseEndsSession),
    (Fault::RevocationMissesSuccessor, OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseEndsSession),

    (Fault::NoReuseDetection,          OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::OldTokensForgotten,        OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::GraceForEveryone,          OWN,   Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::NothingIsStale,            OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::AccessForStale,            OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::StaleTokenRotates,         OAUTH, Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::AnyKeyIsRight,             OWN,   Kind::Strict,    Tried::Quick,               Property::ReuseDetected),
    (Fault::LateRetryAdmitted,         OWN,   Kind::Strict,    Tried::Quick,               Property::ReuseDetected),

    (Fault::LeewayTooLong,             OAUTH, LEEWAY,          Tried::Leeway,              Property::LeewayEnds),
    (Fault::LeewayTooLong,             OAUTH, OTHER_IN_LEEWAY, Tried::Leeway,              Property::LeewayEnds),
    (Fault::LeewayForOlder,            OAUTH, LEEWAY,          Tried::Leeway,              Property::LeewayEnds),
    (Fault::LeewayAfterUse,            OAUTH, LEEWAY,          Tried::Leeway,              Property::LeewayEnds),
    (Fault::LeewayTooShort,            OAUTH, LEEWAY,          Tried::Leeway,              Property::RetryInLeeway),

    (Fault::SignOutIgnored,            OWN,   Kind::Strict,    Tried::Quick,               Property::SignOutEndsSession),
    (Fault::SignOutIgnored,            OAUTH, Kind::NoRotation, Tried::Quick,              Property::SignOutEndsSession),
    (Fault::SignOutIgnored,            OAUTH, Kind::StaysValid, Tried::Quick,              Property::SignOutEndsSession),
    (Fault::SignOutTooLate,            OAUTH, Kind::Strict,    Tried::Quick,               Property::SignOutEndsSession),
    (Fault::SignOutMissesSuccessor,    OAUTH, Kind::Strict,    Tried::Quick,               Property::SignOutEndsSession),
    (Fault::SignOutOvertaken,          OWN,   Kind::Strict,    Tried::Quick,               Property::SignOutEndsSession),
    (Fault::SignOutOvertaken,          OAUTH, Kind::Strict,    Tried::Quick,               Property::SignOutEndsSession),
    (Fault::SignOutOfStaleIgnored,     OWN,   Kind::Strict,    Tried::Quick,               Property::SignOutEndsSession),

    (Fault::RotationLostAtRestart,     OWN,   Kind::Strict,    Tried::With("restart"),     Property::CrashSafe),
    (Fault::RotationLostAtRestart,     OAUTH, Kind::Strict,    Tried::Only("restart"),     Property::CrashSafe),
    (Fault::RevocationLostAtRestart,   OWN,   Kind::Strict,    Tried::Only("restart"),     Property::CrashSafe),
    (Fault::SignOutLostAtRestart,      OWN,   Kind::Strict,    Tried::Only("restart"),     Property::CrashSafe),
    (Fault::SessionsLostAtRestart,     OAUTH, Kind::Strict,    Tried::Only("restart"),     Property::CrashSafe),
    (Fault::KeysLostAtRestart,         OWN,   Kind::Strict,    Tried::Only("restart"),     Property::CrashSafe),

    (Fault::AcceptsForgedTag,          OWN,   Kind::Strict,    Tried::Quick,               Property::ForgedRefused),
    (Fault::AcceptsForgedTag,          OAUTH, Kind::Counter,   Tried::Quick,               Property::ForgedRefused),
    (Fault::AccessForForgedTag,        OAUTH, Kind::Strict,    Tried::Quick,               Property::ForgedRefused),
    (Fault::AcceptsLongerToken,        OAUTH, Kind::Strict,    Tried::Quick,               Property::ForgedRefused),
    (Fault::ForgeryEndsSession,        OWN,   Kind::Strict,    Tried::Quick,               Property::ForgedRefused),
    (Fault::AcceptsUnsignedRefresh,    OAUTH, Kind::Jwt,       Tried::Quick,               Property::UnsignedRefused),
    (Fault::AcceptsUnsignedAccess,     OAUTH, Kind::Jwt,       Tried::Quick,               Property::UnsignedRefused),
    (Fault::AcceptsOtherClient,        OAUTH, Kind::Strict,    Tried::Quick,               Property::OtherClientRefused),
    (Fault::GrantsAnyScope,            OAUTH, Kind::Strict,    Tried::Quick,               Property::ScopeNotWidened),
    (Fault::GrantsAnyScope,            OWN,   Kind::Strict,    Tried::Quick,               Property::ScopeNotWidened),
    (Fault::GrantsLastScope,           OAUTH, Kind::Strict,    Tried::Quick,               Property::ScopeNotWidened),
    (Fault::AcceptsAccessAsRefresh,    OAUTH, Kind::Strict,    Tried::Quick,               Property::TokenKindsKept),
    (Fault::AcceptsRefreshAsAccess,    OWN,   Kind::Strict,    Tried::Quick,               Property::TokenKindsKept),

    (Fault::AccessOutlivesSignOut,     OWN,   Kind::Strict,    Tried::Quick,               Property::AccessRevoked),
    (Fault::AccessOutlivesReuse,       OWN,   Kind::Strict,    Tried::Quick,               Property::AccessRevoked),
    (Fault::OldAccessOutlivesSignOut,  OWN,   Kind::Strict,    Tried::Quick,               Property::AccessRevoked),

    (Fault::AlarmOnRetry,              OWN,   Kind::Strict,    Tried::Quick,               Property::RetryWithKey),
    (Fault::RetryRefused,              OWN,   Kind::Strict,    Tried::Quick,               Property::RetryWithKey),
    (Fault::DeadTokenOnRetry,          OWN,   Kind::Strict,    Tried::Quick,               Property::RetryWithKey),
    (Fault::AlarmOnRacingRetry,        OWN,   Kind::Strict,    Tried::Quick,               Property::RetryWithKey),
    (Fault::OutageReportedAsReuse,     OWN,   Kind::Strict,    Tried::Quick,               Property::LiveSessionWorks),
    (Fault::SignInEndsOthers,          OAUTH, Kind::Strict,    Tried::Quick,               Property::LiveSessionWorks),
    (Fault::FiftyRotations,            OAUTH, Kind::Strict,    Tried::With("replay-100"),  Property::LiveSessionWorks),

    (Fault::SlidesAbsoluteLifetime,    OWN,   Kind::Strict,    Tried::Lifetime,            Property::AbsoluteLifetime),
    (Fault::PromisesTooMuch,           OAUTH, Kind::Strict,    Tried::Lifetime,            Property::AbsoluteLifetime),
    (Fault::NeverIdle,                 OAUTH, Kind::Strict,    Tried::Idle,                Property::IdleLifetime),

    (Fault::NoCacheControl,            OWN,   Kind::Strict,    Tried::Quick,               Property::NoStore),
    (Fault::WeakCacheControl,          OAUTH, Kind::Strict,    Tried::Quick,               Property::NoStore),
    (Fault::RefusesWith403,            OAUTH, Kind::Strict,    Tried::Quick,               Property::ErrorShape),
];

/// Servers of each kind that have no fault.
#[rustfmt::skip]
const FAULTLESS: &[Faultless] = &[
    (OWN,   Kind::Strict,     Tried::All),
    (OAUTH, Kind::Strict,     Tried::All),
    (OAUTH, Kind::Shared,     Tried::All),
    (OAUTH, Kind::Counter,    Tried::Quick),
    (OAUTH, Kind::Jwt,        Tried::Quick),
    (OAUTH, Kind::Stateless,  Tried::Quick),
    (OWN,   Kind::Delayed,    Tried::Quick),
    (OAUTH, Kind::NoRotation, Tried::All),
    (OAUTH, Kind::StaysValid, Tried::All),
    (OAUTH, Kind::NoTokenInAnswer, Tried::Only("sign-out")),
    (OAUTH, Kind::JwtPerSecond, Tried::With("storm")),
    (OAUTH, Kind::RotatesOncePerMinute, Tried::With("storm")),
    (OAUTH, Kind::TwoLines,   Tried::Only("answers")),
    (OAUTH, LEEWAY,           Tried::Leeway),
    (OAUTH, OTHER_IN_LEEWAY,  Tried::Leeway),
    (OAUTH, BESIDE_NONE,      Tried::Leeway),
    (OAUTH, Kind::Strict,     Tried::Leeway),
    (OWN,   Kind::Strict,     Tried::Lifetime),
    (OWN,   Kind::Strict,     Tried::Idle),
];

/// The faults of these properties, side by side where they wait, one after another where they work.
async fn expect(properties: &[Property]) {
    let planted = MATRIX.iter().filter(|(.., property)| properties.contains(property));
    let (waiting, working): (Vec<&Planted>, Vec<&Planted>) = planted.partition(|(.., tried, _)| tried.waits());
    assert!(!waiting.is_empty() || !working.is_empty());
    join_all(waiting.into_iter().map(|planted| expect_exactly(*planted))).await;
    for planted in working {
        expect_exactly(*planted).await;
    }
}

/// This property is violated, no other is, and the calls show it.
async fn expect_exactly((fault, talk, kind, tried, property): Planted) {
    let report = tried.judge(fault, talk, kind).await;
    let violated: Vec<_> = report.properties.iter().filter(|one| one.verdict == Verdict::Violated).collect();
    let names: Vec<_> = violated.iter().map(|one| one.property).collect();
    assert_eq!(names, [property], "{fault:?} {talk:?} {kind:?}: {report:#?}");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Violated, 1), "{fault:?}");
    assert_eq!(report.grade.worst, Some(property));
    for violation in &violated[0].violations {
        assert!(violation.sentence.len() > 40, "{fault:?}: {}", violation.sentence);
        // No hundred rotations; forged tokens are shown as they were presented.
        assert!((1..12).contains(&violation.calls.len()), "{fault:?}: {violation:#?}");
    }
}

#[tokio::test]
async fn forks_are_found() {
    expect(&[Property::Fork]).await;
}

/// The calls of the first wrong histories alone are worked out. This must not hide a fork that comes later.
#[tokio::test]
async fn forks_are_found_where_each_race_violates_something_else() {
    let report = Tried::Only("race-and-use").judge(Fault::ForkInFewWhereLosersLeave, OWN, Kind::Strict).await;
    let violated: Vec<_> = report.properties.iter().filter(|one| one.verdict == Verdict::Violated).collect();
    let names: Vec<_> = violated.iter().map(|one| one.property).collect();
    assert_eq!(names, [Property::Fork, Property::ReuseEndsSession], "{report:#?}");
    assert!(violated[0].violated > 0 && violated[1].violated >= 8, "{report:#?}");
}

#[tokio::test]
async fn sessions_that_outlive_a_reuse_are_found() {
    expect(&[Property::ReuseEndsSession]).await;
}

#[tokio::test]
async fn reuse_that_is_not_recognised_is_found() {
    expect(&[Property::ReuseDetected]).await;
}

#[tokio::test]
async fn leeways_that_do_not_end_or_are_not_granted_are_found() {
    expect(&[Property::LeewayEnds, Property::RetryInLeeway]).await;
}

#[tokio::test]
async fn sessions_that_outlive_a_sign_out_are_found() {
    expect(&[Property::SignOutEndsSession]).await;
}

#[tokio::test]
async fn what_a_restart_loses_is_found() {
    expect(&[Property::CrashSafe]).await;
}

#[tokio::test]
async fn forged_tokens_that_are_accepted_are_found() {
    expect(&[Property::ForgedRefused, Property::UnsignedRefused]).await;
}

#[tokio::test]
async fn tokens_in_the_wrong_place_are_found() {
    expect(&[Property::OtherClientRefused, Property::ScopeNotWidened, Property::TokenKindsKept]).await;
}

#[tokio::test]
async fn access_tokens_that_outlive_their_session_are_found() {
    expect(&[Property::AccessRevoked]).await;
}

#[tokio::test]
async fn punished_users_are_found() {
    expect(&[Property::RetryWithKey, Property::LiveSessionWorks]).await;
}

#[tokio::test]
async fn lifetimes_that_do_not_end_are_found() {
    expect(&[Property::AbsoluteLifetime, Property::IdleLifetime]).await;
}

#[tokio::test]
async fn answers_of_a_wrong_shape_are_found() {
    expect(&[Property::NoStore, Property::ErrorShape]).await;
}

#[tokio::test]
async fn faultless_servers_of_each_kind_pass() {
    let (waiting, working): (Vec<&Faultless>, Vec<&Faultless>) =
        FAULTLESS.iter().partition(|(.., tried)| tried.waits());
    join_all(waiting.into_iter().map(|faultless| expect_faultless(*faultless))).await;
    for faultless in working {
        expect_faultless(*faultless).await;
    }
}

async fn expect_faultless((talk, kind, tried): Faultless) {
    let report = tried.judge(Fault::None, talk, kind).await;
    let wrong: Vec<_> = report
        .properties
        .iter()
        .filter(|one| matches!(one.verdict, Verdict::Violated | Verdict::CouldNotBeTried))
        .collect();
    assert!(wrong.is_empty(), "{talk:?} {kind:?}: {wrong:#?}");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::Holds, 0), "{talk:?} {kind:?}: {report:#?}");
}

/// Every property that can be violated is, by at least one fault.
#[test]
fn the_matrix_has_every_property() {
    let judged = Property::ALL.into_iter().filter(|property| property.rank() != Rank::Figure);
    let missing: Vec<_> = judged.filter(|property| MATRIX.iter().all(|(.., planted)| planted != property)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(MATRIX.len() >= 40, "{}", MATRIX.len());
}
