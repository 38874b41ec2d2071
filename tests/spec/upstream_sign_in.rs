//! Signing in with another provider, in a browser without script.

use crate::support::{Answer, Browser, TestApp, at_once, email, federated, password, with_provider};
use heirloom_testing::{Consent, Endpoint, Fault, Forgery, Member, ProviderKind, StubProvider};
use serde_json::json;

const OIDC: ProviderKind = ProviderKind::Oidc;
const FLOW: &str = "heirloom-upstream";

impl TestApp {
    async fn accounts_there(&self) -> i64 {
        self.count("SELECT count(*) FROM users").await
    }
}

/// U-1, U-3, U-10, U-20: every preset, by what its real provider does.
#[tokio::test]
async fn a_user_of_each_provider_gets_an_account_once_and_comes_back_to_it() {
    for kind in ProviderKind::ALL {
        let (app, stub) = federated(kind, &[]).await;
        let member = Member::new("1001", "alice@gmail.com").named("Alice");
        stub.member(member);
        let browser = Browser::new();
        let first = browser.sign_in(&app, &stub).await;
        if matches!(kind, ProviderKind::Naver | ProviderKind::Microsoft) {
            // Their word on addresses does not count.
            assert_eq!(first.expect(303).header("location"), Some("/connect"), "{kind:?}");
            assert!(!browser.is_signed_in() && app.accounts_there().await == 0, "{kind:?}");
            continue;
        }
        assert_eq!(first.expect(303).header("location"), Some("/account?from=here"), "{kind:?} {first:?}");
        assert!(browser.is_signed_in(), "{kind:?}");
        assert_eq!(browser.cookie(FLOW), None, "{kind:?}: it is cleared when used");
        let verified = "SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL AND password_hash = '!'";
        assert_eq!(app.count(verified).await, 1, "{kind:?}");
        // Whatever the provider says of the address from now on.
        stub.member(Member::new("1001", "alice.lane@gmail.com").unverified());
        let again = Browser::new();
        again.sign_in(&app, &stub).await.expect(303);
        assert!(again.is_signed_in(), "{kind:?}");
        assert_eq!((app.accounts_there().await, app.events("signed_in").await), (1, 2), "{kind:?}");
        assert_eq!(app.count("SELECT count(*) FROM identities WHERE last_used_at IS NOT NULL").await, 1, "{kind:?}");
    }
}

/// U-2, U-21: the access token says that another provider vouched, and the event which.
#[tokio::test]
async fn a_session_says_that_a_provider_vouched_for_its_user() {
    let (app, stub) = federated(OIDC, &[]).await;
    Browser::new().sign_in(&app, &stub).await.expect(303);
    let amr: Vec<String> = sqlx::query_scalar("SELECT amr FROM sessions").fetch_one(app.db()).await.unwrap();
    assert_eq!(amr, ["fed"]);
    let through = "SELECT count(*) FROM sessions AS s JOIN identities AS i
                   ON (i.issuer, i.subject, i.user_id) = (s.identity_issuer, s.identity_subject, s.user_id)";
    assert_eq!(app.count(through).await, 1);
    let provider = "SELECT count(*) FROM audit_events WHERE kind = 'signed_in' AND details ->> 'provider' = 'op'";
    assert_eq!((app.count(provider).await, app.events("identity_linked").await), (1, 1));
}

/// U-55: whatever the secret holds. It is encoded as in a form, and would else be another one there.
#[tokio::test]
async fn every_secret_comes_whole_to_the_token_endpoint() {
    for secret in ["a:b", "100%", "%41", "one+two", "one two", "=&?", "ключ"] {
        let (app, stub) = federated(OIDC, &[("HEIRLOOM_UPSTREAM_OP_CLIENT_SECRET", secret)]).await;
        stub.edit(|behaviour| secret.clone_into(&mut behaviour.basic_secret));
        let browser = Browser::new();
        browser.sign_in(&app, &stub).await.expect(303);
        assert!(browser.is_signed_in(), "{secret}");
    }
}

