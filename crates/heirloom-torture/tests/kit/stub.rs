//! A small server with refresh tokens, right in everything, or wrong in one thing. It talks as ours does, and under
//! `/token` as OAuth 2.0 has it.

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    web::{Data, Form, Json, get, post},
};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    mem,
    net::TcpListener,
    path::PathBuf,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// How long sessions live at most, unless a test says otherwise.
const LIFETIME: Duration = Duration::from_hours(1);

/// What it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Nothing; but every seventh refresh meets an outage, and is answered so.
    Outages,
    /// It looks first and writes later.
    NonAtomicRotation,
    /// The answer tells of a reuse, and the session lives on.
    ReuseRolledBack,
    /// Revoked sessions are kept in memory only.
    RevocationLostAtRestart,
    /// Which token is the newest stands in its memory only.
    RotationLostAtRestart,
    /// The token before the newest works for every client that has it.
    GracePeriodForEveryone,
    /// A retry is handed a token of its own.
    ForkOnRetry,
    /// A retry is taken for a replay.
    AlarmOnRetry,
    /// It does not look at the tag.
    AcceptsForgedTag,
    /// A token that was mangled ends the session that it names.
    ForgeryEndsSession,
    /// Every rotation restarts the session's lifetime.
    SlidesAbsoluteLifetime,
    /// An outage looks like a bad token.
    OutageReportedAsReuse,
    /// Access tokens live out their minutes.
    AccessOutlivesSession,
    /// A new session ends the others of the same user.
    SignInEndsOthers,
    /// A sign-out that finds a rotation in its way forgets what it was for.
    SignOutByStaleTokenIgnored,
    /// It does not rotate.
    NoRotation,
}

pub struct Stub {
    pub url: String,
    restart: PathBuf,
    _folder: TempDir,
}

impl Stub {
    pub fn start(fault: Fault) -> Self {
        Self::living(fault, LIFETIME)
    }

    /// One whose sessions live so long at most.
    pub fn living(fault: Fault, lifetime: Duration) -> Self {
        let folder = TempDir::new().unwrap();
        let restart = folder.path().join("restart");
        let server = Data::new(Server { fault, lifetime, restart: restart.clone(), sessions: Mutex::default() });
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
                .route("/token", post().to(token))
                .route("/revoke", post().to(revoke))
        };
        tokio::spawn(HttpServer::new(app).workers(2).disable_signals().listen(listener).unwrap().run());
        Self { url, restart, _folder: folder }
    }

    /// A shell command after which it has been restarted.
    pub fn restart_command(&self) -> String {
        format!("touch {}", self.restart.display())
    }
}

struct Server {
    fault: Fault,
    lifetime: Duration,
    /// When this file appears, the server has been restarted.
    restart: PathBuf,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    all: Vec<Session>,
    refreshes: u64,
    /// Whether it was restarted and nobody has asked since then whether it is ready.
    restarted: bool,
}

struct Session {
    begun: Instant,
    /// A secret for each generation.
    secrets: Vec<u64>,
    /// The key of the last rotation.
    key: Option<String>,
    finished: bool,
}

#[derive(Clone, Copy)]
struct Presented {
    session: usize,
    generation: usize,
    secret: u64,
}

/// Why there is no token.
enum Refused {
    Reused,
    Over,
    Expired,
    Invalid,
    Outage,
}

fn digest(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    ("a secret of this server", what).hash(&mut hasher);
    hasher.finish()
}

