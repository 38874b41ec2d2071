//! A small server with refresh tokens, right in everything, or wrong in one thing. It talks as ours does, and under
//! `/token` as OAuth 2.0 has it.

mod fault;
mod server;

pub use fault::Fault;

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    web::{Data, Form, Json, get, post},
};
use serde_json::{Value, json};
use server::{Asked, Refused, Server};
use std::{collections::HashMap, net::TcpListener, path::PathBuf, sync::Mutex, time::Duration};
use tempfile::TempDir;

/// How long sessions live at most, unless a test says otherwise.
const LIFETIME: Duration = Duration::from_hours(1);

/// The kind of server: each is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Random tokens, each good for one refresh.
    Strict,
    /// The same, but redemptions that race are given the same successor.
    Shared,
    /// The same, numbered one after the other.
    Counter,
    /// Tokens are JWTs.
    Jwt,
    /// A token is accepted again for so long, unless its successor was used: for the same successor, or for another one
    /// that takes its place.
    Leeway { seconds: u64, same: bool },
    /// The same, for the same successor; and a request that meets another one with the same token is refused, which changes
    /// nothing.
    LeewayBesideNone { seconds: u64 },
    /// Access tokens live until they expire.
    Stateless,
    /// Access tokens live on for a moment.
    Delayed,
    /// Old tokens stay valid: each can be redeemed again, and so can what it brings.
    StaysValid,
    /// A refresh returns the token that was presented.
    NoRotation,
    /// The same: its answer has no refresh token (RFC 6749 §6).
    NoTokenInAnswer,
    /// Tokens count seconds, and nothing else tells one from the next.
    JwtPerSecond,
    /// A refresh within a minute of the last rotation returns the token that was presented.
    RotatesOncePerMinute,
    /// A sign-in returns the session that the user has, if there is one.
    OneSessionPerUser,
    /// Refreshes that race meet an outage.
    AwayInRaces,
    /// `no-store` stands in a line of its own.
    TwoLines,
    /// Stale tokens, and those of a revoked session, are refused with the status 200.
    RefusesIn200,
}

pub struct Stub {
    pub url: String,
    restart: PathBuf,
    _folder: TempDir,
}

impl Stub {
    pub fn start(fault: Fault) -> Self {
        Self::living(fault, Kind::Strict, LIFETIME, LIFETIME)
    }

    /// One of this kind.
    pub fn of(kind: Kind) -> Self {
        Self::living(Fault::None, kind, LIFETIME, LIFETIME)
    }

    /// One whose sessions live so long at most, and so long when they are not used.
    pub fn living(fault: Fault, kind: Kind, lifetime: Duration, idle: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let restart = folder.path().join("restart");
        let server = Server { fault, kind, lifetime, idle, restart: restart.clone(), all: Mutex::default() };
        let server = Data::new(server);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = move || {
            App::new()
                .app_data(server.clone())
                .route("/api/v1/auth/login", post().to(login))
                .route("/api/v1/auth/refresh", post().to(refresh))
                .route("/api/v1/auth/logout", post().to(logout))
                .route("/api/v1/auth/check", get().to(check))
                .route("/readyz", get().to(ready))
                .route("/token", get().to(ready))
                .route("/token", post().to(token))
                .route("/revoke", post().to(revoke))
                .route("/userinfo", get().to(check))
        };
        tokio::spawn(HttpServer::new(app).workers(1).disable_signals().listen(listener).unwrap().run());
        Self { url, restart, _folder: folder }
    }

    /// A shell command after which it has been restarted.
    pub fn restart_command(&self) -> String {
        format!("touch {}", self.restart.display())
    }
}

impl Server {
    /// The answer of a server that no longer does what it is asked.
    fn turns_away(&self) -> Option<HttpResponse> {
        let (is_turned_away, status) = match self.fault {
            Fault::TurnsAway { after, status } => (self.count_request() > after, status),
            Fault::TurnsAwayInsteadOfRestart { status } => (self.should_have_restarted(), status),
            _ => return None,
        };
        let mut answer = HttpResponse::build(status.try_into().unwrap());
        is_turned_away.then(|| answer.json(json!({ "error": "forbidden", "code": "forbidden" })))
    }
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_default()
}

fn races(request: &HttpRequest) -> bool {
    request.headers().get("Connection").is_some_and(|value| value == "close")
}

fn away() -> HttpResponse {
    HttpResponse::ServiceUnavailable().json(json!({ "code": "temporarily_unavailable" }))
}

