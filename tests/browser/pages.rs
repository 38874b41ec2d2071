use crate::{browser::Browser, server::Server};
use serde_json::json;
use thirtyfour::prelude::*;

const ADMIN: &str = "root@example.com";
const EMAIL: &str = "probe@example.com";
const PASSWORD: &str = "a quiet harbour at dawn";
/// Names that an attacker would use for the account and its devices, and text that an attacker would make others type.
const NAME: &str = "<img src=x onerror=alert(1)>";
const DEVICE: &str = "\"><script>alert(2)</script>{{7*7}}";
const USER_AGENT: &str = "<svg/onload=alert(3)> Mozilla/5.0";
const REASON: &str = "<iframe srcdoc='<script>alert(4)</script>'>";

/// What the pages say, of what the test looks for, in one language.
struct Words {
    language: &'static str,
    login: &'static str,
    wrong: &'static str,
    sessions: &'static str,
    signed_out: &'static str,
    renamed: &'static str,
    weak: &'static str,
    overview: &'static str,
    users: &'static str,
    none: &'static str,
    block_title: &'static str,
    blocked: &'static str,
    unblocked: &'static str,
    audit: &'static str,
    everyone: &'static str,
    forbidden: &'static str,
    register: &'static str,
    old_link: &'static str,
    nowhere: &'static str,
}

const ENGLISH: Words = Words {
    language: "en",
    login: "Stay signed in on this device",
    wrong: "Incorrect e-mail address or password.",
    sessions: "Where you are signed in",
    signed_out: "You have been signed out.",
    renamed: "Your name was saved.",
    weak: "This password is easy to guess.",
    overview: "The last 24 hours",
    users: "E-mail address or name",
    none: "No users match.",
    block_title: "Block this user?",
    blocked: "The user was blocked",
    unblocked: "The user was unblocked.",
    audit: "Sign-in failed",
    everyone: "EVERYONE",
    forbidden: "Administrator access required",
    register: "Create an account",
    old_link: "This link has expired",
    nowhere: "Page not found",
};

const KOREAN: Words = Words {
    language: "ko",
    login: "이 기기에서 로그인 상태 유지",
    wrong: "이메일 주소 또는 비밀번호가 올바르지 않습니다.",
    sessions: "로그인된 기기",
    signed_out: "로그아웃되었습니다.",
    renamed: "이름을 저장했습니다.",
    weak: "추측하기 쉬운 비밀번호입니다.",
    overview: "최근 24시간",
    users: "이메일 주소 또는 이름",
    none: "조건에 맞는 사용자가 없습니다.",
    block_title: "이 사용자를 차단할까요?",
    blocked: "사용자를 차단하고 모든 세션을 종료했습니다.",
    unblocked: "차단을 해제했습니다.",
    audit: "로그인 실패",
    everyone: "모두 종료",
    forbidden: "관리자 권한이 필요합니다",
    register: "계정 만들기",
    old_link: "만료되었거나 이미 사용한 링크입니다.",
    nowhere: "페이지를 찾을 수 없습니다",
};

/// A walk through every page in one language, with a user whose every text tries to run a script.
struct Walk<'a> {
    browser: &'a Browser,
    server: &'a Server,
    words: &'a Words,
}