/// U-4: nothing is written for a click, and the cookie is the flow's.
#[tokio::test]
async fn a_click_writes_nothing_and_sets_a_cookie_of_ten_minutes() {
    let (app, stub) = federated(OIDC, &[]).await;
    let before = app.all_rows().await;
    let begun = app.get("/auth/upstream/op?return_to=https://evil.example/&remember=true").await;
    let to = begun.expect(303).header("location").unwrap();
    assert!(to.starts_with(&format!("{}/authorize?", stub.url())), "{to}");
    for part in ["response_type=code", "scope=openid", "code_challenge_method=S256", "nonce=", "state=", "callback"] {
        assert!(to.contains(part), "{part}: {to}");
    }
    let cookie = begun.cookie().unwrap();
    assert_eq!((cookie.name.as_str(), cookie.max_age), (FLOW, Some(600)));
    assert_eq!(cookie.attributes, ["httponly", "path=/", "samesite=lax"]);
    assert_eq!(app.all_rows().await, before);
    app.get("/auth/upstream/nobody").await.expect(404);
    app.get("/auth/upstream/nobody/callback").await.expect(404);
}

/// U-5 (F4): a callback without our cookie opens nothing, and asks nobody.
#[tokio::test]
async fn a_callback_without_the_cookie_of_its_flow_opens_nothing() {
    let (app, stub) = federated(OIDC, &[]).await;
    let (alice, mallory) = (Browser::new(), Browser::new());
    let callback = alice.leave(&app, &stub, "").await;
    let to = "/login?reason=upstream_state_invalid";
    // No cookie; the cookie of another flow; a damaged one; two of them.
    let answer = Browser::new().come_back(&app, &callback).await;
    assert_eq!(answer.expect(303).header("location"), Some(to));
    drop(mallory.leave(&app, &stub, "").await);
    let answer = mallory.come_back(&app, &callback).await;
    assert_eq!(answer.expect(303).header("location"), Some(to));
    let damaged = Browser::new();
    damaged.set(FLOW, Some("AAAA"));
    assert_eq!(damaged.come_back(&app, &callback).await.expect(303).header("location"), Some(to));
    let two = Browser::new();
    two.set(FLOW, Some(&format!("{0}; {FLOW}={0}", alice.cookie(FLOW).unwrap())));
    assert_eq!(two.come_back(&app, &callback).await.expect(303).header("location"), Some(to));
    assert!(stub.seen_at(Endpoint::Token).is_empty(), "nobody was asked");
    assert_eq!((app.accounts_there().await, app.live_sessions().await), (0, 0));
    // The flow of the browser that began it goes on.
    alice.come_back(&app, &callback).await.expect(303);
    assert!(alice.is_signed_in());
}

/// U-6: a code and a state are good once, also at once.
#[tokio::test]
async fn of_several_callbacks_of_one_flow_one_signs_in() {
    let (app, stub) = federated(OIDC, &[]).await;
    let browser = Browser::new();
    let callback = browser.leave(&app, &stub, "").await;
    let cookie = browser.cookie(FLOW).unwrap();
    let browsers: Vec<_> = (0..4).map(|_| Browser::new()).collect();
    for browser in &browsers {
        browser.set(FLOW, Some(&cookie));
    }
    let (app, callback) = (&app, &callback);
    at_once(browsers.iter().map(|browser| async move { drop(browser.come_back(app, callback).await) })).await;
    assert_eq!(browsers.iter().filter(|browser| browser.is_signed_in()).count(), 1);
    assert_eq!((stub.seen_at(Endpoint::Token).len(), app.live_sessions().await), (1, 1));
}

