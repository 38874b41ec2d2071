//! A real server on a real Postgres, asked over real HTTP.

use super::{Answer, TestDatabase, Tokens, logs};
use base64::{Engine, engine::general_purpose::STANDARD};
use heirloom::{
    app::{Application, Migrations},
    config::{Config, DatabaseUrl, Source},
    factors::Factors,
    keys::Keys,
    postgres::Connector,
    sessions::Sessions,
    world::World,
};
use reqwest::{Client, Method, RequestBuilder};
use serde::Serialize;
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, ConnectOptions, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};
use tempfile::TempDir;
use tokio::{
    sync::{Semaphore, SemaphorePermit, oneshot},
    task::JoinHandle,
};
use uuid::Uuid;

/// What clients of a [`TestApp`] call it, unless a test says otherwise: its issuer and its own origin.
pub const PUBLIC_URL: &str = "http://heirloom.test";
/// The master key of every [`TestApp`], unless a test says otherwise.
pub const MASTER_KEY: [u8; 32] = *b"the master key of the test suite";

const STEP_UP: &str = "/api/v1/auth/step-up";

/// How often a request is sent, or a server started, at most, while the database of a busy machine has no time for it.
const SENDINGS: u32 = 5;

/// Servers that run at once; each has a handful of connections. A test takes room once: a second server of its own is
/// [`TestApp::another`] or a [`TestApp::stranger`].
static ROOM: Semaphore = Semaphore::const_new(12);

/// A server, and everything that is known of it.
pub struct TestApp {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its clock, its options and its rng.
    pub world: World,
    /// Its rooms, for what only the command line does.
    pub sessions: Sessions,
    /// Second factors.
    pub factors: Factors,
    /// Its data directory: emails are written there if no mail server is named.
    pub data: TempDir,
    keys: Keys,
    connector: Connector,
    metrics: Option<SocketAddr>,
    database: Arc<TestDatabase>,
    pool: PgPool,
    client: Client,
    /// Whether what the database had no time for is sent again.
    resends: bool,
    stop: Option<oneshot::Sender<()>>,
    server: Option<JoinHandle<()>>,
    _room: Option<SemaphorePermit<'static>>,
}

impl TestApp {
    /// A server with the options that all tests share, on a database of its own.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// A server with these options.
    pub async fn with(options: &[(&str, &str)]) -> Self {
        let room = ROOM.acquire().await.expect("the semaphore is never closed");
        let database = Arc::new(TestDatabase::create().await);
        let way = database.options();
        Self::on(database, way, options, Some(room)).await
    }

    /// Another server on the same database: what runs beside this one in production.
    pub async fn another(&self, options: &[(&str, &str)]) -> Self {
        Self::on(Arc::clone(&self.database), self.database.options(), options, None).await
    }

    /// A server that has nothing in common with this one.
    pub async fn stranger(&self, options: &[(&str, &str)]) -> Self {
        let database = Arc::new(TestDatabase::create().await);
        let way = database.options();
        Self::on(database, way, options, None).await
    }

    /// A server that reaches its database on another way.
    pub async fn by_way_of(database: Arc<TestDatabase>, way: PgConnectOptions, options: &[(&str, &str)]) -> Self {
        let room = ROOM.acquire().await.expect("the semaphore is never closed");
        Self::on(database, way, options, Some(room)).await.with_outages()
    }

    /// For tests that plan an outage: a request is sent once, whatever its answer. Otherwise it is sent again, as every
    /// client does (S-5), where the database of a busy machine had no time for it.
    pub fn with_outages(mut self) -> Self {
        self.resends = false;
        self
    }

