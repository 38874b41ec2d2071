//! A small OAuth 2.0 provider that is right in everything, and particular about how clients talk to it.

use super::kit::PASSWORD;
use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    cookie::Cookie,
    http::header::ContentType,
    web::{Data, Form, Query, get, post},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    net::TcpListener,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub const SECRET: &str = "s3cret/with+signs and a space";
type Fields = HashMap<String, String>;

/// How clients have to prove who they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Proof {
    #[default]
    Public,
    Basic,
    Post,
    /// With this public key.
    Assertion(Vec<u8>),
    Dpop,
}

/// What it wants, and what it publishes.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    pub proof: Proof,
    /// Every so many requests it refuses one, and all others within a second.
    pub limit: Option<u64>,
    /// It refuses every request for a token, and asks to wait for so many seconds.
    pub closed: Option<u64>,
    /// Members of its description.
    pub description: Value,
    /// It answers with this status when it is asked for its description.
    pub undescribed: Option<u16>,
    /// It answers every refresh with this status and body.
    pub broken: Option<(u16, &'static str)>,
    /// It takes every token again.
    pub is_lenient: bool,
}

pub struct Provider {
    pub url: String,
    pub state: Data<State>,
}

#[derive(Default)]
pub struct State {
    manners: Manners,
    url: String,
    book: Mutex<Book>,
    requests: AtomicU64,
    closed: Mutex<Option<Instant>>,
    /// Requests that came although a limit had asked them to wait.
    pub impatient: AtomicU64,
    /// Requests that a limit refused.
    pub limited: AtomicU64,
}

#[derive(Default)]
struct Book {
    /// Session and generation by token.
    tokens: HashMap<String, [usize; 2]>,
    /// The newest generation; none: revoked.
    sessions: Vec<Option<usize>>,
    codes: HashMap<String, String>,
}

impl Provider {
    pub fn start(manners: Manners) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Data::new(State { manners, url: url.clone(), ..State::default() });
        let data = state.clone();
        let app = move || {
            App::new()
                .app_data(data.clone())
                .route("/.well-known/openid-configuration", get().to(description))
                .route("/token/", post().to(token))
                .route("/revoke", post().to(revoke))
                .route("/me", get().to(me))
                .route("/login", get().to(login_page))
                .route("/login", post().to(login))
                .route("/cookie/login", post().to(cookie_login))
                .route("/cookie/refresh", post().to(cookie_refresh))
        };
        tokio::spawn(HttpServer::new(app).workers(2).disable_signals().listen(listener).unwrap().run());
        Self { url, state }
    }
}

impl State {
    fn grant(&self, session: usize, generation: usize) -> [String; 2] {
        let token = format!("rt-{session}-{generation}-0123456789abcdefghijklmnopqrstuvwxyz");
        let mut book = self.book.lock().unwrap();
        book.tokens.insert(token.clone(), [session, generation]);
        [token, format!("at-{session}-0123456789abcdefghijklmnopqrstuvwxyz")]
    }

    fn open(&self) -> [String; 2] {
        let mut book = self.book.lock().unwrap();
        book.sessions.push(Some(0));
        let session = book.sessions.len() - 1;
        drop(book);
        self.grant(session, 0)
    }

    fn rotate(&self, token: &str) -> Option<[String; 2]> {
        let mut book = self.book.lock().unwrap();
        let [session, generation] = *book.tokens.get(token)?;
        let newest = book.sessions[session]?;
        let generation = if self.manners.is_lenient { newest } else { generation };
        book.sessions[session] = (newest == generation).then_some(generation + 1);
        drop(book);
        (newest == generation).then(|| self.grant(session, generation + 1))
    }

    fn end(&self, token: &str) {
        let mut book = self.book.lock().unwrap();
        if let Some([session, _]) = book.tokens.get(token).copied() {
            book.sessions[session] = None;
        }
    }

    fn is_live(&self, access: &str) -> bool {
        let session = access.strip_prefix("at-").and_then(|rest| rest.split('-').next()?.parse::<usize>().ok());
        session.is_some_and(|session| self.book.lock().unwrap().sessions[session].is_some())
    }