/// U-7: the answer of one provider is not taken for that of another.
#[tokio::test]
async fn providers_are_not_mixed_up() {
    let (honest, evil) = (StubProvider::start(OIDC), StubProvider::start(OIDC));
    let mut options = with_provider(&honest, &[]);
    options.extend(evil.options("EVIL"));
    let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let app = TestApp::with(&options).await;
    let browser = Browser::new();
    let mut callback = browser.leave(&app, &honest, "").await;
    callback.url = callback.url.replace("/auth/upstream/op/", "/auth/upstream/evil/");
    let answer = browser.come_back(&app, &callback).await;
    assert_eq!(answer.expect(303).header("location"), Some("/login?reason=upstream_state_invalid"));
    assert!(evil.seen_at(Endpoint::Token).is_empty(), "no code of the honest one gets there");
    // RFC 9207: sent wrongly; announced and not sent.
    for (announces, sent) in [(false, Some("https://evil.example".to_owned())), (true, None)] {
        honest.edit(|behaviour| (behaviour.announces_issuer, behaviour.sent_issuer) = (announces, sent));
        let app = TestApp::with(&options).await;
        let browser = Browser::new();
        let mut callback = browser.leave(&app, &honest, "").await;
        if announces {
            let (head, _) = callback.url.split_once("iss=").unwrap_or((&callback.url, ""));
            callback.url = head.trim_end_matches('&').to_owned();
        }
        let answer = browser.come_back(&app, &callback).await;
        assert!(answer.expect(303).header("location").unwrap().starts_with("/login?reason=upstream_denied"));
        assert!(!browser.is_signed_in());
    }
}

/// U-7: a provider without ID tokens need not say who it is, and must not be another one.
#[tokio::test]
async fn the_answer_of_a_plain_provider_names_it_or_nobody() {
    let (app, stub) = federated(ProviderKind::OAuth2, &[]).await;
    for (issuer, lets_in) in [(None, true), (Some(stub.url()), true), (Some("https://evil.example".to_owned()), false)]
    {
        stub.edit(|behaviour| behaviour.sent_issuer = issuer.clone());
        let browser = Browser::new();
        let before = stub.seen_at(Endpoint::Token).len();
        let to = browser.sign_in(&app, &stub).await.expect(303).header("location").unwrap().to_owned();
        assert_eq!(browser.is_signed_in(), lets_in, "{issuer:?}: {to}");
        if !lets_in {
            assert!(to.starts_with("/login?reason=upstream_denied"), "{to}");
            assert_eq!(stub.seen_at(Endpoint::Token).len(), before, "no code gets there");
        }
    }
    // GitHub's own name for its authorization server.
    let (app, stub) = federated(ProviderKind::GitHub, &[]).await;
    stub.edit(|behaviour| behaviour.sent_issuer = Some("https://github.com/login/oauth".to_owned()));
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    assert!(browser.is_signed_in());
}

/// U-8 (F3): forged ID tokens, one by one, over HTTP.
#[tokio::test]
async fn a_forged_id_token_opens_nothing() {
    let (app, stub) = federated(OIDC, &[]).await;
    Browser::new().sign_in(&app, &stub).await.expect(303);
    for forgery in Forgery::ALL {
        stub.edit(|behaviour| behaviour.forgery = Some(forgery.clone()));
        let browser = Browser::new();
        let answer = browser.sign_in(&app, &stub).await;
        let to = answer.expect(303).header("location").unwrap().to_owned();
        assert!(to.starts_with("/login?reason=upstream_denied"), "{forgery:?}: {to}");
        assert!(!browser.is_signed_in(), "{forgery:?}");
    }
    assert_eq!((app.accounts_there().await, app.live_sessions().await), (1, 1));
    assert_eq!(app.events("upstream_refused").await, i64::try_from(Forgery::ALL.len()).unwrap());
}

/// U-9 (F5): a provider that fails stops the sign-in through it, and nothing else.
#[tokio::test]
async fn a_provider_that_fails_is_never_a_verdict() {
    let (app, mut stub) = federated(OIDC, &[]).await;
    app.register("bob").await;
    let faults = [
        (Endpoint::Token, Fault::Status(500)),
        (Endpoint::Token, Fault::Garbage),
        (Endpoint::Token, Fault::Endless),
        (Endpoint::Token, Fault::Redirect("http://169.254.169.254/latest".to_owned())),
        (Endpoint::Token, Fault::Refusal),
        (Endpoint::Jwks, Fault::Status(503)),
        (Endpoint::Jwks, Fault::Redirect("http://169.254.169.254/latest".to_owned())),
        (Endpoint::Token, Fault::Slow),
        (Endpoint::Token, Fault::Trickle),
    ];
    for (endpoint, fault) in faults {
        stub.edit(|behaviour| behaviour.faults = [(endpoint, fault.clone())].into());
        let browser = Browser::new();
        let answer = browser.sign_in(&app, &stub).await;
        let to = answer.expect(303).header("location").unwrap().to_owned();
        assert!(to.starts_with("/login?reason=upstream_failed&return_to="), "{fault:?}: {to}");
        assert!(!browser.is_signed_in(), "{fault:?}");
    }
    stub.edit(|behaviour| behaviour.faults.clear());
    stub.down();
    app.sign_in("bob").await;
    assert_eq!(app.accounts_there().await, 1);
    stub.up();
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    assert!(browser.is_signed_in());
}