    async fn on(
        database: Arc<TestDatabase>,
        way: PgConnectOptions,
        options: &[(&str, &str)],
        room: Option<SemaphorePermit<'static>>,
    ) -> Self {
        logs::start();
        let data = TempDir::new().expect("a folder");
        let (application, address) = build(way, data.path(), options).await;
        let (house, metrics) = (application.house(), application.metrics_address());
        let (world, sessions, connector) = (house.world.clone(), house.sessions.clone(), house.connector.clone());
        let (keys, factors) = (house.keys.clone(), house.factors.clone());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let served = application.run_until_stopped(async move { drop(stopped.await) }).await;
            served.expect("the server ends well");
        });
        Self {
            address,
            world,
            sessions,
            factors,
            data,
            keys,
            connector,
            metrics,
            pool: PgPoolOptions::new().max_connections(2).connect_lazy_with(database.options()),
            database,
            client: Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client"),
            resends: true,
            stop: Some(stop),
            server: Some(server),
            _room: room,
        }
    }

    /// Stops the server as SIGTERM would, and waits for its end.
    pub async fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(server) = self.server.take() {
            server.await.expect("the server ends well");
        }
    }

    /// As `heirloom sweep` does.
    pub async fn sweep(&self) {
        self.sessions.sweep(&self.connector).await.expect("a sweep");
    }

    /// As `heirloom keys rotate` does.
    pub async fn rotate_keys(&self) {
        self.keys.rotate(heirloom::kernel::Operator::at_the_command_line()).await.expect("a new key");
    }

    /// The database behind the server.
    pub fn db(&self) -> &PgPool {
        &self.pool
    }

    /// How a role connects to that database, which is created without any privilege but these; `{}` is its name.
    pub async fn role_options(&self, kind: &str, grants: &str) -> PgConnectOptions {
        let role = format!("{kind}_{}", self.database.name());
        let sql = format!("CREATE ROLE {role} LOGIN; {}", grants.replace("{}", &role));
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(self.db()).await.expect("a role");
        self.database.options().username(&role).application_name("stranger")
    }

    /// A connection of such a role.
    pub async fn role(&self, kind: &str, grants: &str) -> PgConnection {
        self.role_options(kind, grants).await.connect().await.expect("it may connect")
    }

    /// The name of that database.
    pub fn database_name(&self) -> &str {
        self.database.name()
    }

    /// Changes a session's row behind the server's back; `change` is what follows `SET`.
    pub async fn alter_session(&self, session: &str, change: &str) {
        let sql = AssertSqlSafe(format!("UPDATE sessions SET {change} WHERE id = $1"));
        let id = Uuid::parse_str(session).expect("an id");
        let altered = sqlx::query(sql).bind(id).execute(self.db()).await.expect("SQL");
        assert_eq!(altered.rows_affected(), 1);
    }

    /// As if the user had signed in longer ago than a session stays fresh (S-83).
    pub async fn grow_old(&self, session: &str) {
        self.alter_session(session, "created_at = created_at - interval '11 minutes', authenticated_at = NULL").await;
    }

    /// Everything that a session's row holds, and the transaction that wrote it (`xmin`).
    pub async fn session_row(&self, session: &str) -> Value {
        let sql = "SELECT to_jsonb(s) || jsonb_build_object('xmin', s.xmin::text) FROM sessions AS s WHERE id = $1";
        let id = Uuid::parse_str(session).expect("an id");
        sqlx::query_scalar(sql).bind(id).fetch_one(self.db()).await.expect("a row")
    }

    /// What every table holds, and which transactions wrote it. Of the audit log only what was recorded: events get
    /// their places in the chain a little later. Of emails only what was enqueued: they are sent a little later.
    pub async fn all_rows(&self) -> Vec<String> {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
                .fetch_all(self.db())
                .await
                .expect("tables");
        let mut rows = Vec::new();
        for table in tables.into_iter().filter(|table| table != "audit_chain_head") {
            let row = if table.starts_with("audit_events") {
                "(to_jsonb(t) - '{seq,hash}'::text[])::text"
            } else if table == "outbox" {
                "(to_jsonb(t) - '{attempts,due_at,sent_at,abandoned_at}'::text[])::text"
            } else {
                "t.xmin::text || ' ' || row_to_json(t)::text"
            };
            let sql = format!("SELECT {row} FROM \"{table}\" AS t ORDER BY 1");
            let found = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql)).fetch_all(self.db()).await.expect("rows");
            rows.extend(found.into_iter().map(|row| format!("{table} {row}")));
        }
        rows
    }

    /// A number that SQL counts.
    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.db()).await.expect("a number")
    }

    /// How many events of a kind there are.
    pub async fn events(&self, kind: &str) -> i64 {
        let sql = "SELECT count(*) FROM audit_events WHERE kind = $1";
        sqlx::query_scalar(sql).bind(kind).fetch_one(self.db()).await.expect("a number")
    }

    /// A request, not yet sent.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let method = Method::try_from(method).expect("a method");
        let to = format!("{method} {path}");
        let builder = self.client.request(method, format!("http://{}{path}", self.address));
        Request { to, builder, sendings: if self.resends { SENDINGS } else { 1 } }
    }

    /// GET, from nobody in particular.
    pub async fn get(&self, path: &str) -> Answer {
        self.request("GET", path).send().await
    }

    /// What the metrics say, of a server whose `HEIRLOOM_METRICS_BIND` is set.
    pub async fn metrics(&self) -> String {
        let address = self.metrics.expect("HEIRLOOM_METRICS_BIND is set");
        let answer = self.client.get(format!("http://{address}/metrics")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.text().await.expect("a text")
    }

    /// The status of a path on the port of the metrics.
    pub async fn status_beside_metrics(&self, path: &str) -> u16 {
        let address = self.metrics.expect("HEIRLOOM_METRICS_BIND is set");
        self.client.get(format!("http://{address}{path}")).send().await.expect("an answer").status().as_u16()
    }

    /// POST of JSON, from nobody in particular.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.request("POST", path).json(body).send().await
    }

    /// Registers a user, once.
    pub async fn register(&self, name: &str) {
        if self.database.is_new(name) {
            let body = json!({ "email": email(name), "password": password(name), "name": name });
            let answer = self.post("/api/v1/auth/register", &body).await;
            // Sent again: the first one was written after all.
            assert!(matches!(answer.status, 201 | 409), "{answer:?}");
        }
    }

    /// Tries to sign in with the right password.
    pub async fn try_sign_in(&self, name: &str) -> Answer {
        self.post("/api/v1/auth/login", &credentials(name)).await
    }

    /// Signs a user in, and registers them first if necessary: one session more, whose token travels in the body.
    pub async fn sign_in(&self, name: &str) -> Tokens {
        self.register(name).await;
        self.try_sign_in(name).await.expect_tokens()
    }

    /// Redeems a refresh token.
    pub async fn refresh(&self, refresh_token: &str) -> Answer {
        self.post("/api/v1/auth/refresh", &json!({ "refresh_token": refresh_token })).await
    }

    /// Redeems a refresh token with an `Idempotency-Key`.
    pub async fn refresh_with(&self, refresh_token: &str, key: &str) -> Answer {
        let request = self.request("POST", "/api/v1/auth/refresh").header("Idempotency-Key", key);
        request.json(&json!({ "refresh_token": refresh_token })).send().await
    }

    /// Confirms the password in a session.
    pub async fn step_up(&self, refresh_token: &str, password: &str) -> Answer {
        self.post(STEP_UP, &json!({ "refresh_token": refresh_token, "password": password })).await
    }

    /// Confirms the password in a session, with an idempotency key.
    pub async fn step_up_with(&self, refresh_token: &str, password: &str, key: &str) -> Answer {
        let request = self.request("POST", STEP_UP).header("Idempotency-Key", key);
        request.json(&json!({ "refresh_token": refresh_token, "password": password })).send().await
    }

    /// How many sessions are live.
    pub async fn live_sessions(&self) -> i64 {
        self.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await
    }

    /// Asks for what needs a fresh session, in a way that is refused afterwards.
    pub async fn ask_fresh(&self, access_token: &str) -> Answer {
        let body = serde_json::json!({ "email": "not.mine@example.com" });
        self.request("DELETE", "/api/v1/me").bearer(access_token).json(&body).send().await
    }

    /// Signs out.
    pub async fn sign_out(&self, refresh_token: &str) -> Answer {
        self.post("/api/v1/auth/logout", &json!({ "refresh_token": refresh_token })).await
    }

    /// Asks who the bearer is.
    pub async fn me(&self, access_token: &str) -> Answer {
        self.request("GET", "/api/v1/me").bearer(access_token).send().await
    }

    /// What a reverse proxy asks: is this token good?
    pub async fn check(&self, access_token: &str) -> Answer {
        self.request("GET", "/api/v1/auth/check").bearer(access_token).send().await
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// A server that is ready to run, and where it listens. It is started again where the database of a busy machine had no time.
async fn build(way: PgConnectOptions, data: &Path, options: &[(&str, &str)]) -> (Application, SocketAddr) {
    let mut starts_left = SENDINGS;
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let config = config(way.clone(), data, options);
        match Box::pin(Application::build(config, listener, Migrations::Apply)).await {
            Ok(application) => return (application, address),
            Err(error) if starts_left == 1 => panic!("the server starts: {error:?}"),
            Err(_) => starts_left -= 1,
        }
    }
}

