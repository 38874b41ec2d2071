//! What proves nothing is neither accused nor praised: "could not be tried", with the cause, and exit code 3.

use crate::{
    judged::{LEEWAY_SECONDS, Talk, Tried},
    kit::{PASSWORD, Report, torture, torture_with},
    provider::{Manners, Provider},
    stub::{Fault, Kind, Stub},
};
use heirloom_torture::{Guarded, Progress, Property, Settings, Source, Verdict, run, run_until};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, time::Duration};
use tempfile::TempDir;
use tokio::sync::Notify;

/// The profile of Heirloom with a change.
fn profile(folder: &TempDir, change: impl FnOnce(&mut Value)) -> PathBuf {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/profiles/heirloom.json")).unwrap();
    let mut profile = serde_json::from_str(&text).unwrap();
    change(&mut profile);
    let path = folder.path().join("profile.json");
    fs::write(&path, profile.to_string()).unwrap();
    path
}

async fn with_profile(fault: Fault, change: impl FnOnce(&mut Value), arguments: &[&str]) -> Report {
    let (stub, folder) = (Stub::start(fault), TempDir::new().unwrap());
    let path = profile(&folder, change);
    let usual = [&stub.url, "--user", "alice", "--duration", "1s", "--profile", path.to_str().unwrap()];
    Report::of(&[&usual[..], arguments].concat()).await
}

#[tokio::test]
async fn a_server_that_does_not_answer_proves_nothing() {
    let ran = torture(&["http://127.0.0.1:9", "--user", "alice"]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stdout.contains("COULD NOT BE TRIED") && !ran.stdout.contains("holds\n"), "{ran:?}");
    assert!(ran.stdout.contains("preflight failed: the sign-in failed: cannot connect"), "{ran:?}");
    let report = Report::of(&["http://no-such-host.invalid", "--user", "alice", "--only", "race-2"]).await;
    report.expect_untried("cannot connect");
}

#[tokio::test]
async fn a_wrong_password_or_client_proves_nothing() {
    let stub = Stub::start(Fault::None);
    let arguments = [stub.url.as_str(), "--user", "alice", "--json"];
    let report = Report::read(&torture_with(&arguments, "wrong\n").await);
    report.expect_untried("the sign-in failed: 401 invalid_credentials");
}

#[tokio::test]
async fn a_wrong_pointer_proves_nothing() {
    for (pointer, cause) in [
        ("refresh_token", "the answer that begins a session has no refresh token at /nowhere"),
        ("access_token", "no token at `answer.access_token`"),
    ] {
        let change = |profile: &mut Value| profile["answer"][pointer] = json!("/nowhere");
        with_profile(Fault::None, change, &[]).await.expect_untried(cause);
    }
}

#[tokio::test]
async fn a_wrong_request_or_answer_proves_nothing() {
    let url = |verb: &'static str| move |profile: &mut Value| profile[verb]["request"]["url"] = json!("{base}/nowhere");
    with_profile(Fault::None, url("refresh"), &[]).await.expect_untried("404, which the profile does not know");
    with_profile(Fault::None, url("sign_out"), &[]).await.expect_untried("the sign-out was answered with 404");
    with_profile(Fault::None, url("access"), &[]).await.expect_untried("a new access token does not work: 404");
    let anything = |profile: &mut Value| {
        profile["refresh"]["rotated"] = json!([{ "status": "200" }, { "status": "401" }]);
    };
    with_profile(Fault::None, anything, &[]).await.expect_untried("garbage as a refresh token was answered with 401");
}

/// Once, and not as an accusation for each scenario.
#[tokio::test]
async fn a_server_that_does_not_rotate_is_named_once() {
    let report = Tried::Quick.judge(Fault::None, Talk::OAuth, Kind::NoRotation).await;
    let named = report.properties.iter().filter(|one| one.saw == "does not rotate").map(|one| one.property);
    assert_eq!(named.collect::<Vec<_>>(), [Property::Rotation]);
    assert_eq!(report.property(Property::Fork).unwrap().verdict, Verdict::NotApplicable);
    assert_eq!((report.verdict, report.grade.letter), (Verdict::Holds, None), "{report:#?}");
    assert!(report.grade.reason.contains("does not rotate"), "{}", report.grade.reason);
}

