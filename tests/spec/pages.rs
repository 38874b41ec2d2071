//! The pages: in the user's language, with the operator's brand, without script.

use crate::support::{Answer, NOBODY, TestApp};
use heirloom::sessions::EndReason;

const KOREAN: (&str, &str) = ("Accept-Language", "ko-KR,ko;q=0.9,en;q=0.8");
const PAGES: [&str; 13] = [
    "/login",
    "/register",
    "/forgot",
    "/confirm",
    "/account",
    "/account/address",
    "/account/app",
    "/account/delete",
    "/admin",
    "/admin/people",
    "/admin/people/01890000-0000-7000-8000-000000000000",
    "/admin/sessions",
    "/admin/audit",
];

async fn page(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    app.request("GET", path).header("Accept", "text/html").headers(headers).send().await
}

#[track_caller]
fn expect_language(answer: &Answer, tag: &str) {
    assert!(answer.body.contains(&format!("<html lang=\"{tag}\">")), "{answer:?}");
    assert_eq!(answer.header("content-language"), Some(tag));
    assert_eq!(answer.header("vary"), Some("Accept-Language, Cookie"));
}

#[tokio::test]
async fn every_page_speaks_the_language_that_the_browser_prefers() {
    let app = TestApp::start().await;
    for path in PAGES {
        let korean = page(&app, path, &[KOREAN]).await;
        expect_language(korean.expect(200), "ko");
        expect_language(page(&app, path, &[("Accept-Language", "ko;q=0.1, en;q=0.9")]).await.expect(200), "en");
        expect_language(page(&app, path, &[]).await.expect(200), "en");
        assert_eq!(korean.header("cache-control"), Some("no-store"));
        assert!(korean.headers.get("set-cookie").is_none(), "nothing was chosen");
    }
}

#[tokio::test]
async fn a_language_is_chosen_by_a_link_and_kept_in_a_cookie() {
    let app = TestApp::start().await;
    let chosen = page(&app, "/login?lang=ko&return_to=/account%23x", &[]).await;
    expect_language(&chosen, "ko");
    let cookie = chosen.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with("heirloom-language=ko; ") && cookie.contains("HttpOnly"), "{cookie}");
    assert!(chosen.body.contains("?lang=en&amp;return_to=%2Faccount%23x"), "the way on is kept: {chosen:?}");
    let later = page(&app, "/account", &[("Cookie", "heirloom-language=ko"), ("Accept-Language", "en")]).await;
    expect_language(&later, "ko");
    expect_language(&page(&app, "/login?lang=xx", &[]).await, "en");
}

/// The form works without script, and says in the reader's language what is wrong with which field.
#[tokio::test]
async fn refusals_of_the_forms_are_in_the_readers_language() {
    let app = TestApp::start().await;
    app.register("alice").await;
    let send = |path: &str, fields: &[(&str, &str)], language: (&str, &str)| {
        app.request("POST", path).header(language.0, language.1).form(fields).send()
    };
    let wrong = [("email", "alice@example.com"), ("password", "not the one")];
    let answer = send("/login", &wrong, KOREAN).await;
    assert!(answer.expect(401).body.contains("이메일 주소 또는 비밀번호가 올바르지 않습니다."), "{answer:?}");
    assert!(answer.body.contains("value=\"alice@example.com\"") && !answer.body.contains("not the one"), "{answer:?}");

    let weak = [("email", "bob@example.com"), ("password", "qwertyuiop")];
    let answer = send("/register", &weak, KOREAN).await;
    assert!(answer.expect(422).body.contains("추측하기 쉬운 비밀번호입니다. 흔히 쓰이는"), "{answer:?}");
    let answer = send("/register", &weak, ("Accept-Language", "en")).await;
    assert!(answer.expect(422).body.contains("This password is easy to guess. It is a common password"), "{answer:?}");

    let empty = send("/login", &[("email", " "), ("password", "")], KOREAN).await;
    assert!(empty.expect(422).body.contains("비밀번호를 입력해 주세요.</p>"), "{empty:?}");
    let taken =
        send("/register", &[("email", "alice@example.com"), ("password", "a quiet harbour at dawn")], KOREAN).await;
    assert!(taken.expect(409).body.contains("이미 가입된 이메일 주소입니다."), "{taken:?}");
}

/// A program gets the same in JSON, with a code for the advice.
#[tokio::test]
async fn advice_on_a_password_has_a_code() {
    let app = TestApp::start().await;
    let body = serde_json::json!({ "email": "bob@example.com", "password": "qwertyuiop" });
    let answer = app.request("POST", "/api/v1/auth/register").header(KOREAN.0, KOREAN.1).json(&body).send().await;
    answer.expect_fields(&["password"]);
    assert_eq!(answer.text("/errors/0/advice"), "common");
    assert!(answer.text("/errors/0/message").starts_with("This password is easy to guess."), "the API is English");
}

/// A link with a repeated or unknown parameter still shows the page.
#[tokio::test]
async fn a_garbled_link_still_shows_the_page() {
    let app = TestApp::start().await;
    for path in
        ["/login?return_to=a&return_to=b", "/login?x=1&%%%=%FF", "/register?return_to=%00", "/login?reason=%3Cb%3E"]
    {
        let answer = page(&app, path, &[]).await;
        assert!(answer.expect(200).body.contains("</form>") && !answer.body.contains("<b>"), "{answer:?}");
    }
}