/// The options of a test's server; those of the test go before those that all tests share.
fn config(way: PgConnectOptions, data: &Path, options: &[(&str, &str)]) -> Config {
    let master_key = STANDARD.encode(MASTER_KEY);
    let data = data.to_str().expect("a path in UTF-8");
    let shared = [
        ("DATABASE_URL", "postgres://replaced-below"),
        ("HEIRLOOM_MASTER_KEY", &master_key),
        ("HEIRLOOM_PUBLIC_URL", PUBLIC_URL),
        ("HEIRLOOM_INSECURE_FOR_TESTS", "true"),
        ("HEIRLOOM_BCRYPT_COST", "4"),
        ("HEIRLOOM_DB_MAX_CONNECTIONS", "8"),
        ("HEIRLOOM_RATE_LIMIT", "off"),
        ("HEIRLOOM_METRICS_BIND", ""),
        // Most tests with a mail server are about other emails.
        ("HEIRLOOM_EMAIL_VERIFICATION", "off"),
        ("HEIRLOOM_DATA_DIR", data),
    ];
    let mut config = Config::from_source(Source::from_pairs(shared.iter().chain(options).copied())).expect("options");
    config.database.url = Some(DatabaseUrl::from(way));
    config
}

/// A user's address.
pub fn email(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") }
}