/// The profile's place is right for a sign-in only: the token that a refresh was given is spent, and it looks as if the server
/// did not rotate.
#[tokio::test]
async fn a_refresh_that_returns_the_next_token_elsewhere_proves_nothing() {
    let leeway = Kind::Leeway { seconds: LEEWAY_SECONDS, same: true };
    let judge = |tried: Tried, talk, kind| tried.judge_once(Fault::MovesToken, talk, kind);
    let (own, oauth, leeway) = tokio::join!(
        judge(Tried::Only("sign-out"), Talk::Own, Kind::Strict),
        judge(Tried::Only("sign-out"), Talk::OAuth, Kind::Strict),
        judge(Tried::Leeway, Talk::OAuth, leeway),
    );
    for report in [own, oauth, leeway] {
        let cause = report.preflight.failed.clone().unwrap_or_default();
        assert!(cause.contains("the second refresh of a session was refused"), "{report:#?}");
        assert!(cause.contains("elsewhere than at /refresh_token (`answer.refresh_token`)"), "{report:#?}");
        assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_rotate_each_time_is_named_so() {
    let judge = |kind| Tried::Only("race-2").judge_once(Fault::None, Talk::OAuth, kind);
    let (second, minute) = tokio::join!(judge(Kind::JwtPerSecond), judge(Kind::RotatesOncePerMinute));
    for report in [second, minute] {
        assert_eq!(report.property(Property::Rotation).unwrap().saw, "rotates, but not each time", "{report:#?}");
        assert!(report.scenarios[0].saw.contains("does not rotate refresh tokens each time"), "{report:#?}");
        assert_eq!(report.property(Property::Fork).unwrap().verdict, Verdict::NotApplicable);
    }
}

/// The initial token stays the one of the session, from the first redemption on.
#[tokio::test]
async fn initial_tokens_may_be_those_of_a_server_that_does_not_rotate() {
    let stub = Stub::of(Kind::NoTokenInAnswer);
    let initial = tokens(&stub, 4).await;
    let source = Source::tokens(initial.lines().map(|line| Guarded::new(line.to_owned())));
    let only = ["sign-out", "token-kinds"].map(str::to_owned).to_vec();
    let report = run(Settings { source, only, ..Talk::OAuth.settings(&stub, 0) }, |_| {}).await.unwrap();
    assert_eq!((report.verdict, &report.preflight.rotates), (Verdict::Holds, &Some(false)), "{report:#?}");
}

/// What is done to one session is done to the other.
#[tokio::test]
async fn two_sign_ins_that_return_the_same_session_prove_nothing() {
    let report = Tried::Quick.judge_once(Fault::None, Talk::OAuth, Kind::OneSessionPerUser).await;
    let violated: Vec<_> = report.properties.iter().filter(|one| one.verdict == Verdict::Violated).collect();
    assert!(violated.is_empty(), "{violated:#?}");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
    let beside = report.scenarios.iter().find(|scenario| scenario.scenario == "refresh-sign-in").unwrap();
    assert!(beside.saw.contains("returned the token of an earlier session"), "{beside:#?}");
}

#[tokio::test]
async fn an_initial_token_that_is_given_twice_proves_nothing() {
    let stub = Stub::of(Kind::NoRotation);
    // One for the preflight, and one for both sessions of the scenario.
    let (first, twice) = (tokens(&stub, 1).await, tokens(&stub, 1).await);
    let source = Source::tokens([&first, &twice, &twice, &twice].into_iter().map(|text| Guarded::new(text.clone())));
    let settings = Settings { source, only: vec!["answers".to_owned()], ..Talk::OAuth.settings(&stub, 0) };
    let report = run(settings, |_| {}).await.unwrap();
    assert!(report.scenarios[0].saw.contains("returned the token of an earlier session"), "{report:#?}");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
}

/// Nobody knows when the sessions of a file began: here, two and a half seconds before.
#[tokio::test]
async fn an_initial_token_that_expires_meanwhile_accuses_nobody() {
    let (lifetime, leeway) = (Duration::from_secs(4), 2);
    let kind = Kind::Leeway { seconds: leeway, same: true };
    let stub = Stub::living(Fault::None, kind, lifetime, Duration::from_hours(1));
    let initial = tokens(&stub, 14).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let source = Source::tokens(initial.lines().map(|line| Guarded::new(line.to_owned())));
    let (only, absolute_lifetime) = (vec!["leeway".to_owned()], Some(lifetime));
    let settings = Settings { source, only, absolute_lifetime, ..Talk::OAuth.settings(&stub, leeway) };
    let report = run(settings, |_| {}).await.unwrap();
    let violated: Vec<_> = report.properties.iter().filter(|one| one.verdict == Verdict::Violated).collect();
    assert!(violated.is_empty(), "{violated:#?}");
}

/// A refusal that only an expiry explains which nobody saw was not put to the test.
#[tokio::test]
async fn what_only_an_unseen_expiry_explains_does_not_hold() {
    let stub = Stub::start(Fault::AlarmOnRetry);
    let initial = tokens(&stub, 80).await;
    let source = Source::tokens(initial.lines().map(|line| Guarded::new(line.to_owned())));
    let (only, absolute_lifetime) = (vec!["lost-answer".to_owned()], Some(Duration::from_hours(1)));
    let settings = Settings { source, only, absolute_lifetime, ..Talk::Own.settings(&stub, 0) };
    let report = run(settings, |_| {}).await.unwrap();
    let retry = report.property(Property::RetryWithKey).unwrap();
    assert_eq!((retry.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
}

/// A stale token that is refused with a success status must not look like one that was accepted.
#[tokio::test]
async fn a_success_without_a_token_proves_nothing() {
    let report = Tried::Quick.judge_once(Fault::None, Talk::OAuth, Kind::RefusesIn200).await;
    let violated: Vec<_> = report.properties.iter().filter(|one| one.verdict == Verdict::Violated).collect();
    assert!(violated.is_empty(), "{violated:#?}");
    assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
    let replay = report.scenarios.iter().find(|scenario| scenario.scenario == "replay-1").unwrap();
    let cause = "answers that the profile does not know: 200 invalid_grant without a token";
    assert!(replay.saw.contains(cause), "{replay:#?}");
}

/// The first replays are answered; those that were to wait meet the outage. Refreshes until then: the preflight's 2, 14 for
/// replays at once, and 5 of those sessions.
#[tokio::test]
async fn an_outage_inside_a_leeway_is_not_a_refusal() {
    let kind = Kind::Leeway { seconds: LEEWAY_SECONDS, same: true };
    // Unlike a 503, an answer that the profile does not know is not asked for again.
    let fault = Fault::TurnsAway { after: 2 + 14 + 5, status: 403 };
    let stub = Stub::living(fault, kind, Duration::from_hours(1), Duration::from_hours(1));
    let settings = Talk::OAuth.settings(&stub, LEEWAY_SECONDS);
    let report = run(Settings { only: vec!["leeway".to_owned()], ..settings }, |_| {}).await.unwrap();
    assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
    for property in [Property::RetryInLeeway, Property::Leeway] {
        assert_eq!(report.property(property).unwrap().verdict, Verdict::CouldNotBeTried, "{report:#?}");
    }
}

/// Access tokens work on, but nobody knows whether their session was revoked.
#[tokio::test]
async fn an_end_that_was_not_answered_ends_nothing() {
    // The preflight's 5, and the refreshes and sign-outs before each end.
    for after in [5 + 2, 5 + 3, 5 + 4 + 2 + 2, 5 + 4 + 2 + 3] {
        let fault = Fault::TurnsAway { after, status: 403 };
        let report = Tried::Only("access-after-end").judge_once(fault, Talk::Own, Kind::Strict).await;
        assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{after}: {report:#?}");
        assert!(report.scenarios[0].saw.contains("was answered with 403"), "{after}: {report:#?}");
    }
}

/// RFC 6749 §6 permits it: two live tokens are a fork only where the profile does not state that old ones stay valid.
#[tokio::test]
async fn old_tokens_that_stay_valid_are_named_once() {
    let stated = Tried::With("storm").judge(Fault::None, Talk::OAuth, Kind::StaysValid).await;
    let named = stated.properties.iter().filter(|one| one.saw.contains("old tokens stay valid, as the profile states"));
    assert_eq!(named.map(|one| one.property).collect::<Vec<_>>(), [Property::Rotation]);
    for property in [Property::Fork, Property::ReuseDetected, Property::ReuseEndsSession] {
        assert_eq!(stated.property(property).unwrap().verdict, Verdict::NotApplicable);
    }
    assert_eq!((stated.verdict, stated.grade.letter), (Verdict::Holds, None), "{stated:#?}");
    assert!(stated.grade.reason.contains("old refresh tokens stay valid"), "{}", stated.grade.reason);
}

/// The verdict stays: the kit cannot know what the server documents.
#[tokio::test]
async fn an_old_token_that_works_although_the_profile_does_not_state_it_is_a_fork_and_the_member_is_named() {
    let stub = Stub::living(Fault::None, Kind::StaysValid, Duration::from_hours(1), Duration::from_hours(1));
    let settings = Settings { only: vec!["race-2".to_owned()], ..Talk::OAuth.settings(&stub, 0) };
    let report = run_until(settings, |_| {}, std::future::pending()).await.unwrap();
    assert_eq!(report.property(Property::Fork).unwrap().verdict, Verdict::Violated, "{report:#?}");
    let rotation = report.property(Property::Rotation).unwrap();
    assert!(rotation.saw.contains("state `old_tokens` in the profile"), "{rotation:#?}");
    let strict = Tried::Only("race-2").judge(Fault::None, Talk::OAuth, Kind::Strict).await;
    assert_eq!(strict.property(Property::Rotation).unwrap().saw, "rotates");
    // Of what was not chosen, nothing is known.
    assert_eq!((strict.verdict, strict.grade.letter), (Verdict::Holds, None), "{strict:#?}");
}

/// An outage is part of the storm; elsewhere it may hide what should be seen.
#[tokio::test]
async fn an_outage_is_borne_by_the_storm_and_hides_too_much_elsewhere() {
    let borne = Tried::Only("storm").judge_once(Fault::Outages, Talk::Own, Kind::Strict).await;
    assert_eq!(borne.verdict, Verdict::Holds, "{borne:#?}");
    let hidden = Tried::Only("replay-100").judge_once(Fault::Outages, Talk::Own, Kind::Strict).await;
    assert_eq!((hidden.verdict, hidden.exit_code()), (Verdict::CouldNotBeTried, 3), "{hidden:#?}");
    assert_eq!(hidden.scenarios[0].attempts, 3);
    assert!(hidden.scenarios[0].saw.contains("an outage may hide what should be seen"), "{hidden:#?}");
}

/// What is known until then stays known.
#[tokio::test]
async fn a_run_that_is_interrupted_reports_what_it_has_seen() {
    let stub = Stub::start(Fault::None);
    let only = ["replay-1", "storm"].map(str::to_owned).to_vec();
    let settings = Settings { only, storm: Duration::from_hours(1), ..Talk::Own.settings(&stub, 0) };
    let first_is_done = Notify::new();
    let tell = |progress: &Progress<'_>| {
        if let Progress::Done(_) = progress {
            first_is_done.notify_one();
        }
    };
    let report = run_until(settings, tell, first_is_done.notified());
    let report = report.await.unwrap();
    let verdicts: Vec<_> = report.scenarios.iter().map(|scenario| scenario.verdict).collect();
    assert_eq!((verdicts, report.interrupted), (vec![Verdict::Holds, Verdict::CouldNotBeTried], true));
    assert_eq!(report.exit_code(), 3);
}

/// Also by the scenario that was running.
#[tokio::test]
async fn a_violation_that_was_seen_before_an_interruption_is_reported() {
    let stub = Stub::start(Fault::ForkOnReplay);
    // It would take hours.
    let settings = Settings { only: vec!["replay-1".to_owned()], rounds: 1_000_000, ..Talk::OAuth.settings(&stub, 0) };
    let report = run_until(settings, |_| {}, tokio::time::sleep(Duration::from_secs(2))).await.unwrap();
    assert!(report.interrupted);
    let [replay] = &report.scenarios[..] else { panic!("{report:#?}") };
    assert_eq!((replay.verdict, report.exit_code()), (Verdict::Violated, 1), "{report:#?}");
    assert_eq!(report.property(Property::Fork).unwrap().verdict, Verdict::Violated);
    assert!(replay.calls > 0 && replay.sessions > 0, "{replay:#?}");
}

/// Not wrong usage: later it may answer.
#[tokio::test]
async fn a_server_that_does_not_describe_itself_now_proves_nothing() {
    for status in [429, 500, 502, 503] {
        let provider = Provider::start(Manners { undescribed: Some(status), ..Manners::default() });
        let ran = torture(&[&provider.url, "--user", "alice", "--client-id", "web"]).await;
        assert!(ran.code == 3 && ran.stdout.contains("the server does not describe itself now"), "{ran:?}");
        assert!(ran.stdout.contains(&status.to_string()), "{ran:?}");
        let shown = torture_with(&["profile", "show", &provider.url], "").await;
        assert!(shown.code == 3 && shown.stderr.contains("does not describe itself now"), "{shown:?}");
    }
}

/// A fork would be worse than what was found, and nobody knows whether there is one.
#[tokio::test]
async fn a_grade_needs_what_could_be_worse() {
    let hour = Duration::from_hours(1);
    let stub = Stub::living(Fault::NoCacheControl, Kind::AwayInRaces, hour, hour);
    let report = run(Talk::OAuth.settings(&stub, 0), |_| {}).await.unwrap();
    assert_eq!((report.verdict, report.grade.worst), (Verdict::Violated, Some(Property::NoStore)), "{report:#?}");
    assert_eq!((report.grade.letter, report.grade.at_best), (None, Some('B')), "{report:#?}");
    assert!(report.grade.reason.starts_with("at best B, as `fork` could not be tried"), "{:?}", report.grade);
}

/// A command that restarts nothing would otherwise show that nothing is lost.
#[tokio::test]
async fn a_restart_command_that_restarts_nothing_proves_nothing() {
    let report = with_profile(Fault::None, |_| {}, &["--only", "restart", "--restart-command", "true"]).await;
    report.expect_untried("the restart command restarted none");
    let report = with_profile(Fault::None, |_| {}, &["--only", "restart", "--restart-command", "false"]).await;
    report.expect_untried("the restart command ended with");
}

/// Nor does a server show one that begins to refuse meanwhile, and still runs.
#[tokio::test]
async fn refreshes_that_are_answered_with_an_outage_show_no_restart() {
    let judge = |status, talk: Talk| async move {
        let stub = Stub::start(Fault::TurnsAwayInsteadOfRestart { status });
        let restart = Some(format!("{}; sleep 2", stub.restart_command()));
        let settings = Settings { only: vec!["restart".to_owned()], restart, ..talk.settings(&stub, 0) };
        run(settings, |_| {}).await.unwrap()
    };
    let (limited, away, limited_once, away_once) =
        tokio::join!(judge(429, Talk::Own), judge(503, Talk::Own), judge(429, Talk::OAuth), judge(503, Talk::OAuth));
    for report in [limited, away, limited_once, away_once] {
        assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
        assert!(report.scenarios[0].saw.contains("the restart command restarted none"), "{report:#?}");
    }
}

/// Nor does an outage that comes without a restart.
#[tokio::test]
async fn a_server_that_is_away_now_and_then_hides_whether_it_was_restarted() {
    let stub = Stub::start(Fault::EveryThirdAway);
    let (only, restart) = (vec!["restart".to_owned()], Some("true".to_owned()));
    let settings = Settings { only, restart, ..Talk::OAuth.settings(&stub, 0) };
    let report = run(settings, |_| {}).await.unwrap();
    assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
    assert!(report.scenarios[0].saw.contains("away now and then without a restart"), "{report:#?}");
}

#[tokio::test]
async fn a_scenario_without_what_it_needs_proves_nothing() {
    with_profile(Fault::None, |_| {}, &["--only", "lifetime"]).await.expect_untried("needs --absolute-lifetime");
}

async fn tokens(stub: &Stub, count: usize) -> String {
    let http = reqwest::Client::new();
    let mut tokens = Vec::new();
    for _session in 0..count {
        let request = http.post(format!("{}/api/v1/auth/login", stub.url));
        let answer = request.json(&json!({ "email": "alice", "password": PASSWORD })).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        tokens.push(answer["refresh_token"].as_str().unwrap().to_owned());
    }
    tokens.join("\n")
}

/// Where no script can sign in: each token is good for one session.
#[tokio::test]
async fn sessions_can_begin_elsewhere() {
    let stub = Stub::start(Fault::None);
    let arguments = [&stub.url, "--tokens", "-", "--only", "after-reuse", "--only", "replay-1", "--json"];
    let five = tokens(&stub, 5).await;
    Report::read(&torture_with(&arguments, &five).await).expect_all_hold();
    Report::read(&torture_with(&arguments, &five).await).expect_untried("was it used before?");
    let four = tokens(&stub, 4).await;
    let report = Report::read(&torture_with(&arguments, &four).await);
    report.expect_untried("5 initial tokens are needed, 4 were given");
    let garbage = "hrt_1\nhrt_2\nhrt_3\nhrt_4\nhrt_5\n";
    Report::read(&torture_with(&arguments, garbage).await).expect_untried("was it used before?");
    // The preflight's tokens are good, the others are spent.
    let spent = format!("{}\n{five}", tokens(&stub, 2).await);
    Report::read(&torture_with(&arguments, &spent).await).expect_untried("was it used before?");
}

/// The token may be good: the server was not there.
#[tokio::test]
async fn an_outage_at_the_first_redemption_is_named() {
    let fault = Fault::TurnsAway { after: 0, status: 503 };
    let stub = Stub::start(fault);
    let arguments = [&stub.url, "--profile", "heirloom", "--tokens", "-", "--only", "after-reuse", "--json"];
    let report = Report::read(&torture_with(&arguments, &tokens(&stub, 3).await).await);
    report.expect_untried("an initial token met an outage: 503 forbidden; try again");
}

/// Nobody would sign in, and nothing be disturbed.
#[tokio::test]
async fn tokens_cannot_show_what_a_sign_in_does() {
    let stub = Stub::start(Fault::None);
    let arguments = [&stub.url, "--tokens", "-", "--only", "refresh-sign-in", "--json"];
    Report::read(&torture_with(&arguments, &tokens(&stub, 9).await).await).expect_untried("needs --user");
}

#[tokio::test]
async fn a_lifetime_of_a_spent_token_proves_nothing() {
    let stub = Stub::start(Fault::None);
    let lifetime = ["--only", "lifetime", "--absolute-lifetime", "1h"];
    let arguments = [&[stub.url.as_str(), "--tokens", "-", "--json"][..], &lifetime].concat();
    let one_spent = format!("{}\nhrt_1\n", tokens(&stub, 2).await);
    Report::read(&torture_with(&arguments, &one_spent).await).expect_untried("was it used before?");
}

/// Figures are measured, and not accused.
#[tokio::test]
async fn access_tokens_that_live_on_are_a_figure() {
    let report = Tried::Only("access-after-end").judge(Fault::None, Talk::OAuth, Kind::Stateless).await;
    for property in [Property::AccessAfterSignOut, Property::AccessAfterReuse] {
        let figure = report.property(property).unwrap();
        assert_eq!((figure.verdict, figure.figure.unwrap().at_most_ms), (Verdict::Measured, None), "{figure:#?}");
        assert!(figure.saw.contains("lives on"), "{figure:#?}");
    }
    assert_eq!(report.property(Property::AccessRevoked).unwrap().verdict, Verdict::NotApplicable);
    let report = Tried::Only("access-after-end").judge(Fault::None, Talk::OAuth, Kind::Strict).await;
    assert_eq!(report.property(Property::AccessAfterSignOut).unwrap().saw, "dies at once");
}

/// The end of a lifetime looks like a refusal of a live session.
#[tokio::test]
async fn a_session_that_expires_meanwhile_accuses_nobody() {
    let (short, long) = (Duration::from_secs(2), Duration::from_hours(1));
    for (absolute, idle) in [(Some(short), None), (None, Some(short))] {
        let stub = Stub::living(Fault::None, Kind::Strict, absolute.unwrap_or(long), idle.unwrap_or(long));
        // After the restart, nobody uses a session for a while.
        let restart = format!("{}; sleep 3", stub.restart_command());
        let settings = Settings {
            only: ["storm", "restart"].map(str::to_owned).to_vec(),
            storm: Duration::from_secs(4),
            absolute_lifetime: absolute,
            idle_lifetime: idle,
            restart: Some(restart),
            ..Talk::Own.settings(&stub, 0)
        };
        let report = run_until(settings, |_| {}, std::future::pending()).await.unwrap();
        let violated: Vec<_> = report.properties.iter().filter(|one| one.verdict == Verdict::Violated).collect();
        assert!(violated.is_empty(), "{absolute:?} {idle:?}: {violated:#?}");
    }
}

/// A name that was mistyped must not look like a client that is refused, nor a scope that was granted like a wider one.
#[tokio::test]
async fn a_client_that_is_not_known_and_a_scope_that_is_not_wider_prove_nothing() {
    for (fault, name, value, cause) in [
        (Fault::None, "other_client_id", "mistyped", "is the other client known?"),
        (Fault::GrantsAnyScope, "wider_scope", "read", "the session has scope=read already"),
    ] {
        let stub = Stub::start(fault);
        let mut settings = Talk::OAuth.settings(&stub, 0);
        settings.values.insert(name.to_owned(), Guarded::new(value.to_owned()));
        settings.only = vec![name.replace("_id", "").replace('_', "-")];
        // The status alone.
        settings.profile.answer.code = None;
        settings.profile.refresh.denied[0].code = None;
        let report = run_until(settings, |_| {}, std::future::pending()).await.unwrap();
        assert_eq!((report.verdict, report.exit_code()), (Verdict::CouldNotBeTried, 3), "{report:#?}");
        assert!(report.scenarios[0].saw.contains(cause), "{report:#?}");
    }
}

#[tokio::test]
async fn a_leeway_is_a_figure_with_an_end() {
    let kind = Kind::Leeway { seconds: LEEWAY_SECONDS, same: true };
    let report = Tried::Leeway.judge(Fault::None, Talk::OAuth, kind).await;
    let leeway = report.property(Property::Leeway).unwrap();
    let figure = leeway.figure.unwrap();
    assert!(figure.at_least_ms < 4000 && figure.at_most_ms.is_some_and(|end| end >= 4000), "{leeway:#?}");
    assert!(leeway.saw.contains("the same token; ends when the successor is used"), "{leeway:#?}");
    // A leeway is a permission, not a duty.
    let report = Tried::Leeway.judge(Fault::None, Talk::OAuth, Kind::Strict).await;
    assert!(report.property(Property::Leeway).unwrap().saw.starts_with("none"), "{report:#?}");
    assert_eq!(report.verdict, Verdict::Holds, "{report:#?}");
}
