//! Who may do what: every method of every path, called anonymously, by a user and by an administrator, in a fresh session
//! and in a stale one.
//!
//! A path that is not in the table fails the test: a new path must state who may call it, and whether their session must be fresh.

use crate::support::{Answer, NOBODY, TestApp};
use heirloom::http::paths;
use std::collections::BTreeSet;

/// Whom an endpoint is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    /// Whoever asks.
    Anyone,
    /// Who bears a refresh token; an access token alone is not enough.
    Holder,
    /// Who bears either kind of token; to others it says that there is nothing to do.
    Leaver,
    /// Who bears an access token.
    SignedIn,
    /// Who bears an access token of a fresh session.
    Fresh,
    /// Who bears an access token, of a fresh session if they have a second factor.
    FreshWithFactor,
    /// Who bears an administrator's access token.
    Admin,
    /// Who bears an administrator's access token; and of a fresh session, if this is what the body says.
    AdminFreshIf(&'static str),
    /// Who bears an administrator's access token of a fresh session.
    FreshAdmin,
}

impl For {
    fn is_for_bearers(self) -> bool {
        !matches!(self, Self::Anyone | Self::Holder | Self::Leaver)
    }

    fn is_for_admins(self) -> bool {
        matches!(self, Self::Admin | Self::AdminFreshIf(_) | Self::FreshAdmin)
    }

    fn may_need_a_fresh_session(self) -> bool {
        matches!(self, Self::Fresh | Self::FreshWithFactor | Self::AdminFreshIf(_) | Self::FreshAdmin)
    }
}