impl Walk<'_> {
    async fn go(&self, path: &str) {
        self.browser.go(&format!("{}{path}", self.server.url)).await;
    }

    async fn shows(&self, text: &str) {
        self.browser.shows(text).await;
    }

    async fn submit(&self, email: &str, password: &str) {
        self.browser.type_into("email", email).await;
        self.browser.type_into("password", password).await;
        self.browser.click("main form button[type=submit]").await;
    }

    /// A look at the page: wide and narrow, in the light and in the dark, nothing overflows, and axe finds nothing.
    async fn look(&self, name: &str) {
        for (width, scheme) in [(320, "dark"), (320, "light"), (1200, "dark"), (1200, "light")] {
            self.browser.look_like(width, scheme).await;
            assert!(!self.browser.overflows().await, "{name} at {width}");
            assert_eq!(self.browser.barriers().await, Vec::<String>::new(), "{name} at {width}, {scheme}");
            if (width, scheme) == (320, "dark") {
                self.browser.screenshot(&format!("{name}-{}-narrow-dark", self.words.language)).await;
            }
        }
        self.browser.screenshot(&format!("{name}-{}", self.words.language)).await;
    }

    async fn login(&self) {
        self.go(&format!("/login?lang={}&return_to=/account", self.words.language)).await;
        self.shows(self.words.login).await;
        self.look("login").await;
        self.submit(EMAIL, "not the password").await;
        self.shows(self.words.wrong).await;
        self.look("login-wrong").await;
        self.submit(EMAIL, PASSWORD).await;
    }

    /// What needs no account.
    async fn strangers(&self) {
        self.go(&format!("/register?lang={}", self.words.language)).await;
        self.shows(self.words.register).await;
        self.look("register").await;
        self.browser.type_into("email", "new@example.com").await;
        self.browser.type_into("password", "qwertyuiop").await;
        self.browser.click("main form button[type=submit]").await;
        self.shows(self.words.weak).await;
        self.look("register-weak").await;
        self.go("/docs").await;
        // In English, as the interface is.
        self.shows("Exchange a refresh token for a new pair").await;
        self.look("docs").await;
        self.go("/end-sessions?email=none").await;
        self.shows(self.words.old_link).await;
        self.look("end-sessions-old").await;
        self.go("/nowhere").await;
        self.shows(self.words.nowhere).await;
        self.look("nowhere").await;
    }

    async fn account(&self) {
        self.shows(self.words.sessions).await;
        self.shows(NAME).await;
        self.shows(DEVICE).await;
        self.look("account").await;
        self.browser.click("#profile button").await;
        self.shows(self.words.renamed).await;
        self.browser.type_into("current-password", PASSWORD).await;
        self.browser.type_into("new-password", "qwertyuiop").await;
        self.browser.click("#password button[type=submit]").await;
        self.shows(self.words.weak).await;
        self.look("account-weak").await;
        self.go("/admin").await;
        self.shows(self.words.forbidden).await;
        self.look("admin-forbidden").await;
        self.sign_out().await;
    }

    async fn sign_out(&self) {
        self.browser.click("#sign-out").await;
        self.shows(self.words.signed_out).await;
        self.browser.page.back().await.unwrap();
        self.shows(self.words.login).await;
        assert!(!self.browser.page.source().await.unwrap().contains(NAME.trim_start_matches('<')), "nothing private");
    }

    async fn admin(&self) {
        self.go("/admin").await;
        self.shows(self.words.login).await;
        self.submit(ADMIN, PASSWORD).await;
        self.shows(self.words.overview).await;
        assert!(self.browser.is_at("/admin").await, "the way on was kept");
        self.look("admin").await;
        self.everyone_needs_a_word().await;
        self.users().await;
        self.browser.click("#sections a[href='/admin/sessions']").await;
        self.shows(DEVICE).await;
        self.look("admin-sessions").await;
        self.browser.click("#sections a[href='/admin/audit']").await;
        self.shows(self.words.audit).await;
        self.look("admin-audit").await;
        self.go("/admin/people").await;
        self.shows(NAME).await;
        self.browser.click("#sign-out").await;
        self.shows(self.words.signed_out).await;
    }

    /// The button that revokes everyone's sessions stays disabled until the word is typed.
    async fn everyone_needs_a_word(&self) {
        self.browser.click("#content button.danger").await;
        let agree = self.browser.page.find(By::Id("confirm-yes")).await.unwrap();
        assert!(!agree.is_enabled().await.unwrap());
        self.browser.type_into("confirm-input", "nonsense").await;
        assert!(!agree.is_enabled().await.unwrap());
        self.browser.type_into("confirm-input", self.words.everyone).await;
        assert!(agree.is_enabled().await.unwrap());
        self.browser.click("#confirm-no").await;
    }

    async fn users(&self) {
        self.browser.click("#sections a[href='/admin/people']").await;
        self.shows(self.words.users).await;
        self.browser.type_into("filter-q", "no user has this name").await;
        self.browser.click(".filters button").await;
        self.shows(self.words.none).await;
        self.look("admin-users-none").await;
        self.browser.type_into("filter-q", "probe").await;
        self.browser.click(".filters button").await;
        self.shows(NAME).await;
        self.look("admin-users").await;
        self.browser.click(".rows a").await;
        self.shows(DEVICE).await;
        self.look("admin-user").await;
        self.browser.click("#content .actions button:first-child").await;
        self.shows(self.words.block_title).await;
        self.browser.type_into("confirm-input", REASON).await;
        self.look("admin-block").await;
        self.browser.click("#confirm-yes").await;
        self.shows(self.words.blocked).await;
        self.shows(REASON).await;
        self.look("admin-user-blocked").await;
        self.browser.click("#content .actions button:first-child").await;
        self.shows(self.words.unblocked).await;
    }
}

async fn probe(server: &Server) {
    server.register_admin(ADMIN, PASSWORD).await;
    server.register(EMAIL, PASSWORD).await;
    sign_in_elsewhere(server, true).await;
}

/// A session of the probe's, with everything that can be said about a device.
async fn sign_in_elsewhere(server: &Server, with_name: bool) {
    for device_name in [Some(DEVICE), None] {
        let body = json!({ "email": EMAIL, "password": PASSWORD, "device_name": device_name });
        let (status, tokens) = server.post("/api/v1/auth/login", USER_AGENT, &body).await;
        assert_eq!(status, 200);
        if with_name {
            server.rename(tokens["access_token"].as_str().unwrap(), NAME).await;
        }
    }
}

/// All pages in both languages: no injected script runs, the policy is kept, nothing sticks out, axe finds nothing.
#[tokio::test]
async fn every_page_holds_in_both_languages_whatever_users_are_called() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    probe(&server).await;
    browser.watch().await;
    for words in [&ENGLISH, &KOREAN] {
        let walk = Walk { browser: &browser, server: &server, words };
        walk.strangers().await;
        walk.login().await;
        walk.account().await;
        walk.admin().await;
        // The block has ended the sessions.
        sign_in_elsewhere(&server, false).await;
    }
    assert_eq!(browser.trouble().await, Vec::<String>::new());
    browser.close().await;
}

/// C-30: The watch sees what it is for.
#[tokio::test]
async fn a_script_that_ran_a_breach_of_the_policy_and_a_barrier_would_be_seen() {
    let (server, browser) = (Server::start().await, Browser::open().await);
    browser.watch().await;
    browser.go(&format!("{}/login", server.url)).await;
    let script = "alert(1); document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(2)>')";
    browser.page.execute(script, Vec::new()).await.unwrap();
    for _ in 0..1_200 {
        if browser.trouble().await.len() > 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let seen = browser.trouble().await;
    assert!(seen.iter().any(|entry| entry == "/login: alert"), "{seen:?}");
    assert!(seen.iter().any(|entry| entry.contains("policy script-src")), "{seen:?}");
    let barriers = browser.barriers().await;
    assert!(barriers.iter().any(|entry| entry.starts_with("image-alt: <img")), "{barriers:?}");
    browser.close().await;
}
