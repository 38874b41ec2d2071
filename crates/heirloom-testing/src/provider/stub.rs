use super::{
    answers::{id_token, read_form},
    behaviour::{Behaviour, Endpoint, Seen, State},
    client::{APPLE_KEY, APPLE_TEAM, CLIENT_ID, CLIENT_SECRET},
    endpoints,
    keys::{Keys, TokenAlgorithm},
    kind::ProviderKind,
    member::Member,
};
use crate::{Port, wait_until};
use actix_web::{App, HttpServer, dev::ServerHandle, rt::System, web};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::TcpStream,
    sync::{Arc, Mutex, mpsc},
    thread,
};

/// A provider at a port of its own. Dropped, it stops.
#[derive(Debug)]
pub struct StubProvider {
    kind: ProviderKind,
    port: Port,
    state: Arc<Mutex<State>>,
    server: Option<ServerHandle>,
}

/// Where a provider sends the browser back to, and with what.
#[derive(Debug, Clone)]
pub struct Callback {
    /// Where; of a GET, with its query.
    pub url: String,
    /// What a browser would post there (`response_mode=form_post`). None: it is a GET.
    pub form: Option<BTreeMap<String, String>>,
}

impl StubProvider {
    /// A provider that does everything well, with one member: Alice, whose address is verified.
    pub fn start(kind: ProviderKind) -> Self {
        let port = Port::reserve();
        let url = format!("http://127.0.0.1:{}", port.number());
        let state = Arc::new(Mutex::new(State::new(kind, url)));
        let mut stub = Self { kind, port, state, server: None };
        stub.up();
        stub
    }

    /// Nobody listens any more: connections are refused.
    pub fn down(&mut self) {
        if let Some(server) = self.server.take() {
            // The stop begins with the call, and need not be waited for here.
            drop(server.stop(false));
            let address = self.port.address();
            wait_until("the provider is down", || TcpStream::connect(address).is_err());
        }
    }

    /// It listens again, at the same port.
    pub fn up(&mut self) {
        let (address, state) = (self.port.address(), Arc::clone(&self.state));
        let (tell, hear) = mpsc::channel();
        thread::spawn(move || {
            System::new().block_on(async move {
                let app =
                    move || App::new().app_data(web::Data::from(Arc::clone(&state))).configure(endpoints::configure);
                let server = HttpServer::new(app).workers(1).disable_signals().bind(address).expect("a port").run();
                tell.send(server.handle()).expect("a test that waits");
                drop(server.await);
            });
        });
        self.server = Some(hear.recv().expect("a provider that starts"));
        wait_until("the provider is up", || TcpStream::connect(address).is_ok());
    }

    /// Whose habits it has.
    pub fn kind(&self) -> ProviderKind {
        self.kind
    }

    /// Its port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// Where it is.
    pub fn url(&self) -> String {
        self.state().url.clone()
    }

    /// What `HEIRLOOM_UPSTREAM_<NAME>_ISSUER` says; Microsoft's is that of all tenants.
    pub fn issuer(&self) -> String {
        self.kind.issuer(&self.url())
    }

    /// `iss` of its ID tokens.
    pub fn token_issuer(&self) -> String {
        let state = self.state();
        self.kind.token_issuer(&state.url, &state.behaviour.member)
    }

    /// What Heirloom is called here.
    pub fn client_id(&self) -> &'static str {
        CLIENT_ID
    }

    /// The options with which Heirloom uses it under this name (capital letters and digits).
    pub fn options(&self, name: &str) -> Vec<(String, String)> {
        let url = self.url();
        let mut options = vec![("PRESET", self.kind.preset().to_owned()), ("CLIENT_ID", CLIENT_ID.to_owned())];
        if self.kind == ProviderKind::Apple {
            options.push(("TEAM_ID", APPLE_TEAM.to_owned()));
            options.push(("KEY_ID", APPLE_KEY.to_owned()));
            options.push(("PRIVATE_KEY", Keys::of_apples_client().pem()));
        } else {
            options.push(("CLIENT_SECRET", CLIENT_SECRET.to_owned()));
        }
        if self.kind.is_oidc() {
            options.push(("ISSUER", self.issuer()));
        } else {
            options.push(("AUTHORIZE_URL", format!("{url}/authorize")));
            options.push(("TOKEN_URL", format!("{url}/token")));
            options.push(("USERINFO_URL", format!("{url}/userinfo")));
        }
        if self.kind == ProviderKind::OAuth2 {
            options.push(("ISSUER", url));
            options.push(("SUBJECT", "/data/id".to_owned()));
            options.push(("EMAIL", "/data/email".to_owned()));
            options.push(("EMAIL_VERIFIED", "/data/email_verified".to_owned()));
            options.push(("NAME", "/data/name".to_owned()));
        }
        options.into_iter().map(|(key, value)| (format!("HEIRLOOM_UPSTREAM_{name}_{key}"), value)).collect()
    }

    /// Changes what it does.
    pub fn edit(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state().behaviour);
    }

    /// From now on, this is who signs in there.
    pub fn member(&self, member: Member) {
        self.edit(|behaviour| behaviour.member = member);
    }

    /// It signs with new keys and publishes only these.
    pub fn rotate_keys(&self) {
        self.edit(|behaviour| behaviour.key_generation += 1);
    }

    /// Every request that it got, in their order.
    pub fn seen(&self) -> Vec<Seen> {
        self.state().seen.clone()
    }

    /// The requests to one endpoint.
    pub fn seen_at(&self, endpoint: Endpoint) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.endpoint == endpoint).collect()
    }

    /// Goes where Heirloom sends a browser, as its member: what the browser would do next.
    pub async fn visit(&self, authorize: &str) -> Callback {
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let answer = client.get(authorize).send().await.expect("an answer of the provider");
        if answer.status() == 303 {
            let url = answer.headers()["location"].to_str().expect("a URL").to_owned();
            return Callback { url, form: None };
        }
        assert_eq!(answer.status(), 200, "the provider takes the request");
        let page = answer.text().await.expect("a page");
        let (url, form) = read_form(&page);
        Callback { url, form: Some(form) }
    }

    /// An ID token for its member, as an app gets it that speaks to the provider itself: forged, if the behaviour says so.
    pub fn id_token(&self, nonce: &str) -> String {
        let state = self.state();
        id_token(&state, Some(nonce), None)
    }

    /// An access token for its member, as an app gets it.
    pub fn access_token(&self) -> String {
        self.state().new_access_token()
    }

    /// The same of another app: what it says of its member is as true.
    pub fn access_token_of_another_app(&self) -> String {
        let mut state = self.state();
        let token = state.new_access_token();
        state.foreign_tokens.insert(token.clone());
        token
    }

    /// A token is good for nothing any more.
    pub fn revoke(&self, access_token: &str) {
        self.state().access_tokens.remove(access_token);
    }

    /// A token with these claims, signed with its current RS256 key (a security event token, RFC 8417, for instance).
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let generation = self.state().behaviour.key_generation;
        let keys = Keys::of_generation(generation);
        let mut whole = json!({ "alg": "RS256", "kid": keys.kid(TokenAlgorithm::Rs256) });
        for (name, value) in header.as_object().into_iter().flatten() {
            whole[name] = value.clone();
        }
        keys.sign(TokenAlgorithm::Rs256, &whole, claims)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

impl Drop for StubProvider {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            drop(server.stop(false));
        }
    }
}