const TABLE: &[(&str, &str, For)] = &[
    ("POST", "/api/v1/auth/register", For::Anyone),
    ("POST", "/api/v1/auth/login", For::Anyone),
    ("POST", "/api/v1/auth/token", For::SignedIn),
    // Anyone who holds a challenge: the password was right.
    ("POST", "/api/v1/auth/login/totp", For::Anyone),
    ("POST", "/api/v1/auth/login/recovery-code", For::Anyone),
    // Anyone who holds a challenge to set up a factor.
    ("POST", "/api/v1/auth/enrol/totp", For::Anyone),
    ("POST", "/api/v1/auth/enrol/totp/confirm", For::Anyone),
    ("POST", "/api/v1/auth/enrol/passkeys/options", For::Anyone),
    ("POST", "/api/v1/auth/enrol/passkeys", For::Anyone),
    // Anyone who holds a challenge: the password was right.
    ("POST", "/api/v1/auth/factors/recover", For::Anyone),
    // Anyone who has a passkey of an account.
    ("POST", "/api/v1/auth/passkeys/options", For::Anyone),
    ("POST", "/api/v1/auth/passkeys/verify", For::Anyone),
    ("POST", "/api/v1/auth/refresh", For::Holder),
    ("POST", "/api/v1/auth/step-up", For::Holder),
    ("POST", "/api/v1/auth/logout", For::Leaver),
    ("GET", "/api/v1/auth/check", For::SignedIn),
    ("POST", "/api/v1/auth/password/forgot", For::Anyone),
    // Anyone who holds a link, or a flow and its code.
    ("POST", "/api/v1/auth/confirmations/resend", For::Anyone),
    ("POST", "/api/v1/auth/confirmations/look", For::Anyone),
    ("POST", "/api/v1/auth/confirmations/use", For::Anyone),
    ("GET", "/api/v1/me", For::SignedIn),
    ("PATCH", "/api/v1/me", For::SignedIn),
    ("DELETE", "/api/v1/me", For::Fresh),
    ("POST", "/api/v1/me/email", For::Fresh),
    ("DELETE", "/api/v1/me/email", For::SignedIn),
    // The current password in the request is one factor by itself.
    ("POST", "/api/v1/me/password", For::FreshWithFactor),
    ("GET", "/api/v1/me/factors", For::SignedIn),
    ("POST", "/api/v1/me/factors/totp", For::Fresh),
    ("DELETE", "/api/v1/me/factors/totp", For::Fresh),
    ("POST", "/api/v1/me/factors/totp/confirm", For::Fresh),
    ("POST", "/api/v1/me/recovery-codes", For::Fresh),
    // To keep one's factors lessens what a thief can do; so does it to trust no device any more.
    ("DELETE", "/api/v1/me/factors/recovery", For::SignedIn),
    ("DELETE", "/api/v1/me/trusted-devices", For::SignedIn),
    ("DELETE", "/api/v1/me/trusted-devices/{id}", For::SignedIn),
    ("POST", "/api/v1/me/passkeys/options", For::Fresh),
    // The ticket shows that the session was fresh when the passkey was begun.
    ("POST", "/api/v1/me/passkeys", For::SignedIn),
    ("PATCH", "/api/v1/me/passkeys/{id}", For::Fresh),
    ("DELETE", "/api/v1/me/passkeys/{id}", For::Fresh),
    ("POST", "/api/v1/me/email/verification", For::SignedIn),
    ("GET", "/api/v1/me/sessions", For::SignedIn),
    ("DELETE", "/api/v1/me/sessions", For::SignedIn),
    ("DELETE", "/api/v1/me/sessions/{id}", For::SignedIn),
    ("GET", "/api/v1/me/events", For::SignedIn),
    ("GET", "/api/v1/admin/overview", For::Admin),
    ("GET", "/api/v1/admin/users", For::Admin),
    ("POST", "/api/v1/admin/users", For::AdminFreshIf(r#"{"email": "new@example.com", "roles": ["editor"]}"#)),
    ("GET", "/api/v1/admin/users/{id}", For::Admin),
    ("GET", "/api/v1/auth/providers", For::Anyone),
    // Anyone who has a key of HEIRLOOM_FEED_KEYS; here there is none, and nothing to read.
    ("GET", "/api/v1/revocations", For::Anyone),
    ("GET", "/api/v1/revocations/stream", For::Anyone),
    // Anyone who sends what Kakao has signed.
    ("POST", "/api/v1/events/kakao", For::Anyone),
    // Anyone who has a provider's token.
    ("POST", "/api/v1/auth/upstream/{provider}/token", For::Anyone),
    ("POST", "/api/v1/auth/step-up/{provider}", For::SignedIn),
    ("GET", "/api/v1/me/identities", For::SignedIn),
    ("POST", "/api/v1/me/identities/{provider}", For::Fresh),
    ("DELETE", "/api/v1/me/identities/{provider}", For::Fresh),
    ("PATCH", "/api/v1/admin/users/{id}", For::FreshAdmin),
    ("POST", "/api/v1/admin/users/{id}/password-reset", For::Admin),
    ("GET", "/api/v1/admin/users/{id}/factors", For::Admin),
    ("DELETE", "/api/v1/admin/users/{id}/factors", For::FreshAdmin),
    ("GET", "/api/v1/admin/users/{id}/identities", For::Admin),
    ("DELETE", "/api/v1/admin/users/{id}/identities/{provider}", For::FreshAdmin),
    ("GET", "/api/v1/admin/invitations", For::Admin),
    ("GET", "/api/v1/admin/invitations/{id}", For::Admin),
    ("DELETE", "/api/v1/admin/invitations/{id}", For::Admin),
    ("GET", "/api/v1/admin/sessions", For::Admin),
    ("POST", "/api/v1/admin/revoke", For::AdminFreshIf(r#"{"everyone": true}"#)),
    ("GET", "/api/v1/admin/audit", For::Admin),
    ("GET", "/api/openapi.json", For::Anyone),
    ("GET", "/.well-known/jwks.json", For::Anyone),
    ("GET", "/healthz", For::Anyone),
    ("GET", "/readyz", For::Anyone),
    ("GET", "/login", For::Anyone),
    ("POST", "/login", For::Anyone),
    ("GET", "/login/code", For::Anyone),
    ("POST", "/login/code", For::Anyone),
    ("GET", "/login/enrol", For::Anyone),
    ("POST", "/login/enrol", For::Anyone),
    ("GET", "/login/recover", For::Anyone),
    ("POST", "/login/recover", For::Anyone),
    // Anyone: a provider vouches for the user.
    ("GET", "/auth/upstream/{provider}", For::Anyone),
    ("GET", "/auth/upstream/{provider}/callback", For::Anyone),
    ("POST", "/auth/upstream/{provider}/callback", For::Anyone),
    ("GET", "/connect", For::Anyone),
    ("POST", "/connect", For::Anyone),
    ("GET", "/register", For::Anyone),
    ("POST", "/register", For::Anyone),
    ("GET", "/forgot", For::Anyone),
    ("POST", "/forgot", For::Anyone),
    // Anyone who holds a link, or a flow and its code.
    ("GET", "/confirm", For::Anyone),
    ("POST", "/confirm", For::Anyone),
    // These pages hold nobody's data: their scripts ask the API for them.
    ("GET", "/docs", For::Anyone),
    ("GET", "/account", For::Anyone),
    // Anyone who types the password of an account: without script.
    ("GET", "/account/address", For::Anyone),
    ("POST", "/account/address", For::Anyone),
    ("GET", "/account/app", For::Anyone),
    ("POST", "/account/app", For::Anyone),
    ("GET", "/account/delete", For::Anyone),
    ("POST", "/account/delete", For::Anyone),
    ("GET", "/admin", For::Anyone),
    ("GET", "/admin/people", For::Anyone),
    ("GET", "/admin/people/{id}", For::Anyone),
    ("GET", "/admin/invitations", For::Anyone),
    ("GET", "/admin/sessions", For::Anyone),
    ("GET", "/admin/audit", For::Anyone),
    // Anyone who has an email's link.
    ("GET", "/end-sessions", For::Anyone),
    ("POST", "/end-sessions", For::Anyone),
    ("GET", "/static/{name}", For::Anyone),
    ("GET", "/client/frame", For::Anyone),
    ("GET", "/", For::Anyone),
];

/// A-32.
#[test]
fn every_path_is_in_the_table_and_the_table_has_no_others() {
    let table: BTreeSet<_> = TABLE.iter().map(|(method, path, _)| (*method, *path)).collect();
    assert_eq!(table.len(), TABLE.len(), "a row stands twice");
    assert_eq!(table, paths::ALL.iter().copied().collect());
}

/// A path of the table as a client would request it.
fn concrete(path: &str) -> String {
    path.replace("{id}", NOBODY).replace("{name}", "heirloom.js")
}

fn code(answer: &Answer) -> String {
    if answer.status < 400 || !answer.body.starts_with('{') { String::new() } else { answer.text("/code") }
}

/// Let in: whatever the answer is about, it is not about who asks.
fn expect_let_in(answer: &Answer) {
    assert!(!matches!(answer.status, 405 | 403), "{answer:?}");
    let refusals = [
        "unauthenticated",
        "forbidden",
        "access_token_invalid",
        "session_revoked",
        "refresh_token_missing",
        "step_up_required",
    ];
    assert!(!refusals.contains(&&*code(answer)), "{answer:?}");
}

/// A-32, A-5.
#[tokio::test]
async fn an_anonymous_caller_reaches_only_what_is_open_to_all() {
    let app = TestApp::start().await;
    for (method, path, caller) in TABLE {
        let answer = app.request(method, &concrete(path)).send().await;
        match caller {
            For::Anyone => expect_let_in(&answer),
            For::Holder => drop(answer.expect_problem(401, "refresh_token_missing").clone()),
            For::Leaver => drop(answer.expect_done().clone()),
            For::SignedIn | For::Fresh | For::FreshWithFactor | For::Admin | For::AdminFreshIf(_) | For::FreshAdmin => {
                drop(answer.expect_challenge("unauthenticated").clone());
            }
        }
    }
}

/// A-33, A-5: Before anything of the request is looked at: who may not, learns nothing of what would have been wrong.
#[tokio::test]
async fn a_missing_permission_is_reported_whatever_the_request_contains() {
    let app = TestApp::start().await;
    let user = app.person("user").await;
    for (method, path, caller) in TABLE.iter().filter(|(_, _, caller)| caller.is_for_bearers()) {
        let path = format!("{}?nonsense=1&limit=0", concrete(path));
        let garbage = || app.request(method, &path).body("text/plain", "{");
        garbage().send().await.expect_challenge("unauthenticated");
        garbage().bearer("nonsense").send().await.expect_challenge("access_token_invalid");
        garbage().header("Cookie", "heirloom=x").send().await.expect_challenge("unauthenticated");
        if caller.is_for_admins() {
            let answer = garbage().bearer(&user.tokens.access_token).send().await;
            answer.expect_problem(403, "forbidden");
            assert!(answer.header("www-authenticate").is_some_and(|header| header.contains("insufficient_scope")));
        }
    }
}

/// A-44.
#[tokio::test]
async fn a_user_reaches_everything_but_the_administration() {
    let app = TestApp::start().await;
    for (method, path, caller) in TABLE {
        let user = app.person("user").await;
        let answer = user.request(method, &concrete(path)).send().await;
        match caller {
            For::Admin | For::AdminFreshIf(_) | For::FreshAdmin => {
                drop(answer.expect_problem(403, "forbidden").clone());
            }
            For::Holder => drop(answer.expect_problem(401, "refresh_token_missing").clone()),
            For::Anyone | For::Leaver | For::SignedIn | For::Fresh | For::FreshWithFactor => expect_let_in(&answer),
        }
    }
}

#[tokio::test]
async fn an_administrator_is_let_in_everywhere() {
    let app = TestApp::start().await;
    for (method, path, caller) in TABLE {
        let admin = app.admin("root").await;
        let answer = admin.request(method, &concrete(path)).send().await;
        if *caller == For::Holder {
            answer.expect_problem(401, "refresh_token_missing");
        } else {
            expect_let_in(&answer);
        }
    }
}

/// S-84, S-86, A-33: whatever else is wrong with the request: who has not proved a moment ago who they are learns nothing of
/// it. What needs no fresh session is as open as before.
#[tokio::test]
async fn a_stale_session_reaches_everything_but_what_needs_a_fresh_one() {
    let app = TestApp::start().await;
    for (method, path, caller) in TABLE {
        let (user, admin) = (app.person("user").await, app.admin("root").await);
        for session in [&user.tokens.session_id, &admin.tokens.session_id] {
            app.grow_old(session).await;
        }
        let path = concrete(path);
        let garbage = format!("{path}?nonsense=1&limit=0");
        let rejected = [user.request(method, &garbage), user.request(method, &path)];
        for (number, request) in rejected.into_iter().enumerate() {
            let answer = if number == 0 { request.body("text/plain", "{") } else { request }.send().await;
            match caller {
                For::Fresh => drop(answer.expect_step_up().clone()),
                caller if caller.is_for_admins() => drop(answer.expect_problem(403, "forbidden").clone()),
                _ => assert_ne!(code(&answer), "step_up_required", "{answer:?}"),
            }
        }
        if matches!(caller, For::Fresh | For::FreshAdmin) {
            admin.request(method, &garbage).body("text/plain", "{").send().await.expect_step_up();
            admin.request(method, &path).send().await.expect_step_up();
            continue;
        }
        if let For::AdminFreshIf(body) = caller {
            let body = || admin.request(method, &path).body("application/json", *body);
            body().send().await.expect_step_up();
            app.alter_session(&admin.tokens.session_id, "authenticated_at = now()").await;
            expect_let_in(&body().send().await);
        } else if *caller != For::Holder {
            expect_let_in(&admin.request(method, &path).send().await);
        }
    }
}

/// A-51, S-86: what may need a fresh session says so in the description, and nothing else does.
#[test]
fn the_description_names_what_may_need_a_fresh_session() {
    let document = heirloom::app::description();
    for (method, path, caller) in TABLE.iter().filter(|(_, path, _)| path.starts_with(paths::API)) {
        let operation = &document.as_json()["paths"][*path][method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path}");
        let named = operation["responses"]["401"].to_string().contains("step_up_required");
        assert_eq!(named, caller.may_need_a_fresh_session(), "{method} {path}");
    }
}

/// A-44: Roles that only look like it.
#[tokio::test]
async fn no_other_role_makes_an_administrator() {
    let app = TestApp::start().await;
    for roles in ["{administrator}", "{admin:read,admins,not-admin}", "{}"] {
        let user = app.person("user").await;
        sqlx::query("UPDATE users SET roles = $1::text[]").bind(roles).execute(app.db()).await.unwrap();
        let next = app.refresh(&user.tokens.refresh_token).await.expect_tokens();
        for (method, path, _) in TABLE.iter().filter(|(_, _, caller)| caller.is_for_admins()) {
            let request = app.request(method, &concrete(path)).bearer(&next.access_token);
            request.send().await.expect_problem(403, "forbidden");
        }
    }
}

/// A-14, A-32: A method that is not in the table is none (RFC 9110 §15.5.6).
#[tokio::test]
async fn there_are_no_other_methods() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let known: BTreeSet<_> = TABLE.iter().map(|(method, path, _)| (*method, *path)).collect();
    let paths: BTreeSet<_> = TABLE.iter().map(|(_, path, _)| *path).collect();
    for path in paths {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if !known.contains(&(method, path)) {
                let answer = admin.request(method, &concrete(path)).send().await;
                answer.expect_problem(405, "method_not_allowed");
            }
        }
    }
    admin.check().await.expect_done();
}
