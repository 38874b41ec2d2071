//! Two origins of one site that both use the client, over https: <https://one.rp.test>, <https://two.rp.test>, and the
//! server at <https://auth.rp.test>. None of them signs the user out of the other by mistake.

use crate::{app::App, browser::Browser, server::Server, way::Way};
use serde_json::{Value, json};
use std::time::Duration;

const EMAIL: &str = "mina@example.com";
const OTHER: &str = "nari@example.com";
const PASSWORD: &str = "a quiet harbour at dawn";

/// How often each case is tried, unless the caller asks for more.
#[expect(clippy::disallowed_methods, reason = "a test may be asked to go on for longer")]
fn rounds() -> u64 {
    std::env::var("HEIRLOOM_BROWSER_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5)
}

/// Refreshes at one moment, as often as it takes.
const REFRESH_AT: &str = "const [moment] = arguments;
    window.result = null;
    const ask = () => client.refresh().then(
        (token) => { window.result = token ? 'refreshed' : 'signed out'; },
        (error) => (error.temporary ? setTimeout(ask, 200) : (window.result = error.code)));
    setTimeout(ask, moment - Date.now());";
const RELOAD_AT: &str = "const [moment] = arguments;
    window.isOld = true;
    setTimeout(() => location.reload(), moment - Date.now());";
const SIGN_IN: &str = "const [email, password, done] = arguments;
    client.signIn({ email, password }).then(() => done('signed in'), (error) => done(error.code));";

/// The sites, a browser that finds them on this machine, and the tabs that were opened.
struct Sites {
    auth: String,
    port: u16,
    way: Way,
    server: Server,
    browser: Browser,
}

impl Sites {
    async fn open() -> Self {
        let app = App::prepare().await;
        let port = app.port;
        let origins = ["one.rp.test", "two.rp.test"].map(|host| format!("https://{host}:{port}")).join(",");
        let (server, way, auth) = Server::over_https("auth.rp.test", &[("HEIRLOOM_ALLOWED_ORIGINS", &origins)]).await;
        app.serve(&auth);
        for email in [EMAIL, OTHER] {
            server.register(email, PASSWORD).await;
        }
        let switches = ["--host-resolver-rules=MAP *.test 127.0.0.1", "--ignore-certificate-errors"];
        let browser = Browser::with(&switches).await;
        Self { auth, port, way, server, browser }
    }

    /// A page of the app.
    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.port)
    }

    /// Opens a page in a new tab, which is then the current one.
    async fn tab(&self, url: &str) -> Tab {
        let tab = self.browser.page.new_tab().await.unwrap();
        self.browser.page.switch_to_window(tab.clone()).await.unwrap();
        self.browser.go(url).await;
        Tab(tab)
    }

    /// Opens the app in a new tab, and waits until its client knows whether someone is signed in.
    async fn app(&self, host: &str) -> Tab {
        let tab = self.tab(&self.url(host, "/")).await;
        self.browser.until("return window.events?.length > 0").await;
        tab
    }

    async fn switch(&self, tab: &Tab) {
        self.browser.page.switch_to_window(tab.0.clone()).await.unwrap();
    }

    async fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.browser.page.execute(script, arguments).await.unwrap().json().clone()
    }

    async fn sign_in(&self, email: &str) {
        let arguments = vec![json!(email), json!(PASSWORD)];
        let done = self.browser.page.execute_async(SIGN_IN, arguments).await.unwrap().json().clone();
        assert_eq!(done, "signed in");
    }

    /// All these tabs refresh at one moment.
    async fn refresh_at(&self, tabs: &[&Tab], moment: i64) {
        for tab in tabs {
            self.switch(tab).await;
            self.run(REFRESH_AT, vec![json!(moment)]).await;
        }
    }

    async fn expect_refreshed(&self, tabs: &[&Tab], round: u64) {
        for tab in tabs {
            self.switch(tab).await;
            self.browser.until("return window.result !== null").await;
            let seen = self.run("return [window.result, window.events, window.warnings]", Vec::new()).await;
            assert_eq!(seen[0], "refreshed", "round {round}: {seen}");
        }
    }

    async fn reload_at(&self, tab: &Tab, moment: i64) {
        self.switch(tab).await;
        self.run(RELOAD_AT, vec![json!(moment)]).await;
    }

    async fn expect_reloaded(&self, tab: &Tab, round: u64) {
        self.switch(tab).await;
        self.browser.until("return !window.isOld && window.events?.length > 0").await;
        let seen = self.run("return [client.session, window.events]", Vec::new()).await;
        assert!(!seen[0].is_null(), "round {round}: {seen}");
    }

    /// How often a refresh token was answered as used twice.
    fn reuses(&self) -> usize {
        let found = self.server.home.run(&["audit", "export", "--kind", "refresh_token_reused"]);
        found.done().stdout.lines().count()
    }

    /// The same session lives, and no client of this origin ever reported otherwise since the user has signed in.
    async fn expect_one_session(&self, tabs: &[&Tab]) {
        for tab in tabs {
            self.switch(tab).await;
            let signed_out = self.run("return localStorage.signedOut ?? ''", Vec::new()).await;
            assert_eq!(signed_out, "");
        }
        assert_eq!(self.reuses(), 0);
        assert_eq!(self.server.sessions(EMAIL, PASSWORD).await, 1);
    }
}

