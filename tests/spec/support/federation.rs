//! A browser between a server and a provider.

use super::{Answer, TestApp};
use heirloom_testing::{Callback, ProviderKind, StubProvider};
use std::{collections::BTreeMap, sync::Mutex};

/// What a browser remembers: its cookies, and nothing of where they came from.
#[derive(Debug, Default)]
pub struct Browser(Mutex<BTreeMap<String, String>>);

impl Browser {
    /// A new one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.0.lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie there, or takes it away.
    pub fn set(&self, name: &str, value: Option<&str>) {
        let mut cookies = self.0.lock().unwrap();
        match value {
            Some(value) => drop(cookies.insert(name.to_owned(), value.to_owned())),
            None => drop(cookies.remove(name)),
        }
    }

    fn header(&self) -> String {
        self.0.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn remember(&self, answer: Answer) -> Answer {
        for cookie in answer.set_cookies() {
            self.set(&cookie.name, Some(cookie.value.as_str()).filter(|value| !value.is_empty()));
        }
        answer
    }

    /// Opens a page.
    pub async fn get(&self, app: &TestApp, path: &str) -> Answer {
        self.remember(app.request("GET", path).header("Cookie", &self.header()).send().await)
    }

    /// Sends a form of one of our pages.
    pub async fn post(&self, app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = app.request("POST", path).header("Sec-Fetch-Site", "same-origin").form(fields);
        self.remember(request.header("Cookie", &self.header()).send().await)
    }

    /// Takes up an answer of the API, as its page's script would.
    pub fn take(&self, answer: Answer) -> Answer {
        self.remember(answer)
    }

    /// Is sent to the provider, and back with what it says.
    pub async fn leave(&self, app: &TestApp, stub: &StubProvider, query: &str) -> Callback {
        let begun = self.get(app, &format!("/auth/upstream/op{query}")).await;
        stub.visit(begun.expect(303).header("location").expect("a location")).await
    }

    /// Comes back. A form is posted by the provider's page, without the cookies that are `SameSite`.
    pub async fn come_back(&self, app: &TestApp, callback: &Callback) -> Answer {
        let path = callback.url.strip_prefix(super::PUBLIC_URL).expect("our own address").to_owned();
        match &callback.form {
            None => self.get(app, &path).await,
            Some(form) => {
                let fields: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let foreign = app.request("POST", &path).header("Sec-Fetch-Site", "cross-site");
                let posted = foreign.header("Origin", "https://op.example").form(&fields).send().await;
                let own = posted.expect(303).expect_no_cookie().header("location").expect("our own GET").to_owned();
                self.get(app, &own).await
            }
        }
    }

    /// The whole way.
    pub async fn sign_in(&self, app: &TestApp, stub: &StubProvider) -> Answer {
        let callback = self.leave(app, stub, "?return_to=/account?from=here").await;
        self.come_back(app, &callback).await
    }

    /// Whether it is signed in.
    pub fn is_signed_in(&self) -> bool {
        self.cookie("heirloom").is_some()
    }
}

/// A provider, and a server with these options besides that knows it as `op`.
pub async fn federated(kind: ProviderKind, options: &[(&str, &str)]) -> (TestApp, StubProvider) {
    let stub = StubProvider::start(kind);
    let app = TestApp::with(
        &with_provider(&stub, options).iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
    )
    .await;
    (app, stub)
}

/// The options of a server that knows a provider as `op`, and believes its word on addresses.
pub fn with_provider(stub: &StubProvider, options: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all = stub.options("OP");
    if matches!(stub.kind(), ProviderKind::Oidc | ProviderKind::OAuth2) {
        all.push(("HEIRLOOM_UPSTREAM_OP_TRUSTS_EMAIL".to_owned(), "true".to_owned()));
    }
    all.retain(|(name, _)| options.iter().all(|(own, _)| own != name));
    all.extend(options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all
}