/// A user's password.
pub fn password(name: &str) -> String {
    format!("{name} rides a purple unicorn")
}

/// A user's credentials.
pub fn credentials(name: &str) -> Value {
    json!({ "email": email(name), "password": password(name) })
}

/// A request, not yet sent.
pub struct Request {
    to: String,
    builder: RequestBuilder,
    /// How often it is sent at most.
    sendings: u32,
}

impl Request {
    /// Adds a header; a second of the same name stands beside the first.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    /// Adds several headers.
    pub fn headers(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name, value))
    }

    /// Bears an access token.
    pub fn bearer(self, access_token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {access_token}"))
    }

    /// Has a JSON body.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.builder = self.builder.json(body);
        self
    }

    /// Has a form as its body.
    pub fn form(mut self, body: &[(&str, &str)]) -> Self {
        self.builder = self.builder.form(body);
        self
    }

    /// Has any body of any type.
    pub fn body(mut self, content_type: &str, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.header("Content-Type", content_type).body(body);
        self
    }

    /// Has a body without a content type.
    pub fn untyped_body(mut self, body: impl Into<reqwest::Body>) -> Self {
        self.builder = self.builder.body(body);
        self
    }

    /// Sends it; the answer is as it came, which may be no text.
    pub async fn send_raw(self) -> reqwest::Response {
        self.builder.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", self.to))
    }

    /// Sends it and reads the whole answer: once more if that is an outage of the database, which a busy machine can cause.
    pub async fn send(mut self) -> Answer {
        while let Some(request) = self.next_sending() {
            let answer = request.send_once().await;
            if !answer.is_outage_of_the_database() {
                return answer;
            }
        }
        self.send_once().await
    }

    /// A copy to be sent, where the request may be sent again after it.
    fn next_sending(&mut self) -> Option<Self> {
        self.sendings = self.sendings.checked_sub(1).filter(|left| *left > 0)?;
        Some(Self { to: self.to.clone(), builder: self.builder.try_clone()?, sendings: 1 })
    }

    async fn send_once(self) -> Answer {
        let response = self.builder.send().await.unwrap_or_else(|error| panic!("{}: {error:?}", self.to));
        Answer::read(self.to, response).await
    }
}