/// U-9: a document that leads into our own network, or is another's, is not followed.
#[tokio::test]
async fn a_discovery_document_leads_nowhere_else() {
    for (member, value) in [
        ("token_endpoint", "http://169.254.169.254/token"),
        ("jwks_uri", "http://10.0.0.1/jwks"),
        ("issuer", "https://mallory.example"),
    ] {
        let (app, stub) = federated(OIDC, &[]).await;
        stub.edit(|behaviour| behaviour.document = [(member.to_owned(), json!(value))].into());
        let answer = app.get("/auth/upstream/op?return_to=/account").await;
        assert_eq!(answer.expect(303).header("location"), Some("/login?reason=upstream_failed&return_to=%2Faccount"));
        answer.expect_no_cookie();
    }
}

/// U-11: who declines at the provider is led to the sign-in page, which says so in both languages.
#[tokio::test]
async fn who_declines_at_the_provider_is_led_back() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| behaviour.consent = Consent::Denied);
    let answer = Browser::new().sign_in(&app, &stub).await;
    let to = answer.expect(303).header("location").unwrap().to_owned();
    assert_eq!(to, "/login?reason=upstream_denied&return_to=%2Faccount%3Ffrom%3Dhere");
    let page = app.get(&to).await;
    assert!(page.expect(200).body.contains("cancelled or refused"), "{page:?}");
    assert!(page.body.contains("/auth/upstream/op?return_to=") && page.body.contains("Continue with"), "{page:?}");
}

/// U-54: a provider that states an outage has refused nobody. Whose answer it calls itself is not looked at: it opens nothing.
#[tokio::test]
async fn an_outage_that_the_provider_states_is_no_refusal() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| behaviour.consent = Consent::Denied);
    for (error, reason) in [
        ("server_error", "upstream_failed"),
        ("temporarily_unavailable", "upstream_failed"),
        ("access_denied", "upstream_denied"),
        ("invalid_scope", "upstream_denied"),
    ] {
        for more in ["", "&iss=https%3A%2F%2Fevil.example", "&code=a-code"] {
            let browser = Browser::new();
            let mut callback = browser.leave(&app, &stub, "").await;
            callback.url = callback.url.replace("error=access_denied", &format!("error={error}{more}"));
            let to = browser.come_back(&app, &callback).await.expect(303).header("location").unwrap().to_owned();
            assert!(to.starts_with(&format!("/login?reason={reason}")), "{error}{more}: {to}");
            assert!(!browser.is_signed_in() && browser.cookie(FLOW).is_none(), "{error}{more}");
        }
    }
    assert!(stub.seen_at(Endpoint::Token).is_empty(), "nobody is asked");
    let recorded =
        "SELECT count(*) FROM audit_events WHERE kind = 'upstream_refused' AND details ->> 'reason' = 'failed'";
    assert_eq!((app.count(recorded).await, app.events("upstream_refused").await), (6, 12));
    let page = app.get("/login?reason=upstream_failed").await;
    assert!(page.expect(200).body.contains("did not answer as it should"), "{page:?}");
}