/// A tab of the browser.
struct Tab(thirtyfour::WindowHandle);

/// A time of day soon, in ms.
#[expect(clippy::disallowed_methods, reason = "the tabs of a browser agree on a time of day")]
fn soon() -> i64 {
    (chrono::Utc::now() + chrono::TimeDelta::milliseconds(1_500)).timestamp_millis()
}

/// Two tabs of each origin, whose user is signed in.
async fn signed_in() -> (Sites, [Tab; 4]) {
    let sites = Sites::open().await;
    let first = sites.app("one.rp.test").await;
    sites.sign_in(EMAIL).await;
    sites.run("delete localStorage.signedOut", Vec::new()).await;
    let tabs = [first, sites.app("two.rp.test").await, sites.app("one.rp.test").await, sites.app("two.rp.test").await];
    (sites, tabs)
}

/// S-87, with a page of the server beside them, which refreshes too.
#[tokio::test]
async fn origins_that_refresh_and_load_at_once_stay_signed_in() {
    let (sites, tabs) = signed_in().await;
    let account = sites.tab(&format!("{}/account", sites.auth)).await;
    sites.browser.shows(EMAIL).await;
    let all: Vec<_> = tabs.iter().collect();
    for round in 0..rounds() {
        let moment = soon();
        // Two refresh while one of each origin, and the server's page, load: in the middle of it, a little earlier or later.
        let offset = i64::try_from(round % 10).unwrap() * 7;
        sites.refresh_at(&all[..2], moment).await;
        for tab in [all[2], all[3], &account] {
            sites.reload_at(tab, moment + offset).await;
        }
        sites.expect_refreshed(&all[..2], round).await;
        for tab in &all[2..] {
            sites.expect_reloaded(tab, round).await;
        }
        // All of them refresh.
        sites.refresh_at(&all, soon()).await;
        sites.expect_refreshed(&all, round).await;
    }
    sites.switch(&account).await;
    sites.browser.shows(EMAIL).await;
    sites.expect_one_session(&all).await;
    sites.browser.close().await;
}

/// S-87, S-29: the other origin repeats the request, with the same key.
#[tokio::test]
async fn an_answer_that_one_origin_lost_is_asked_for_by_the_other() {
    let (sites, [one, two, ..]) = signed_in().await;
    for round in 0..rounds().min(5) {
        let before = sites.way.met();
        sites.way.lose_next();
        sites.refresh_at(&[&one], 0).await;
        sites.way.until_met(before).await;
        sites.refresh_at(&[&two], 0).await;
        sites.expect_refreshed(&[&two, &one], round).await;
    }
    sites.expect_one_session(&[&one, &two]).await;
    sites.browser.close().await;
}

/// A tab that is frozen while it waits for the answer to its refresh, which the server has sent.
async fn frozen(sites: &Sites, tab: &Tab) {
    let before = sites.way.met();
    sites.way.hold_next();
    sites.refresh_at(&[tab], 0).await;
    sites.way.until_met(before).await;
    sites.browser.cdp("Page.setWebLifecycleState", json!({ "state": "frozen" })).await;
}

/// The tab goes on; it and the others refresh, and all of them are still signed in.
async fn thawed(sites: Sites, tab: &Tab, others: &[&Tab]) {
    sites.switch(tab).await;
    sites.browser.cdp("Page.setWebLifecycleState", json!({ "state": "active" })).await;
    sites.expect_refreshed(&[tab], 0).await;
    let all: Vec<_> = std::iter::once(tab).chain(others.iter().copied()).collect();
    for round in 1..4 {
        sites.refresh_at(&all, soon()).await;
        sites.expect_refreshed(&all, round).await;
    }
    sites.expect_one_session(&all).await;
    sites.browser.close().await;
}