    /// The refusal of a rate limit.
    fn limit(&self) -> Option<HttpResponse> {
        let every = self.manners.limit?;
        let mut closed = self.closed.lock().unwrap();
        if closed.is_some_and(|since| since.elapsed() < Duration::from_secs(1)) {
            self.impatient.fetch_add(1, Ordering::SeqCst);
        }
        let number = self.requests.fetch_add(1, Ordering::SeqCst);
        if number % every != every - 1 {
            return None;
        }
        *closed = Some(Instant::now());
        self.limited.fetch_add(1, Ordering::SeqCst);
        Some(HttpResponse::TooManyRequests().insert_header(("Retry-After", "1")).finish())
    }

    /// The refusal of a client that does not prove who it is.
    fn doubt(&self, request: &HttpRequest, form: &Fields) -> Option<HttpResponse> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_right = match &self.manners.proof {
            Proof::Public => field("client_id") == "web" && !form.contains_key("client_secret"),
            Proof::Basic => {
                let pair = header("Authorization").strip_prefix("Basic ").map(|text| BASE64_STANDARD.decode(text));
                // RFC 6749 §2.3.1: both are encoded as in a form.
                let expected = "web:s3cret%2Fwith%2Bsigns+and+a+space";
                pair.is_some_and(|pair| pair.unwrap() == expected.as_bytes()) && !form.contains_key("client_secret")
            }
            Proof::Post => field("client_id") == "web" && field("client_secret") == SECRET,
            Proof::Assertion(key) => self.accepts(field("client_assertion"), key),
            Proof::Dpop => match self.proven(header("DPoP"), "POST", request.path(), None) {
                Ok(()) => field("client_id") == "web",
                Err(error) => {
                    let mut answer = HttpResponse::BadRequest();
                    answer.insert_header(("DPoP-Nonce", "nonce-1"));
                    return Some(answer.json(json!({ "error": error })));
                }
            },
        };
        (!is_right).then(|| HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" })))
    }

    /// RFC 7523 §3.
    fn accepts(&self, assertion: &str, key: &[u8]) -> bool {
        let mut validation = Validation::new(Algorithm::ES256);
        validation.set_audience(&[&self.url]);
        validation.set_issuer(&["web"]);
        validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
        let claims = decode::<Value>(assertion, &DecodingKey::from_ec_der(key), &validation);
        claims.is_ok_and(|claims| claims.claims["sub"] == "web" && claims.claims["jti"].is_string())
    }

    /// RFC 9449 §4.3.
    fn proven(&self, proof: &str, method: &str, path: &str, access: Option<&str>) -> Result<(), &'static str> {
        let header = decode_header(proof.as_bytes()).map_err(|_unreadable| "invalid_dpop_proof")?;
        let key = header.jwk.as_ref().ok_or("invalid_dpop_proof")?;
        let mut validation = Validation::new(Algorithm::ES256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let claims = decode::<Value>(proof, &DecodingKey::from_jwk(key).unwrap(), &validation);
        let claims = claims.map_err(|_unreadable| "invalid_dpop_proof")?.claims;
        let is_of_request = claims["htm"] == method && claims["htu"] == format!("{}{path}", self.url);
        let is_of_token = claims["ath"].is_string() == access.is_some();
        if header.typ.as_deref() != Some("dpop+jwt") || !is_of_request || !is_of_token {
            return Err("invalid_dpop_proof");
        }
        if claims["nonce"] == "nonce-1" || access.is_some() { Ok(()) } else { Err("use_dpop_nonce") }
    }
}

async fn description(state: Data<State>) -> HttpResponse {
    if let Some(status) = state.manners.undescribed {
        return HttpResponse::build(status.try_into().unwrap()).finish();
    }
    let url = &state.url;
    let mut description = json!({
        "issuer": url, "token_endpoint": format!("{url}/token/"), "revocation_endpoint": format!("{url}/revoke"),
        "userinfo_endpoint": format!("{url}/me"), "grant_types_supported": ["password", "refresh_token"],
    });
    for (name, value) in state.manners.description.as_object().into_iter().flatten() {
        description[name] = value.clone();
    }
    HttpResponse::Ok().json(description)
}

