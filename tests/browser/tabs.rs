//! Two tabs, a lost answer, a reload at the wrong moment: none of them signs an honest user out.

use crate::{browser::Browser, server::Server, way::Way};
use serde_json::Value;
use std::time::Duration;

const EMAIL: &str = "mina@example.com";
const PASSWORD: &str = "a quiet harbour at dawn";
/// Tabs that are open at once.
const TABS: usize = 8;

/// How often each case is tried: a few times, or as often as the caller asks.
#[expect(clippy::disallowed_methods, reason = "a test may be asked to go on for longer")]
fn rounds() -> usize {
    std::env::var("HEIRLOOM_BROWSER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5)
}

/// A second client in the tab, whose events are kept: the page's own is in a closure, where nothing reaches it.
const LISTEN: &str = "const [done] = arguments;
    import('/static/heirloom.js').then(({ createHeirloom }) => {
        window.events = [];
        window.client = createHeirloom();
        for (const event of ['signedin', 'refreshed', 'signedout', 'unreachable']) {
            client.on(event, (detail) => events.push([event, detail.why ?? detail.error?.code ?? '']));
        }
        return client.getAccessToken();
    }).then((token) => done(Boolean(token)), (error) => done(String(error)));";
/// Asks for who it is at one moment in all tabs, with a token that every tab has to replace first.
const ASK_AT: &str = "const [moment] = arguments;
    window.asked = new Promise((done) => setTimeout(() => {
        client.fetch('/api/v1/me').then((answer) => done(answer.status), (error) => done(error.code));
    }, moment - Date.now()));";
const ASKED: &str = "const [done] = arguments; window.asked.then(done);";

async fn start(way: bool) -> (Server, Option<Way>, Browser) {
    let options = [("HEIRLOOM_ACCESS_TOKEN_TTL", "2s")];
    let (server, way) = if way {
        let (server, way) = Server::behind_a_way(&options).await;
        (server, Some(way))
    } else {
        (Server::with(&options).await, None)
    };
    let browser = Browser::open().await;
    server.register(EMAIL, PASSWORD).await;
    browser.go(&format!("{}/login", server.url)).await;
    browser.type_into("email", EMAIL).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("button[type=submit]").await;
    browser.shows(EMAIL).await;
    (server, way, browser)
}

async fn run(browser: &Browser, script: &str, argument: Value) -> Value {
    browser.page.execute(script, vec![argument]).await.unwrap().json().clone()
}

async fn wait_for(browser: &Browser, script: &str) -> Value {
    browser.page.execute_async(script, Vec::new()).await.unwrap().json().clone()
}

#[expect(clippy::disallowed_methods, reason = "the tabs of a browser agree on a time of day")]
fn soon() -> Value {
    Value::from((chrono::Utc::now() + chrono::TimeDelta::milliseconds(2_500)).timestamp_millis())
}

async fn expect_no_sign_out(browser: &Browser) {
    let events = run(browser, "return window.events", Value::Null).await;
    let signed_out = events.as_array().unwrap().iter().filter(|event| event[0] == "signedout").count();
    assert_eq!(signed_out, 0, "{events}");
}

/// S-29.
#[tokio::test]
async fn eight_tabs_that_refresh_at_once_stay_signed_in() {
    let (server, _, browser) = start(false).await;
    let mut tabs = vec![browser.page.window().await.unwrap()];
    while tabs.len() < TABS {
        let tab = browser.page.new_tab().await.unwrap();
        browser.page.switch_to_window(tab.clone()).await.unwrap();
        browser.go(&format!("{}/account", server.url)).await;
        tabs.push(tab);
    }
    for tab in &tabs {
        browser.page.switch_to_window(tab.clone()).await.unwrap();
        assert_eq!(wait_for(&browser, LISTEN).await, true);
    }
    for round in 0..rounds() {
        let moment = soon();
        for tab in &tabs {
            browser.page.switch_to_window(tab.clone()).await.unwrap();
            run(&browser, ASK_AT, moment.clone()).await;
        }
        for tab in &tabs {
            browser.page.switch_to_window(tab.clone()).await.unwrap();
            assert_eq!(wait_for(&browser, ASKED).await, 200, "round {round}");
            expect_no_sign_out(&browser).await;
        }
    }
    assert_eq!(server.sessions(EMAIL, PASSWORD).await, 1, "and it is one session still, beside the one that asks");
    browser.close().await;
}

/// The browser leaves after the server has answered: the next page repeats the request, which is not a replay.
#[tokio::test]
async fn a_reload_in_the_middle_of_a_refresh_stays_signed_in() {
    let (server, way, browser) = start(true).await;
    let way = way.unwrap();
    for _ in 0..rounds() {
        let before = way.met();
        way.hold_next();
        // Loads the page, whose client refreshes at once; its answer is held back, and the page loaded once more.
        browser.page.refresh().await.unwrap();
        way.until_met(before).await;
        browser.page.refresh().await.unwrap();
        way.release();
        browser.shows(EMAIL).await;
        assert!(browser.is_at("/account").await);
    }
    assert_eq!(server.sessions(EMAIL, PASSWORD).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn an_answer_that_is_lost_is_asked_for_again() {
    let (server, way, browser) = start(true).await;
    let way = way.unwrap();
    assert_eq!(wait_for(&browser, LISTEN).await, true);
    for _ in 0..rounds() {
        let before = way.met();
        way.lose_next();
        way.until_met(before + 1).await;
        run(&browser, ASK_AT, soon()).await;
        assert_eq!(wait_for(&browser, ASKED).await, 200);
        expect_no_sign_out(&browser).await;
    }
    assert_eq!(server.sessions(EMAIL, PASSWORD).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn a_user_who_is_offline_stays_signed_in_and_continues_when_the_network_is_back() {
    let (server, _, browser) = start(false).await;
    assert_eq!(wait_for(&browser, LISTEN).await, true);
    browser.network(false).await;
    let script = "return window.events.some(([event]) => event === 'unreachable')";
    browser.until(script).await;
    expect_no_sign_out(&browser).await;
    browser.network(true).await;
    run(&browser, "window.events.length = 0", Value::Null).await;
    browser.until("return window.events.some(([event]) => event === 'refreshed')").await;
    expect_no_sign_out(&browser).await;
    browser.page.refresh().await.unwrap();
    browser.shows(EMAIL).await;
    assert_eq!(server.sessions(EMAIL, PASSWORD).await, 1);
    browser.close().await;
}

#[tokio::test]
async fn a_sign_out_is_seen_by_the_other_tabs_at_once() {
    let (server, _, browser) = start(false).await;
    let first = browser.page.window().await.unwrap();
    let second = browser.page.new_tab().await.unwrap();
    browser.page.switch_to_window(second).await.unwrap();
    browser.go(&format!("{}/account", server.url)).await;
    browser.shows(EMAIL).await;
    browser.click("#sign-out").await;
    browser.shows("You have been signed out.").await;
    browser.page.switch_to_window(first).await.unwrap();
    browser.shows("You have been signed out.").await;
    browser.close().await;
}

/// L-45: what one user has typed is not sent as another.
#[tokio::test]
async fn a_tab_whose_user_was_replaced_drops_what_was_typed_and_shows_the_other_user() {
    const OTHER: &str = "nari@example.com";
    let (server, _, browser) = start(false).await;
    server.register(OTHER, PASSWORD).await;
    let first = browser.page.window().await.unwrap();
    browser.type_into("new-name", "Mina").await;
    browser.type_into("new-email", "mina.new@example.com").await;
    browser.type_into("current-password", PASSWORD).await;
    browser.click("#delete").await;
    browser.type_into("confirm-input", EMAIL).await;
    let second = browser.page.new_tab().await.unwrap();
    browser.page.switch_to_window(second).await.unwrap();
    browser.go(&format!("{}/login", server.url)).await;
    browser.type_into("email", OTHER).await;
    browser.type_into("password", PASSWORD).await;
    browser.click("button[type=submit]").await;
    browser.shows(OTHER).await;
    browser.page.switch_to_window(first).await.unwrap();
    browser.shows(OTHER).await;
    let typed = "return [...document.querySelectorAll('input:not([hidden])')].map(({ value }) => value).join('')";
    assert_eq!(run(&browser, typed, Value::Null).await, "");
    assert_eq!(run(&browser, "return document.querySelectorAll('dialog[open]').length", Value::Null).await, 0);
    assert!(!browser.text().await.contains(EMAIL));
    browser.close().await;
}

/// Neither the history nor the page cache brings back what was on the page.
#[tokio::test]
async fn back_and_forward_after_a_sign_out_show_nothing_private() {
    let (_server, _, browser) = start(false).await;
    browser.click("#sign-out").await;
    browser.shows("You have been signed out.").await;
    for step in ["history.back()", "history.forward()", "history.go(-2)"] {
        run(&browser, step, Value::Null).await;
        tokio::time::sleep(Duration::from_millis(700)).await;
        let shown = browser.text().await;
        assert!(!shown.contains(EMAIL), "{step}: {shown}");
    }
    browser.close().await;
}
