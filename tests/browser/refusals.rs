//! Every refusal of the API, seen on the pages: what the user reads, and what the user can do. A dead end is a fault.

use crate::{browser::Browser, server::Server};
use heirloom::http::kind;
use serde_json::{Value, json};
use thirtyfour::By;

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "a quiet harbour at dawn";

/// Answers requests below a path as `sessionStorage.refusal` says, in place of the server.
const REFUSE: &str = "{
    const { fetch } = window;
    window.refused = 0;
    window.fetch = async (input, init) => {
        const rule = JSON.parse(sessionStorage.getItem('refusal') ?? 'null');
        const { pathname } = new URL(new Request(input, init).url);
        if (!rule || !pathname.startsWith(rule.path)) return fetch(input, init);
        window.refused += 1;
        const headers = { 'Content-Type': 'application/problem+json', ...rule.headers };
        return new Response(JSON.stringify(rule.problem), { status: rule.problem.status, headers });
    };
}";

/// What a page shows: its text, its path, which of its notices are visible, and how many ways on they offer.
const LOOK: &str = "
    const visible = (id) => Boolean(document.getElementById(id)?.checkVisibility());
    const ways = [...document.querySelectorAll('#refused a, #refused button, main form button, #admin-ways a')];
    return {
        path: location.pathname, trouble: visible('trouble'), refused: visible('refused'),
        text: document.getElementById('refused')?.innerText ?? '', body: document.body.innerText,
        ways: ways.filter((way) => way.checkVisibility()).length,
    };";

/// Where an answer is replaced.
#[derive(Clone, Copy)]
struct Place {
    page: &'static str,
    api: &'static str,
}

const PLACES: [Place; 4] = [
    Place { page: "/account", api: "/api/v1/auth/refresh" },
    Place { page: "/account", api: "/api/v1/me" },
    Place { page: "/admin", api: "/api/v1/auth/refresh" },
    Place { page: "/admin", api: "/api/v1/admin" },
];

/// What the user must see.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// The sign-in page.
    SignIn,
    /// The page tries again.
    Trouble,
    /// The reason, and something to do.
    Refused,
    /// The administration's own page for users without the role.
    NotAdmin,
}

impl Place {
    fn expects(self, status: u16, code: &str) -> State {
        let signs_out = ["refresh_token_missing", "refresh_token_invalid", "refresh_token_reused", "session_expired"];
        let signs_out = signs_out.iter().chain(&["session_revoked", "account_blocked", "ambiguous_token"]);
        let is_refresh = self.api.ends_with("refresh");
        match status {
            _ if is_refresh && signs_out.into_iter().any(|known| *known == code) => State::SignIn,
            429 | 500.. => State::Trouble,
            403 if self.api.ends_with("admin") && code == "forbidden" => State::NotAdmin,
            _ => State::Refused,
        }
    }
}

async fn look(browser: &Browser) -> Value {
    browser.page.execute(LOOK, Vec::new()).await.unwrap().json().clone()
}

async fn refuse(browser: &Browser, rule: &Value) {
    let script = "sessionStorage.setItem('refusal', JSON.stringify(arguments[0]))";
    browser.page.execute(script, vec![rule.clone()]).await.unwrap();
}

