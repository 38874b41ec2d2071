//! A provider and a server on two sites, over https: real cross-site cookies, real `Secure` and `__Host-`, which a single
//! localhost does not show.

use crate::browser::Browser;
use heirloom_testing::{Home, Member, Port, ProviderKind, StubProvider, TlsFront};
use serde_json::json;

/// `https://op.test` and `https://rp.test`, and a browser that finds both on this machine.
struct TwoSites {
    op: String,
    rp: String,
    stub: StubProvider,
    _server: heirloom_testing::Server,
    browser: Browser,
}

impl TwoSites {
    async fn open(kind: ProviderKind) -> Self {
        let (stub, port) = (StubProvider::start(kind), Port::reserve());
        let (op, rp) = (TlsFront::of(stub.port()).await, TlsFront::of(port.number()).await);
        let (op, rp) = (format!("https://op.test:{}", op.port), format!("https://rp.test:{}", rp.port));
        let mut options = stub.options("OP");
        // Browsers reach it at the other site; the server, which trusts no certificate of tests, by the loopback.
        options.push(("HEIRLOOM_UPSTREAM_OP_AUTHORIZE_URL".to_owned(), format!("{op}/authorize")));
        options.push(("HEIRLOOM_PUBLIC_URL".to_owned(), rp.clone()));
        options.push(("HEIRLOOM_INSECURE_FOR_TESTS".to_owned(), "true".to_owned()));
        let options: Vec<_> = options.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let home = Home::empty().with("HEIRLOOM_LOG", "warn");
        let server = heirloom_testing::Server::spawn(home, port, &options);
        server.until_ready().await;
        let switches = ["--host-resolver-rules=MAP *.test 127.0.0.1", "--ignore-certificate-errors"];
        let browser = Browser::with(&switches).await;
        Self { op, rp, stub, _server: server, browser }
    }

    /// The cookies of Heirloom, by name.
    async fn cookies(&self) -> Vec<String> {
        let jar = self.browser.cdp("Storage.getCookies", json!({})).await;
        let names = jar["cookies"].as_array().unwrap().iter().map(|cookie| {
            assert!(cookie["secure"] == true && cookie["httpOnly"] == true, "{cookie}");
            cookie["name"].as_str().unwrap().to_owned()
        });
        names.collect()
    }
}

/// U-4, U-6: the POST from the other site carries no cookie of ours; our own GET after it does.
#[tokio::test]
async fn an_answer_that_another_site_posts_signs_in() {
    for kind in [ProviderKind::Apple, ProviderKind::Google] {
        let sites = TwoSites::open(kind).await;
        sites.stub.member(Member::new("1001", "alice@gmail.com").named("Alice"));
        sites.browser.go(&format!("{}/auth/upstream/op?return_to=/account&remember=true", sites.rp)).await;
        sites.browser.shows("alice@gmail.com").await;
        assert!(sites.browser.is_at("/account").await, "{kind:?}");
        let cookies = sites.cookies().await;
        assert!(cookies.iter().any(|name| name == "__Secure-heirloom"), "{kind:?}: {cookies:?}");
        assert!(!cookies.iter().any(|name| name.contains("upstream")), "{kind:?}: cleared when used: {cookies:?}");
        sites.browser.close().await;
    }
}

/// U-5 (F4): a page of another site cannot sign a browser in with a code of its own.
#[tokio::test]
async fn another_site_signs_nobody_in_with_a_code_of_its_own() {
    let sites = TwoSites::open(ProviderKind::Apple).await;
    // A page of the other site.
    sites.browser.go(&format!("{}/.well-known/openid-configuration", sites.op)).await;
    let script = "const form = document.createElement('form');
        form.method = 'post';
        form.action = arguments[0];
        for (const [name, value] of [['code', 'of-mallory'], ['state', 'of-mallory']]) {
            const input = document.createElement('input');
            Object.assign(input, { name, value });
            form.append(input);
        }
        document.documentElement.append(form);
        form.submit();";
    let callback = format!("{}/auth/upstream/op/callback", sites.rp);
    sites.browser.page.execute(script, vec![json!(callback)]).await.unwrap();
    sites.browser.until("return location.pathname === '/login'").await;
    sites.browser.until("return location.search.includes('reason=upstream_state_invalid')").await;
    assert!(!sites.cookies().await.iter().any(|name| name == "__Secure-heirloom"));
    sites.browser.close().await;
}