async fn token(state: Data<State>, request: HttpRequest, form: Form<Fields>) -> HttpResponse {
    if let Some(seconds) = state.manners.closed {
        return HttpResponse::TooManyRequests().insert_header(("Retry-After", seconds.to_string())).finish();
    }
    if let Some(refusal) = state.limit().or_else(|| state.doubt(&request, &form)) {
        return refusal;
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let granted = match field("grant_type") {
        "password" if field("password") == PASSWORD => Some(state.open()),
        "authorization_code" => {
            let challenge = state.book.lock().unwrap().codes.remove(field("code"));
            let verifier = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, field("code_verifier").as_bytes());
            let expected = base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(verifier);
            challenge.filter(|challenge| *challenge == expected).map(|_| state.open())
        }
        "refresh_token" => {
            if let Some((status, body)) = state.manners.broken {
                return HttpResponse::build(status.try_into().unwrap()).content_type(ContentType::html()).body(body);
            }
            state.rotate(field("refresh_token"))
        }
        _other => None,
    };
    match granted {
        Some([refresh, access]) => HttpResponse::Ok()
            .insert_header(("Cache-Control", "no-store"))
            .json(json!({ "refresh_token": refresh, "access_token": access, "token_type": "Bearer" })),
        None => HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })),
    }
}

async fn revoke(state: Data<State>, request: HttpRequest, form: Form<Fields>) -> HttpResponse {
    if let Some(refusal) = state.limit().or_else(|| state.doubt(&request, &form)) {
        return refusal;
    }
    state.end(form.get("token").map(String::as_str).unwrap_or_default());
    HttpResponse::Ok().finish()
}

async fn me(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, access) = header("Authorization").split_once(' ').unwrap_or_default();
    let is_bound = state.manners.proof == Proof::Dpop;
    let is_proven = !is_bound || state.proven(header("DPoP"), "GET", "/me", Some(access)).is_ok();
    if scheme != if is_bound { "DPoP" } else { "Bearer" } || !is_proven || !state.is_live(access) {
        return HttpResponse::Unauthorized().finish();
    }
    HttpResponse::Ok().json(json!({ "sub": "alice" }))
}

/// A page with a form, for a browser that keeps its cookie.
async fn login_page(query: Query<Fields>) -> HttpResponse {
    let challenge = &query["code_challenge"];
    let page = format!("<form><input type='hidden' name='csrf' value='csrf-of-{challenge}'></form>");
    let cookie = Cookie::build("browser", challenge.clone()).path("/").secure(true).finish();
    HttpResponse::Ok().cookie(cookie).content_type(ContentType::html()).body(page)
}

async fn login(state: Data<State>, request: HttpRequest, form: Form<Fields>) -> HttpResponse {
    let Some(browser) = request.cookie("browser") else { return HttpResponse::Forbidden().body("no cookie") };
    if form["csrf"] != format!("csrf-of-{}", browser.value()) || form["password"] != PASSWORD {
        return HttpResponse::Forbidden().body("wrong form or password");
    }
    let mut book = state.book.lock().unwrap();
    let code = format!("code-{}", book.codes.len() + book.sessions.len());
    book.codes.insert(code.clone(), browser.value().to_owned());
    HttpResponse::SeeOther().insert_header(("Location", format!("/callback?code={code}&state=x"))).finish()
}

fn in_cookie([refresh, access]: [String; 2]) -> HttpResponse {
    let cookie = Cookie::build("__Host-rt", refresh).path("/").http_only(true).secure(true).finish();
    HttpResponse::NoContent().cookie(cookie).insert_header(("X-Access", access)).finish()
}

async fn cookie_login(state: Data<State>, form: Form<Fields>) -> HttpResponse {
    if form["password"] == PASSWORD { in_cookie(state.open()) } else { HttpResponse::Unauthorized().finish() }
}

async fn cookie_refresh(state: Data<State>, request: HttpRequest) -> HttpResponse {
    let token = request.cookie("__Host-rt").map(|cookie| cookie.value().to_owned()).unwrap_or_default();
    state.rotate(&token).map_or_else(|| HttpResponse::Unauthorized().finish(), in_cookie)
}