async fn sign_in(browser: &Browser, server: &Server) {
    browser.go(&format!("{}/login", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows(EMAIL).await;
}

async fn expect(browser: &Browser, server: &Server, place: Place, (status, code): (u16, &str)) {
    let problem = json!({ "status": status, "code": code, "title": "", "detail": "" });
    refuse(browser, &json!({ "path": place.api, "problem": problem })).await;
    browser.go(&format!("{}{}", server.url, place.page)).await;
    let what = format!("{status} {code} of {} on {}", place.api, place.page);
    let expected = place.expects(status, code);
    let reached = match expected {
        State::SignIn => "return location.pathname === '/login' && document.readyState === 'complete'",
        State::Trouble => "return document.getElementById('trouble').checkVisibility()",
        State::Refused => "return document.getElementById('refused').checkVisibility()",
        State::NotAdmin => "return document.body.innerText.includes('Administrator access required')",
    };
    browser.until(reached).await;
    let seen = look(browser).await;
    let body = seen["body"].as_str().unwrap();
    assert_eq!(seen["trouble"] == true, expected == State::Trouble, "{what}: {seen}");
    assert_eq!(body.contains("Trying again"), expected == State::Trouble, "{what}: {seen}");
    match expected {
        State::SignIn | State::Trouble => {}
        State::Refused => assert!(seen["text"].as_str().unwrap().trim().contains('.'), "{what} has a reason: {seen}"),
        State::NotAdmin => assert!(body.contains("Your account"), "{what}: {seen}"),
    }
    if matches!(expected, State::SignIn | State::Refused) {
        assert!(seen["ways"].as_u64().unwrap() > 0, "{what} is a dead end: {seen}");
    }
    if expected == State::Refused {
        assert_eq!(browser.barriers().await, Vec::<String>::new(), "{what}");
    }
}

///
#[tokio::test]
async fn every_refusal_has_a_reason_and_a_way_on() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    browser.on_every_page(REFUSE).await;
    server.register_admin(EMAIL, PASSWORD).await;
    sign_in(&browser, &server).await;
    assert!(kind::ALL.len() > 20);
    for place in PLACES {
        for kind in kind::ALL {
            expect(&browser, &server, place, (kind.status, kind.code)).await;
        }
        // A code of a newer server, and one of a proxy.
        expect(&browser, &server, place, (418, "a_code_of_a_newer_server")).await;
        expect(&browser, &server, place, (502, "bad_gateway")).await;
    }
    // The way on leads somewhere.
    refuse(&browser, &json!({ "path": "/api/v1/me", "problem": { "status": 404, "code": "not_found" } })).await;
    browser.go(&format!("{}/account", server.url)).await;
    browser.until("return document.getElementById('refused').checkVisibility()").await;
    browser.screenshot("account-refused").await;
    refuse(&browser, &Value::Null).await;
    browser.click("#refused button").await;
    browser.shows(EMAIL).await;
    browser.close().await;
}

/// Open at 127.0.0.1 while the public URL says localhost: what the browser sends from there is refused.
#[tokio::test]
async fn a_page_at_another_address_than_the_public_url_links_to_the_right_one() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    let other = server.url.replace("localhost", "127.0.0.1");
    browser.go(&format!("{other}/login?return_to=/account")).await;
    browser.shows("This page is not open at the service’s own address").await;
    browser.look_like(320, "dark").await;
    browser.screenshot("wrong-address-narrow-dark").await;
    assert!(!browser.overflows().await);
    assert_eq!(browser.barriers().await, Vec::<String>::new());
    browser.look_like(1200, "light").await;
    browser.screenshot("wrong-address").await;

    // Whoever goes on regardless reads the reason, with the same link.
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("main form button[type=submit]").await;
    browser.shows("so the service rejected the request").await;
    let link = browser.page.find(By::Css("#problem a")).await.unwrap();
    assert_eq!(link.attr("href").await.unwrap().as_deref(), Some(&*format!("{}/login", server.url)));

    browser.go(&format!("{other}/")).await;
    browser.shows("so the service rejected the request").await;
    assert!(!browser.text().await.contains("Trying again"));
    browser.click("#refused a").await;
    browser.shows("Sign in").await;
    let url = browser.page.current_url().await.unwrap();
    assert!(url.as_str().starts_with(&server.url), "{url}");
    assert!(!browser.text().await.contains("own address"));
    sign_in(&browser, &server).await;
    browser.close().await;
}

#[tokio::test]
async fn a_user_who_was_pushed_out_by_the_limit_of_sessions_reads_why() {
    let server = Server::with(&[("HEIRLOOM_MAX_SESSIONS_PER_USER", "1")]).await;
    let browser = Browser::open().await;
    server.register(EMAIL, PASSWORD).await;
    sign_in(&browser, &server).await;
    let (status, _) = server.post("/api/v1/auth/login", "curl", &json!({ "email": EMAIL, "password": PASSWORD })).await;
    assert_eq!(status, 200);
    browser.page.refresh().await.unwrap();
    browser.shows("signed out because of too many devices").await;
    browser.screenshot("login-too-many-devices").await;
    browser.close().await;
}

#[tokio::test]
async fn a_change_of_the_password_replaces_the_refresh_token_at_once() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    server.register(EMAIL, PASSWORD).await;
    sign_in(&browser, &server).await;
    let before = browser.refresh_token().await.expect("a cookie");
    browser.type_into("current-password", PASSWORD).await;
    browser.type_into("new-password", "another quiet harbour").await;
    browser.click("#password button[type=submit]").await;
    browser.shows("Your password was changed").await;
    let after = browser.refresh_token().await.expect("a cookie");
    assert_ne!(before, after);
    browser.page.refresh().await.unwrap();
    browser.shows(EMAIL).await;
    browser.close().await;
}

/// The page that documents the API has nothing to show without the document.
#[tokio::test]
async fn the_documentation_page_reports_that_the_document_is_missing() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    browser.on_every_page(REFUSE).await;
    browser.go(&format!("{}/login", server.url)).await;
    let rule = json!({ "path": "/api/openapi.json", "problem": { "status": 503, "code": "temporarily_unavailable" } });
    refuse(&browser, &rule).await;
    browser.go(&format!("{}/docs", server.url)).await;
    browser.shows("The document could not be loaded. (503").await;
    refuse(&browser, &Value::Null).await;
    browser.click("#again").await;
    browser.shows("/api/v1/auth/refresh").await;
    browser.close().await;
}