/// S-88: its answer arrives, but not its page's next step.
#[tokio::test]
async fn a_tab_that_is_frozen_in_its_turn_is_passed_over() {
    let (sites, [one, two, three, four]) = signed_in().await;
    frozen(&sites, &one).await;
    sites.way.release();
    let others = [&two, &three, &four];
    sites.refresh_at(&others, 0).await;
    sites.expect_refreshed(&others, 0).await;
    thawed(sites, &one, &others).await;
}

/// S-88, S-29: the page that takes over repeats the request with the same key, and both get the same answer.
#[tokio::test]
async fn a_frozen_tabs_request_is_repeated_by_the_page_that_takes_over() {
    let (sites, [one, two, three, _]) = signed_in().await;
    frozen(&sites, &one).await;
    sites.refresh_at(&[&two], 0).await;
    sites.expect_refreshed(&[&two], 0).await;
    sites.way.release();
    sites.refresh_at(&[&three], 0).await;
    thawed(sites, &one, &[&two, &three]).await;
}

/// S-87.
#[tokio::test]
async fn a_sign_out_and_a_sign_in_are_seen_by_the_other_origin() {
    let (sites, [one, two, ..]) = signed_in().await;
    let account = sites.tab(&format!("{}/account", sites.auth)).await;
    sites.browser.shows(EMAIL).await;
    sites.switch(&one).await;
    sites.run("client.signOut()", Vec::new()).await;
    sites.browser.until("return client.session === null").await;
    sites.switch(&two).await;
    sites.browser.until("return client.session === null").await;
    sites.browser.until("return String(events.at(-1)) === 'signedout,signed_out'").await;
    sites.switch(&account).await;
    sites.browser.shows("You have been signed out.").await;
    sites.switch(&two).await;
    sites.sign_in(OTHER).await;
    let session = sites.run("return client.session.session_id", Vec::new()).await;
    sites.switch(&one).await;
    sites.browser.until(&format!("return client.session?.session_id === {session}")).await;
    assert_eq!(sites.reuses(), 0);
    sites.browser.close().await;
}

/// The frame may be blocked: then the client does without, and reports it.
#[tokio::test]
async fn without_the_frame_the_client_goes_on_alone_and_warns() {
    let sites = Sites::open().await;
    sites.tab(&sites.url("one.rp.test", "/alone")).await;
    sites.browser.until("return window.events?.length > 0").await;
    sites.sign_in(EMAIL).await;
    let warnings = sites.run("return window.warnings.join()", Vec::new()).await;
    assert!(warnings.as_str().unwrap().contains("/client/frame"), "{warnings}");
    sites.browser.page.refresh().await.unwrap();
    sites.browser.until("return window.client?.session != null").await;
    sites.browser.close().await;
}

/// A page that loads only what agrees to it (COEP), as one with `SharedArrayBuffer` does.
#[tokio::test]
async fn an_isolated_page_has_the_frame_too() {
    let (sites, [one, ..]) = signed_in().await;
    let isolated = sites.tab(&sites.url("two.rp.test", "/isolated")).await;
    sites.browser.until("return window.events?.length > 0").await;
    assert_eq!(sites.run("return [crossOriginIsolated, warnings.length]", Vec::new()).await, json!([true, 0]));
    for round in 0..3 {
        sites.refresh_at(&[&one, &isolated], soon()).await;
        sites.expect_refreshed(&[&one, &isolated], round).await;
    }
    sites.expect_one_session(&[&one, &isolated]).await;
    sites.browser.close().await;
}

/// Puts the frame into the page, knocks as the client does, and reports what can be seen of it from outside.
const FRAME: &str = "const [auth, done] = arguments;
    const frame = document.createElement('iframe');
    frame.src = `${auth}/client/frame`;
    const seen = { loads: 0, answers: [] };
    frame.onload = () => {
        seen.loads += 1;
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = ({ data }) => seen.answers.push(data);
        window.port = port1;
        window.frame = frame;
        frame.contentWindow.postMessage('heirloom', '*', [port2]);
        setTimeout(() => done({ ...seen, frames: frame.contentWindow.length, isReadable: frame.contentDocument !== null }), 1_500);
    };
    document.body.append(frame);";