/// U-53: of any number of refusals in one flow, one is taken.
#[tokio::test]
async fn a_refusal_uses_its_flow_up() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| behaviour.consent = Consent::Denied);
    let browser = Browser::new();
    let callback = browser.leave(&app, &stub, "").await;
    let flow = browser.cookie("heirloom-upstream").expect("a flow");
    let mut reasons = Vec::new();
    for _ in 0..3 {
        browser.set("heirloom-upstream", Some(&flow));
        let answer = browser.come_back(&app, &callback).await;
        reasons.push(answer.expect(303).header("location").expect("a location").to_owned());
    }
    assert!(reasons[0].starts_with("/login?reason=upstream_denied"), "{reasons:?}");
    assert!(reasons[1..].iter().all(|reason| reason == "/login?reason=upstream_state_invalid"), "{reasons:?}");
    assert_eq!(app.events("upstream_refused").await, 1);
}

/// U-12: our second factor is asked for after the provider's sign-in too.
#[tokio::test]
async fn a_user_with_a_second_factor_is_asked_for_it() {
    let (app, stub) = federated(OIDC, &[]).await;
    app.register("alice").await;
    let tokens = app.sign_in("alice").await;
    sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.db()).await.unwrap();
    let enrolled = app.enrol(&tokens.access_token).await;
    let identity = "INSERT INTO identities (user_id, issuer, subject, provider, created_at)
                    SELECT id, $1, '1001', 'op', now() FROM users";
    sqlx::query(identity).bind(stub.token_issuer()).execute(app.db()).await.unwrap();
    let browser = Browser::new();
    let answer = browser.sign_in(&app, &stub).await;
    assert_eq!(answer.expect(303).header("location"), Some("/login/code"));
    assert!(!browser.is_signed_in());
    let page = browser.get(&app, "/login/code").await;
    let challenge = page.expect(200).hidden("challenge");
    let names_no_password =
        |page: &Answer| page.body.contains("<p>Enter the code") && !page.body.contains("Your password is right");
    assert!(names_no_password(&page), "{page:?}");
    let fields = [("challenge", challenge.as_str()), ("code", " ")];
    let again = browser.post(&app, "/login/code", &fields).await;
    assert!(names_no_password(again.expect(422)), "{again:?}");
    let code = enrolled.app.next(&app).await;
    let fields = [("challenge", challenge.as_str()), ("code", &code), ("return_to", "/account?from=here")];
    let done = browser.post(&app, "/login/code", &fields).await;
    assert_eq!(done.expect(303).header("location"), Some("/account?from=here"));
    assert!(browser.is_signed_in());
    let amr = "SELECT amr FROM sessions WHERE identity_issuer IS NOT NULL";
    let amr: Vec<String> = sqlx::query_scalar(amr).fetch_one(app.db()).await.unwrap();
    assert_eq!(amr, ["otp", "fed", "mfa"]);
    // Without the cookie there is nothing to type.
    assert_eq!(app.get("/login/code").await.expect(303).header("location"), Some("/login"));
}

/// U-13: a role that demands a second factor leads to the page that sets one up.
#[tokio::test]
async fn a_user_whose_role_demands_a_factor_sets_one_up() {
    let (app, stub) = federated(OIDC, &[("HEIRLOOM_SECOND_FACTOR_ROLES", "admin")]).await;
    Browser::new().sign_in(&app, &stub).await.expect(303);
    sqlx::query("UPDATE users SET roles = '{admin}'").execute(app.db()).await.unwrap();
    let browser = Browser::new();
    assert_eq!(browser.sign_in(&app, &stub).await.expect(303).header("location"), Some("/login/enrol"));
    assert!(!browser.is_signed_in());
    let page = browser.get(&app, "/login/enrol").await;
    assert!(!page.expect(200).hidden("challenge").is_empty(), "{page:?}");
    app.email("enrolment-code", "alice").await;
    assert_eq!(app.get("/login/enrol").await.expect(303).header("location"), Some("/login"));
}

/// U-14: a blocked user stays out.
#[tokio::test]
async fn a_blocked_user_stays_out() {
    let (app, stub) = federated(OIDC, &[]).await;
    Browser::new().sign_in(&app, &stub).await.expect(303);
    sqlx::query("UPDATE users SET blocked_at = now()").execute(app.db()).await.unwrap();
    let browser = Browser::new();
    let answer = browser.sign_in(&app, &stub).await;
    assert!(answer.expect(303).header("location").unwrap().starts_with("/login?reason=account_blocked"));
    assert!(!browser.is_signed_in());
    // The password of another user opens nothing of it either: there is none.
    app.post("/api/v1/auth/login", &json!({ "email": email("alice"), "password": password("alice") }))
        .await
        .expect_problem(401, "invalid_credentials");
}