impl Server {
    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        let mut sessions = self.sessions.lock().unwrap();
        if std::fs::remove_file(&self.restart).is_ok() {
            sessions.restarted = true;
            for session in &mut sessions.all {
                session.finished &= self.fault != Fault::RevocationLostAtRestart;
                if self.fault == Fault::RotationLostAtRestart {
                    session.secrets.truncate(1);
                }
            }
        }
        sessions
    }

    fn open(&self) -> Value {
        let mut sessions = self.sessions();
        if self.fault == Fault::SignInEndsOthers {
            sessions.all.iter_mut().for_each(|session| session.finished = true);
        }
        let secrets = vec![digest(&("first", sessions.all.len()))];
        sessions.all.push(Session { begun: Instant::now(), secrets, key: None, finished: false });
        self.grant(&sessions, sessions.all.len() - 1)
    }

    /// The answer that hands out a session's newest token.
    fn grant(&self, sessions: &Sessions, number: usize) -> Value {
        let session = &sessions.all[number];
        let generation = session.secrets.len() - 1;
        self.answer(session, Presented { session: number, generation, secret: session.secrets[generation] })
    }

    fn answer(&self, session: &Session, token: Presented) -> Value {
        let Presented { session: number, generation, secret } = token;
        let body = format!("{number}.{generation}.{secret:016x}");
        let tag = digest(&body);
        let age = if self.fault == Fault::SlidesAbsoluteLifetime { 0 } else { session.begun.elapsed().as_secs() };
        json!({
            "access_token": format!("access-{number}"),
            "refresh_token": format!("{body}.{tag:016x}"),
            "refresh_expires_in": self.lifetime.as_secs().saturating_sub(age),
        })
    }

    fn read(&self, token: &str) -> Option<Presented> {
        let (body, tag) = token.rsplit_once('.')?;
        let mut parts = body.split('.');
        let session = parts.next()?.parse::<usize>().ok()?;
        let generation = parts.next()?.parse().ok()?;
        let secret = u64::from_str_radix(parts.next()?, 16).ok()?;
        let genuine = tag == format!("{:016x}", digest(&body)) && parts.next().is_none();
        if !genuine && self.fault == Fault::ForgeryEndsSession {
            self.sessions().all.get_mut(session)?.finished = true;
        }
        (genuine || self.fault == Fault::AcceptsForgedTag).then_some(Presented { session, generation, secret })
    }

    async fn rotate(&self, token: &str, key: Option<&str>) -> Result<Value, Refused> {
        let presented = self.read(token).ok_or(Refused::Invalid)?;
        if self.fault == Fault::NonAtomicRotation {
            self.judge(&mut self.sessions(), presented, key)?;
            tokio::time::sleep(Duration::from_millis(5)).await;
            return Ok(self.advance(&mut self.sessions(), presented, key));
        }
        let mut sessions = self.sessions();
        sessions.refreshes += 1;
        match (self.fault, sessions.refreshes % 7) {
            (Fault::Outages, 0) => return Err(Refused::Outage),
            (Fault::OutageReportedAsReuse, 0) => return Err(Refused::Reused),
            _ => {}
        }
        match self.judge(&mut sessions, presented, key)? {
            Some(again) => Ok(again),
            None => Ok(self.advance(&mut sessions, presented, key)),
        }
    }

    /// None: the token is the newest and is to be replaced. Else the same answer once more.
    fn judge(
        &self,
        sessions: &mut Sessions,
        presented: Presented,
        key: Option<&str>,
    ) -> Result<Option<Value>, Refused> {
        let session = sessions.all.get(presented.session).ok_or(Refused::Invalid)?;
        let newest = session.secrets.len() - 1;
        match session.secrets.get(presented.generation) {
            Some(secret) if *secret == presented.secret => {}
            // Of a rotation that was not the last to be written, or was forgotten.
            _ if matches!(self.fault, Fault::NonAtomicRotation | Fault::RotationLostAtRestart) => {
                return Err(Refused::Over);
            }
            _ => return Err(Refused::Invalid),
        }
        if session.finished {
            return Err(Refused::Over);
        }
        let slides = self.fault == Fault::SlidesAbsoluteLifetime;
        if session.begun.elapsed() > self.lifetime && !slides {
            return Err(Refused::Expired);
        }
        if presented.generation == newest {
            return Ok(None);
        }
        let same_key = key.is_some() && session.key.as_deref() == key && self.fault != Fault::AlarmOnRetry;
        if presented.generation + 1 == newest && (same_key || self.fault == Fault::GracePeriodForEveryone) {
            let secret = digest(&("fork", sessions.refreshes));
            let fork = Presented { session: presented.session, generation: newest, secret };
            let answer = self.grant(sessions, presented.session);
            return Ok(Some(if self.fault == Fault::ForkOnRetry { self.answer(session, fork) } else { answer }));
        }
        sessions.all[presented.session].finished = self.fault != Fault::ReuseRolledBack;
        Err(Refused::Reused)
    }

    fn advance(&self, sessions: &mut Sessions, presented: Presented, key: Option<&str>) -> Value {
        if self.fault != Fault::NoRotation {
            let rng = digest(&(Instant::now(), presented.secret));
            let session = &mut sessions.all[presented.session];
            session.secrets.truncate(presented.generation + 1);
            session.secrets.push(rng);
            session.key = key.map(str::to_owned);
        }
        self.grant(sessions, presented.session)
    }

    fn end(&self, token: &str) {
        let Some(presented) = self.read(token) else { return };
        let mut sessions = self.sessions();
        let Some(session) = sessions.all.get_mut(presented.session) else { return };
        let stale = presented.generation + 1 < session.secrets.len();
        session.finished |= !(stale && self.fault == Fault::SignOutByStaleTokenIgnored);
    }
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap_or_default()
}