fn granted(server: &Server, grant: &Value) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    match server.fault {
        Fault::NoCacheControl => {}
        _ if server.kind == Kind::TwoLines => {
            answer.insert_header(("Cache-Control", "private")).append_header(("Cache-Control", "No-Store"));
        }
        Fault::WeakCacheControl => drop(answer.insert_header(("Cache-Control", "no-cache, max-age=0"))),
        _ => drop(answer.insert_header(("Cache-Control", "private, no-store"))),
    }
    answer.json(grant)
}

async fn ready(server: Data<Server>) -> HttpResponse {
    if server.is_ready() { HttpResponse::Ok().finish() } else { away() }
}

async fn login(server: Data<Server>, body: Json<Value>) -> HttpResponse {
    if text(&body, "password") != super::kit::PASSWORD {
        return HttpResponse::Unauthorized().json(json!({ "code": "invalid_credentials" }));
    }
    granted(&server, &server.open())
}

async fn refresh(server: Data<Server>, request: HttpRequest, body: Json<Value>) -> HttpResponse {
    if !server.serves() {
        return away();
    }
    if let Some(refusal) = server.turns_away() {
        return refusal;
    }
    let key = request.headers().get("Idempotency-Key").and_then(|key| key.to_str().ok());
    let token = text(&body, "refresh_token");
    let racing = server.meet(token, races(&request)).await;
    let scope = body["scope"].as_str();
    let (mut answer, code) = match server.redeem(Asked { token, key, scope, racing, ..Asked::default() }) {
        Ok(grant) => return granted(&server, &grant),
        Err(Refused::Reused) => (HttpResponse::Unauthorized(), "refresh_token_reused"),
        Err(Refused::Ended) => (HttpResponse::Unauthorized(), "session_revoked"),
        Err(Refused::Invalid | Refused::Scope) => (HttpResponse::Unauthorized(), "refresh_token_invalid"),
        Err(Refused::Outage) => return away(),
    };
    answer.json(json!({ "code": code }))
}

async fn logout(server: Data<Server>, request: HttpRequest, body: Json<Value>) -> HttpResponse {
    if let Some(refusal) = server.turns_away() {
        return refusal;
    }
    let token = text(&body, "refresh_token");
    let racing = server.meet(token, races(&request)).await;
    server.overtaken(token, racing).await;
    server.end(token, racing);
    HttpResponse::NoContent().finish()
}

async fn check(server: Data<Server>, request: HttpRequest) -> HttpResponse {
    let bearer = request.headers().get("Authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if server.admits(bearer.strip_prefix("Bearer ").unwrap_or_default()) {
        return if request.path() == "/userinfo" {
            HttpResponse::Ok().finish()
        } else {
            HttpResponse::NoContent().finish()
        };
    }
    HttpResponse::Unauthorized().json(json!({ "code": "session_revoked" }))
}

/// RFC 6749 §4.3 and §6.
async fn token(server: Data<Server>, request: HttpRequest, form: Form<HashMap<String, String>>) -> HttpResponse {
    if !server.serves() {
        return away();
    }
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let refuse = |code: &str| HttpResponse::BadRequest().json(json!({ "error": code }));
    if !["web", "other"].contains(&field("client_id")) {
        return HttpResponse::Unauthorized().json(json!({ "error": "invalid_client" }));
    }
    let redeemed = match field("grant_type") {
        "password" if field("password") == super::kit::PASSWORD => Ok(server.open()),
        "refresh_token" => {
            if let Some(refusal) = server.turns_away() {
                return refusal;
            }
            if server.kind == Kind::AwayInRaces && races(&request) {
                return away();
            }
            let token = field("refresh_token");
            let racing = server.meet(token, races(&request)).await;
            let (scope, other_client) = (form.get("scope").map(String::as_str), field("client_id") == "other");
            let redeemed = server.redeem(Asked { token, scope, other_client, racing, key: None });
            server.linger().await;
            redeemed
        }
        _ => Err(Refused::Invalid),
    };
    match redeemed {
        Ok(grant) => granted(&server, &grant),
        Err(Refused::Outage) => away(),
        Err(Refused::Scope) => refuse("invalid_scope"),
        Err(Refused::Reused | Refused::Ended) if server.kind == Kind::RefusesIn200 => {
            HttpResponse::Ok().json(json!({ "error": "invalid_grant" }))
        }
        Err(_) if server.fault == Fault::RefusesWith403 => {
            HttpResponse::Forbidden().json(json!({ "error": "invalid_grant" }))
        }
        Err(_) => refuse("invalid_grant"),
    }
}

/// RFC 7009 §2.
async fn revoke(server: Data<Server>, request: HttpRequest, form: Form<HashMap<String, String>>) -> HttpResponse {
    if let Some(refusal) = server.turns_away() {
        return refusal;
    }
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let racing = server.meet(token, races(&request)).await;
    server.overtaken(token, racing).await;
    server.end(token, racing);
    HttpResponse::Ok().finish()
}