/// C-38: a page of another origin, of the same site or not, learns the same whether a user is signed in or not: nothing.
#[tokio::test]
async fn a_page_that_is_not_allowed_gets_no_answer() {
    let (sites, [one, ..]) = signed_in().await;
    let probe = async || {
        let mut seen = Vec::new();
        for host in ["three.rp.test", "evil.test"] {
            let tab = sites.tab(&sites.url(host, "/empty")).await;
            let found = sites.browser.page.execute_async(FRAME, vec![json!(sites.auth)]).await.unwrap();
            assert_eq!(found.json()["answers"], json!([]), "{host}");
            seen.push(found.json().clone());
            sites.switch(&tab).await;
            sites.browser.page.close_window().await.unwrap();
            sites.switch(&one).await;
        }
        seen
    };
    let signed_in = probe().await;
    sites.run("client.signOut()", Vec::new()).await;
    sites.browser.until("return client.session === null").await;
    assert_eq!(probe().await, signed_in);
    sites.browser.close().await;
}

/// a page of an allowed origin that sends what no client sends disturbs nobody else.
#[tokio::test]
async fn what_no_client_sends_changes_nothing() {
    let (sites, [one, two, ..]) = signed_in().await;
    let attacker = sites.tab(&sites.url("two.rp.test", "/empty")).await;
    let found = sites.browser.page.execute_async(FRAME, vec![json!(sites.auth)]).await.unwrap();
    assert_eq!(found.json()["answers"], json!([{ "hello": 1 }]));
    assert_eq!(found.json()["isReadable"], false, "of another origin");
    let key = "return localStorage[`heirloom ${location.origin}/api/v1`]";
    let account = sites.tab(&format!("{}/docs", sites.auth)).await;
    let before = sites.run(key, Vec::new()).await;
    assert!(before.is_string(), "the key is at the server's origin");
    sites.switch(&attacker).await;
    let flood = "const again = new MessageChannel();
        frame.contentWindow.postMessage('heirloom', '*', [again.port2]);
        const odd = [null, 0, '', 'take', [], {}, { take: {} }, { give: 1 }, { key: 'short' }, { key: 'x'.repeat(300) },
            { key: 'a-key-without-the-turn-to-it' }, { key: ['a', 'b'] }, { key: { toString: 1 } }, { at: 1 }, { hello: 2 },
            { signedin: {} }, { signedin: '<script>' }, { signedout: 'x' }, { signedout: 'x', why: 'y z' },
            { signedout: 'no-such-session', why: 'signed_out', reason: '<b>' }, new Map([['take', 1]]), new ArrayBuffer(8),
            { __proto__: null, take: 0 }, { give: true, take: true }, { why: 'x' }];
        for (let round = 0; round < 400; round += 1) for (const data of odd) {
            port.postMessage(data);
            frame.contentWindow.postMessage(data, '*');
        }
        for (let round = 0; round < 10_000; round += 1) port.postMessage({ take: 1 });
        port.postMessage({ give: 1 });";
    sites.run(flood, Vec::new()).await;
    for round in 0..3 {
        sites.refresh_at(&[&one, &two], soon()).await;
        sites.expect_refreshed(&[&one, &two], round).await;
    }
    sites.switch(&account).await;
    let after = sites.run(key, Vec::new()).await;
    assert_ne!(after, before, "replaced by those who had a turn");
    assert!(after.as_str().unwrap().chars().all(|letter| letter.is_ascii_digit() || letter == '-'), "{after}");
    sites.expect_one_session(&[&one, &two]).await;
    sites.browser.close().await;
}

/// who takes the turn and keeps it delays the others, and no longer than a request may take.
#[tokio::test]
async fn a_page_that_keeps_its_turn_loses_it() {
    let (sites, [one, ..]) = signed_in().await;
    sites.tab(&sites.url("two.rp.test", "/empty")).await;
    sites.browser.page.execute_async(FRAME, vec![json!(sites.auth)]).await.unwrap();
    let take = "window.turns = [];
        port.onmessage = ({ data }) => { if (data.at) turns.push(data); };
        port.postMessage({ take: 1 });";
    sites.run(take, Vec::new()).await;
    sites.browser.until("return turns.length === 1").await;
    sites.refresh_at(&[&one], 0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(sites.run("return window.result", Vec::new()).await, Value::Null, "it waits");
    sites.expect_refreshed(&[&one], 0).await;
    sites.expect_one_session(&[&one]).await;
    sites.browser.close().await;
}
