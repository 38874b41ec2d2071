//! How the kit talks to a server: client authentication, DPoP, cookies, a sign-in of several steps, discovery, limits.

use crate::{
    kit::{Ran, torture, torture_with},
    provider::{Manners, Proof, Provider, SECRET},
};
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::{fs, path::Path, sync::atomic::Ordering};
use tempfile::TempDir;

/// A scenario that needs little, and cannot hold unless every kind of request works.
const ONLY: [&str; 3] = ["--only", "after-reuse", "--json"];

async fn run(provider: &Provider, more: &[&str]) -> (Ran, Value) {
    let arguments = [&[provider.url.as_str(), "--user", "alice", "--client-id", "web"][..], &ONLY, more].concat();
    let ran = torture(&arguments).await;
    let report = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    (ran, report)
}

#[track_caller]
fn expect_holds((ran, report): &(Ran, Value)) {
    assert_eq!(report["preflight"]["failed"], Value::Null, "{}", ran.stderr);
    assert_eq!(report["scenarios"][0]["verdict"], "holds", "{report:#}");
    assert!(!ran.stdout.contains("0123456789abcdef"), "a token is printed: {ran:?}");
}

#[track_caller]
fn expect_untried((ran, report): &(Ran, Value), cause: &str) {
    let failed = report["preflight"]["failed"].as_str().unwrap_or_default();
    assert!(ran.code == 3 && failed.contains(cause), "{cause:?} is not in {failed:?}: {}", ran.stderr);
}