/// The reason of a revoked session reaches the sign-in page as the browser client has it.
#[tokio::test]
async fn the_sign_in_page_explains_every_reason_for_which_a_session_was_revoked() {
    let app = TestApp::start().await;
    let explains = async |reason: &str, language: (&str, &str)| {
        let answer = page(&app, &format!("/login?reason={reason}"), &[language]).await;
        ["role=\"status\"><p>", "role=\"alert\"><p>"].iter().any(|notice| answer.expect(200).body.contains(notice))
    };
    for language in [KOREAN, ("Accept-Language", "en")] {
        assert!(!explains("an_unknown_reason", language).await, "the test sees notices");
        for reason in EndReason::ALL {
            assert!(explains(reason.code(), language).await, "{reason:?} in {}", language.1);
        }
    }
}

#[tokio::test]
async fn an_error_is_a_page_for_browsers_and_json_for_programs() {
    let app = TestApp::start().await;
    let answer = page(&app, "/nothing/here", &[KOREAN, ("X-Request-Id", "called-by-me")]).await;
    expect_language(answer.expect(404), "ko");
    assert!(answer.body.contains("called-by-me") && answer.body.contains("페이지를 찾을 수 없습니다"), "{answer:?}");
    app.get("/nothing/here").await.expect_problem(404, "not_found");
    let asked = app.request("GET", "/api/v1/nothing").header("Accept", "text/html").send().await;
    asked.expect_problem(404, "not_found");
}

#[tokio::test]
async fn the_pages_wear_a_brand() {
    let folder = tempfile::tempdir().expect("a folder");
    let logo = folder.path().join("logo.svg");
    std::fs::write(&logo, "<svg xmlns=\"http://www.w3.org/2000/svg\"/>").expect("a file");
    let app = TestApp::with(&[
        ("HEIRLOOM_BRAND_NAME", "Kingfisher & Co"),
        ("HEIRLOOM_BRAND_ACCENT", "#5b21b6"),
        ("HEIRLOOM_BRAND_LOGO", logo.to_str().expect("a path")),
        ("HEIRLOOM_TERMS_URL", "https://kingfisher.example/terms"),
    ])
    .await;
    let login = page(&app, "/register", &[]).await;
    for expected in ["Kingfisher &amp; Co</title>", "/static/brand.css", "/static/brand-logo.svg", "kingfisher.example"]
    {
        assert!(login.body.contains(expected), "{expected}: {login:?}");
    }
    let style = app.get("/static/brand.css").await;
    assert!(style.expect(200).body.contains("--accent: #5b21b6;"), "{style:?}");
    assert_eq!(style.header("content-type"), Some("text/css; charset=utf-8"));
    let shown = app.get("/static/brand-logo.svg").await;
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/svg+xml")));
    assert!(shown.header("content-security-policy").is_some_and(|policy| policy.contains("script-src 'self'")));

    let plain = TestApp::start().await;
    plain.get("/static/brand.css").await.expect_problem(404, "not_found");
    assert!(!page(&plain, "/login", &[]).await.body.contains("brand.css"));
}

/// A-52, C-30: No inline script or style: the policy forbids both, and a page that needed one would be broken.
#[tokio::test]
async fn no_page_holds_a_script_or_a_style_of_its_own() {
    let app = TestApp::start().await;
    for path in PAGES.iter().chain(&["/nothing"]) {
        let body = page(&app, path, &[]).await.body;
        for part in body.split("<script").skip(1) {
            let tag = part.split('>').next().unwrap_or_default();
            assert!(tag.contains("src=\"/static/") || tag.contains("type=\"application/json\""), "{path}: {tag}");
        }
        assert!(!body.contains("<style") && !body.contains(" style=") && !body.contains(" onclick"), "{path}");
        assert!(!body.contains("//") || !body.contains("src=\"http"), "{path}: nothing from elsewhere");
    }
}

/// the pages of the administration are the same for all users: the API decides what they show.
#[tokio::test]
async fn the_administrations_pages_hold_no_data() {
    let app = TestApp::start().await;
    let admin = app.admin("root").await;
    let path = format!("/admin/people/{NOBODY}");
    let stranger = page(&app, &path, &[]).await;
    let known = admin.request("GET", &path).header("Accept", "text/html").send().await;
    assert_eq!(stranger.expect(200).body, known.expect(200).body);
}

/// HTML, style and scripts of /login, compressed as they travel (the page itself is not).
#[tokio::test]
async fn the_login_page_weighs_less_than_30_kilobytes() {
    let app = TestApp::start().await;
    let login = page(&app, "/login", &[KOREAN]).await.body;
    let mut weight = login.len();
    let mut wanted: Vec<_> = login.split("/static/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    // What login.js imports.
    wanted.push("password.js");
    for name in wanted {
        let file = app.request("GET", &format!("/static/{name}")).header("Accept-Encoding", "gzip").send_raw().await;
        assert_eq!(file.status(), 200, "{name}");
        weight += file.bytes().await.expect("the file arrives").len();
    }
    assert!((2_000..30_000).contains(&weight), "{weight} bytes");
    println!("/login weighs {weight} bytes");
}
