//! What proves nothing is neither accused nor praised: "could not be tried", with the cause, and exit code 3.

use crate::{
    kit::{PASSWORD, Report, torture, torture_with},
    stub::{Fault, Stub},
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

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

#[tokio::test]
async fn a_server_that_does_not_rotate_is_named_once_and_not_accused() {
    let report = with_profile(Fault::NoRotation, |_| {}, &[]).await;
    report.expect_untried("does not rotate refresh tokens");
}

/// A command that restarts nothing would otherwise show that nothing is lost.
#[tokio::test]
async fn a_restart_command_that_restarts_nothing_proves_nothing() {
    let report = with_profile(Fault::None, |_| {}, &["--only", "restart", "--restart-command", "true"]).await;
    report.expect_untried("the restart command restarted none");
    let report = with_profile(Fault::None, |_| {}, &["--only", "restart", "--restart-command", "false"]).await;
    report.expect_untried("the restart command ended with");
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
    let four = tokens(&stub, 4).await;
    Report::read(&torture_with(&arguments, &four).await).expect_all_hold(&[]);
    Report::read(&torture_with(&arguments, &four).await).expect_untried("was it used before?");
    let three = tokens(&stub, 3).await;
    let report = Report::read(&torture_with(&arguments, &three).await);
    report.expect_untried("4 initial tokens are needed, 3 were given");
    let garbage = "hrt_1\nhrt_2\nhrt_3\nhrt_4\n";
    Report::read(&torture_with(&arguments, garbage).await).expect_untried("was it used before?");
    // The preflight's token is good, the others are spent.
    let spent = format!("{}\n{four}", tokens(&stub, 1).await);
    Report::read(&torture_with(&arguments, &spent).await).expect_untried("was it used before?");
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
    let one_spent = format!("{}\nhrt_1\n", tokens(&stub, 1).await);
    Report::read(&torture_with(&arguments, &one_spent).await).expect_untried("was it used before?");
}

/// Access tokens that are verified without a look at the session live until they expire; that is not a fault.
#[tokio::test]
async fn a_server_with_stateless_access_tokens_is_not_accused() {
    let stateless = |profile: &mut Value| {
        profile["access"].as_object_mut().unwrap().remove("after_end").unwrap();
    };
    let report = with_profile(Fault::AccessOutlivesSession, stateless, &[]).await;
    report.expect_all_hold(&["restart", "lifetime"]);
    assert!(report.json.to_string().contains("access tokens live until they expire"), "{:#}", report.json);
}

/// A leeway is a permission, not a duty.
#[tokio::test]
async fn a_strict_server_is_not_accused_by_a_profile_with_a_leeway() {
    let report = with_profile(Fault::None, |profile| profile["leeway_seconds"] = json!(10), &[]).await;
    report.expect_all_hold(&["restart", "lifetime"]);
}