fn file(folder: &TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// The private key in PEM, and the public one.
fn key_pair() -> (String, Vec<u8>) {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    let public = EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref()).unwrap().public_key().as_ref().to_vec();
    let body = BASE64_STANDARD.encode(pair.as_ref());
    (format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"), public)
}

#[tokio::test]
async fn endpoints_are_found_by_discovery_and_their_slash_is_kept() {
    let provider = Provider::start(Manners::default());
    let found = run(&provider, &[]).await;
    expect_holds(&found);
    assert!(found.0.stderr.contains("/.well-known/openid-configuration"), "{}", found.0.stderr);
    let shown = torture_with(&["profile", "show", &provider.url], "").await;
    assert!(shown.code == 0 && shown.stdout.contains("{base}/token/"), "{shown:?}");
}

/// A description is written by someone else: it must not reach a terminal as it is.
#[tokio::test]
async fn a_description_cannot_write_to_the_terminal() {
    let description = json!({ "issuer": "https://b.example/\u{1b}[2J" });
    let provider = Provider::start(Manners { description, ..Manners::default() });
    let ran = torture(&[&provider.url, "--user", "alice", "--client-id", "web"]).await;
    assert!(ran.code == 2 && ran.stderr.contains("describes the issuer") && !ran.stderr.contains('\u{1b}'), "{ran:?}");
}

#[tokio::test]
async fn a_client_authenticates_in_every_way_and_a_wrong_secret_is_named() {
    let folder = TempDir::new().unwrap();
    let secret = file(&folder, "secret", &format!("{SECRET}\n"));
    let wrong = file(&folder, "wrong", "another");
    let post = json!({ "token_endpoint_auth_methods_supported": ["client_secret_post"] });
    for (proof, description, option) in [
        (Proof::Basic, Value::Null, &[][..]),
        (Proof::Post, post, &[]),
        (Proof::Post, Value::Null, &["--client-auth", "client_secret_post"]),
    ] {
        let provider = Provider::start(Manners { proof, description, ..Manners::default() });
        expect_holds(&run(&provider, &[&["--client-secret-file", &secret][..], option].concat()).await);
        let refused = run(&provider, &[&["--client-secret-file", &wrong][..], option].concat()).await;
        expect_untried(&refused, "401 invalid_client");
    }
}

#[tokio::test]
async fn a_client_signs_its_assertion_with_a_key() {
    let folder = TempDir::new().unwrap();
    let ((private, public), (other, _)) = (key_pair(), key_pair());
    let provider = Provider::start(Manners { proof: Proof::Assertion(public), ..Manners::default() });
    expect_holds(&run(&provider, &["--client-key", &file(&folder, "key.pem", &private)]).await);
    let refused = run(&provider, &["--client-key", &file(&folder, "other.pem", &other)]).await;
    expect_untried(&refused, "401 invalid_client");
    let unusable = run(&provider, &["--client-key", &file(&folder, "no.pem", "not a key")]).await;
    expect_untried(&unusable, "the client's private key cannot be used");
}

#[tokio::test]
async fn tokens_can_be_bound_to_a_key_with_the_nonce_that_the_server_asks_for() {
    let provider = Provider::start(Manners { proof: Proof::Dpop, ..Manners::default() });
    expect_holds(&run(&provider, &["--dpop"]).await);
    expect_untried(&run(&provider, &[]).await, "400 invalid_dpop_proof");
}

fn profile(folder: &Path, sign_in: &Value, refresh: &Value, answer: &Value) -> String {
    let profile = json!({
        "about": "test", "answer": answer, "sign_in": sign_in,
        "refresh": { "request": refresh, "rotated": [{ "status": "2xx" }], "denied": [{ "status": "400" }, { "status": "401" }] },
        "access": {
            "request": { "method": "GET", "url": "{base}/me", "headers": { "Authorization": "Bearer {access_token}" } },
            "alive": [{ "status": "200", "has": "/sub" }], "dead": [{ "status": "401", "lacks": "/sub" }],
        },
    });
    let path = folder.join("profile.json");
    fs::write(&path, profile.to_string()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn tokens_may_travel_in_cookies_and_headers() {
    let (provider, folder) = (Provider::start(Manners::default()), TempDir::new().unwrap());
    let form = json!({ "user": "{user}", "password": "{password}" });
    let sign_in = json!({ "request": { "url": "{base}/cookie/login", "form": form }, "done": [{ "status": "204" }] });
    let refresh = json!({ "url": "{base}/cookie/refresh", "cookies": { "__Host-rt": "{refresh_token}" } });
    let answer = json!({ "refresh_token": "cookie:__Host-rt", "access_token": "header:x-access" });
    let profile = profile(folder.path(), &sign_in, &refresh, &answer);
    expect_holds(&run(&provider, &["--profile", &profile]).await);
}

#[tokio::test]
async fn a_sign_in_may_take_several_steps() {
    let (provider, folder) = (Provider::start(Manners::default()), TempDir::new().unwrap());
    let exchange = json!({ "grant_type": "authorization_code", "code": "{code}", "code_verifier": "{code_verifier}" });
    let steps = |csrf: &str| {
        json!({ "steps": [
            { "request": { "method": "GET", "url": "{base}/login?code_challenge={code_challenge}" },
              "take": { "csrf": csrf } },
            { "request": { "url": "{base}/login", "form": { "csrf": "{csrf}", "user": "{user}", "password": "{password}" } },
              "done": [{ "status": "303" }], "take": { "code": "location:code" } },
            { "request": { "url": "{base}/token/", "client_auth": true, "form": exchange }, "done": [{ "status": "200" }] },
        ]})
    };
    let form = json!({ "grant_type": "refresh_token", "refresh_token": "{refresh_token}" });
    let refresh = json!({ "url": "{base}/token/", "client_auth": true, "form": form });
    let answer = json!({ "refresh_token": "/refresh_token", "access_token": "/access_token", "code": "/error" });
    let right = profile(folder.path(), &steps("field:csrf"), &refresh, &answer);
    expect_holds(&run(&provider, &["--profile", &right]).await);
    let wrong = profile(folder.path(), &steps("field:token"), &refresh, &answer);
    expect_untried(&run(&provider, &["--profile", &wrong]).await, "step 1: 200, without `csrf` at `field:token`");
    let arguments = [&[provider.url.as_str(), "--user", "alice", "--client-id", "web"][..], &ONLY].concat();
    let right = profile(folder.path(), &steps("field:csrf"), &refresh, &answer);
    let ran = torture_with(&[&arguments[..], &["--profile", &right]].concat(), "another-password\n").await;
    assert!(ran.stdout.contains("step 2: 403 “wrong form or password”"), "{ran:?}");
}

/// The requests after a refusal wait as long as it asks for, and nothing is taken for a fault.
#[tokio::test]
async fn a_rate_limit_is_waited_for() {
    let provider = Provider::start(Manners { limit: Some(4), ..Manners::default() });
    expect_holds(&run(&provider, &[]).await);
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::SeqCst);
    assert_eq!(count(&provider.state.impatient), 0);
    assert!(count(&provider.state.limited) > 0);
}

#[tokio::test]
async fn requests_keep_the_pace_that_was_asked_for() {
    let provider = Provider::start(Manners::default());
    let found = run(&provider, &["--pace", "100ms"]).await;
    expect_holds(&found);
    let number = |name: &str| found.1[name].as_u64().unwrap();
    assert!(number("duration_ms") >= (number("calls") - 1) * 100, "{}", found.0.stdout);
}

#[tokio::test]
async fn a_command_prints_tokens_whenever_they_run_out() {
    let (provider, folder) = (Provider::start(Manners::default()), TempDir::new().unwrap());
    let client = "-d client_id=web -d grant_type=password -d username=alice";
    let ask = format!("curl -s {client} -d password={} {}/token/", crate::kit::PASSWORD, provider.url);
    let ran = folder.path().join("ran");
    let command = format!("echo >>{}; {ask} | sed 's/.*\"refresh_token\":\"\\([^\"]*\\)\".*/\\1/'", ran.display());
    let base = [&[provider.url.as_str(), "--client-id", "web"][..], &ONLY].concat();
    let held = torture_with(&[&base[..], &["--tokens-command", &command]].concat(), "").await;
    let report = serde_json::from_str(&held.stdout).unwrap();
    expect_holds(&(held, report));
    assert!(fs::read_to_string(&ran).unwrap().lines().count() > 1);
    for (command, cause) in [("exit 7", "ended with exit status: 7"), ("true", "printed no token")] {
        let failed = torture_with(&[&base[..], &["--tokens-command", command]].concat(), "").await;
        assert!(failed.code == 3 && failed.stdout.contains(cause), "{failed:?}");
    }
}

#[tokio::test]
async fn a_server_without_a_password_grant_needs_tokens() {
    let description = json!({ "grant_types_supported": ["authorization_code", "refresh_token"] });
    let provider = Provider::start(Manners { description, ..Manners::default() });
    let ran = torture(&[&provider.url, "--user", "alice", "--client-id", "web"]).await;
    assert!(ran.code == 2 && ran.stderr.contains("has no password grant"), "{ran:?}");
}

/// Else a typing error would attack another server than the one that was named.
#[tokio::test]
async fn the_description_of_another_issuer_is_refused() {
    let description = json!({ "issuer": "https://another.example" });
    let provider = Provider::start(Manners { description, ..Manners::default() });
    let ran = torture(&[&provider.url, "--user", "alice"]).await;
    assert!(ran.code == 2 && ran.stderr.contains("describes the issuer `https://another.example`"), "{ran:?}");
}