async fn ready(server: Data<Server>) -> HttpResponse {
    // As of a server that has just been started: at the first look it does not serve yet.
    let restarted = mem::take(&mut server.sessions().restarted);
    if restarted { HttpResponse::ServiceUnavailable().finish() } else { HttpResponse::Ok().finish() }
}

async fn login(server: Data<Server>, body: Json<Value>) -> HttpResponse {
    if text(&body, "password") != super::kit::PASSWORD {
        return HttpResponse::Unauthorized().json(json!({ "code": "invalid_credentials" }));
    }
    HttpResponse::Ok().json(server.open())
}

async fn refresh(server: Data<Server>, request: HttpRequest, body: Json<Value>) -> HttpResponse {
    let key = request.headers().get("Idempotency-Key").and_then(|key| key.to_str().ok());
    let (mut answer, code) = match server.rotate(text(&body, "refresh_token"), key).await {
        Ok(grant) => return HttpResponse::Ok().json(grant),
        Err(Refused::Reused) => (HttpResponse::Unauthorized(), "refresh_token_reused"),
        Err(Refused::Over) => (HttpResponse::Unauthorized(), "session_revoked"),
        Err(Refused::Expired) => (HttpResponse::Unauthorized(), "session_expired"),
        Err(Refused::Invalid) => (HttpResponse::Unauthorized(), "refresh_token_invalid"),
        Err(Refused::Outage) => (HttpResponse::ServiceUnavailable(), "temporarily_unavailable"),
    };
    answer.json(json!({ "code": code }))
}

async fn logout(server: Data<Server>, body: Json<Value>) -> HttpResponse {
    server.end(text(&body, "refresh_token"));
    HttpResponse::NoContent().finish()
}

async fn check(server: Data<Server>, request: HttpRequest) -> HttpResponse {
    let bearer = request.headers().get("Authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let number = bearer.strip_prefix("Bearer access-").and_then(|number| number.parse::<usize>().ok()).unwrap();
    if server.sessions().all[number].finished && server.fault != Fault::AccessOutlivesSession {
        return HttpResponse::Unauthorized().json(json!({ "code": "session_revoked" }));
    }
    HttpResponse::NoContent().finish()
}

/// RFC 6749 §4.3 and §6.
async fn token(server: Data<Server>, form: Form<HashMap<String, String>>) -> HttpResponse {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    assert_eq!(field("client_id"), "web");
    let granted = match field("grant_type") {
        "password" if field("password") == super::kit::PASSWORD => Some(server.open()),
        "refresh_token" => server.rotate(field("refresh_token"), None).await.ok(),
        _ => None,
    };
    match granted {
        Some(grant) => HttpResponse::Ok().json(grant),
        None => HttpResponse::BadRequest().json(json!({ "error": "invalid_grant" })),
    }
}

/// RFC 7009 §2.
async fn revoke(server: Data<Server>, form: Form<HashMap<String, String>>) -> HttpResponse {
    server.end(form.get("token").map(String::as_str).unwrap_or_default());
    HttpResponse::Ok().finish()
}