/// U-15: no account where registration is closed, and no address is asked for.
#[tokio::test]
async fn registration_may_be_closed() {
    for policy in ["closed", "invite"] {
        let (app, stub) = federated(OIDC, &[("HEIRLOOM_REGISTRATION", policy)]).await;
        for member in [Member::new("1", "alice@example.com"), Member::new("2", "bob@example.com").without_email()] {
            stub.member(member);
            let answer = Browser::new().sign_in(&app, &stub).await;
            assert!(answer.expect(303).header("location").unwrap().starts_with("/login?reason=registration_closed"));
        }
        assert_eq!(app.accounts_there().await, 0);
    }
}

/// U-16: `remember=true` outlives the browser.
#[tokio::test]
async fn a_browser_is_remembered_if_its_user_wants_it() {
    let (app, stub) = federated(OIDC, &[]).await;
    for (query, remembered) in [("?remember=true", true), ("", false), ("?remember=false", false)] {
        let browser = Browser::new();
        let callback = browser.leave(&app, &stub, query).await;
        let answer = browser.come_back(&app, &callback).await;
        let cookie = answer.expect(303).set_cookies().into_iter().find(|cookie| cookie.name == "heirloom").unwrap();
        assert_eq!(cookie.max_age.is_some(), remembered, "{query}");
    }
}

/// U-17: the profile of another user fails the whole sign-in.
#[tokio::test]
async fn a_profile_must_be_of_the_tokens_user() {
    let (app, stub) = federated(OIDC, &[]).await;
    stub.edit(|behaviour| {
        behaviour.email_in_token = false;
        behaviour.userinfo_subject = Some("1002".to_owned());
    });
    let answer = Browser::new().sign_in(&app, &stub).await;
    assert!(answer.expect(303).header("location").unwrap().starts_with("/login?reason=upstream_denied"));
    assert_eq!(app.accounts_there().await, 0);
    stub.edit(|behaviour| behaviour.userinfo_subject = None);
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    assert!(browser.is_signed_in());
}

/// U-18: new keys are found; what the metrics count holds no user.
#[tokio::test]
async fn a_provider_may_change_its_keys() {
    let (app, stub) = federated(OIDC, &[]).await;
    Browser::new().sign_in(&app, &stub).await.expect(303);
    stub.rotate_keys();
    let browser = Browser::new();
    browser.sign_in(&app, &stub).await.expect(303);
    assert!(browser.is_signed_in());
    stub.rotate_keys();
    // Twice a minute: the keys were fetched for a new one a moment ago.
    let answer = Browser::new().sign_in(&app, &stub).await;
    assert!(answer.expect(303).header("location").unwrap().starts_with("/login?reason=upstream_denied"));
    assert_eq!(stub.seen_at(Endpoint::Jwks).len(), 2);
}

/// U-19.
#[tokio::test]
async fn the_providers_are_listed_for_clients() {
    let (app, _stub) = federated(ProviderKind::Kakao, &[("HEIRLOOM_UPSTREAM_OP_LABEL", "Kakao <b>")]).await;
    let listed = app.get("/api/v1/auth/providers").await.expect(200).json();
    assert_eq!(listed, json!([{ "provider": "op", "label": "Kakao <b>", "preset": "kakao" }]));
    for path in ["/login", "/register"] {
        let page = app.get(path).await;
        assert!(page.expect(200).body.contains("Kakao &lt;b&gt;"), "{page:?}");
    }
    let first = |page: &str| page.find("/auth/upstream/op").unwrap() < page.find("name=\"password\"").unwrap();
    assert!(!first(&app.get("/login").await.body));
    let (above, _stub) = federated(ProviderKind::Kakao, &[("HEIRLOOM_PROVIDERS_FIRST", "true")]).await;
    assert!(first(&above.get("/login").await.body));
    assert_eq!(TestApp::start().await.get("/api/v1/auth/providers").await.expect(200).json(), json!([]));
}
