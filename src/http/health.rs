use super::{Endpoint, FieldError, Problem, kind, paths};
use crate::{kernel::Duration, postgres::DatabaseError, world::World};
use actix_web::{
    HttpRequest, HttpResponse,
    http::header,
    web::{Data, ServiceConfig},
};
use serde::Serialize;
use serde_json::json;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::Mutex;
use utoipa::{OpenApi, ToSchema};

/// Whether this instance wants requests. It stops wanting them before it stops.
#[derive(Clone)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    hears_revocations: Arc<dyn Fn() -> bool + Send + Sync>,
    /// What the database answered last, and when, in uptime.
    last: Arc<Mutex<Option<(Duration, Dependencies)>>>,
}

/// How long an answer of the database is reused: anonymous clients may ask as often as they
/// like, and the database is asked once a second.
const REMEMBERED: Duration = Duration::from_secs(1);

impl Readiness {
    /// Wants requests; the function tells whether the revocation feed is heard at this moment.
    pub fn new(hears_revocations: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self { draining: Arc::default(), hears_revocations: Arc::new(hears_revocations), last: Arc::default() }
    }

    /// The instance is shutting down: load balancers should use another.
    pub fn begin_draining(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// What this instance depends on, at most a second ago. Of several who ask at once, one asks the database.
    async fn dependencies(&self, world: &World) -> Dependencies {
        let mut last = self.last.lock().await;
        let now = world.clock.uptime();
        if let Some((at, found)) = *last
            && now.saturating_sub(at) < REMEMBERED
        {
            return found;
        }
        let found = Dependencies::found(world.db.is_current().await, (self.hears_revocations)());
        *last = Some((world.clock.uptime(), found));
        found
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readiness").field("draining", &self.is_draining()).finish_non_exhaustive()
    }
}

/// What an instance depends on, each `ok` or what is wrong with it.
#[derive(Debug, Clone, Copy, Serialize)]
struct Dependencies {
    database: &'static str,
    migrations: &'static str,
    /// Without it nothing fails: the database is asked about every access token.
    revocation_feed: &'static str,
}

const OK: &str = "ok";

/// `/healthz` and `/readyz`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::HEALTH).unlimited().get(alive).mount(config);
    Endpoint::at(paths::READY).unlimited().get(ready).mount(config);
}

/// The answer to a health check.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer")]
struct Health {
    /// `ok`
    #[schema(example = "ok")]
    status: String,
}

/// The answer to a load balancer.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes an answer")]
struct Ready {
    /// `ready`
    #[schema(example = "ready")]
    status: String,
    /// The instance's dependencies, each `ok` or its fault. Shown only to requests from the same machine.
    #[schema(value_type = Option<Object>, example = json!({ "database": "ok", "migrations": "ok", "revocation_feed": "ok" }))]
    dependencies: Option<serde_json::Value>,
}

/// What the endpoints for health checks take and answer.
#[derive(OpenApi)]
#[openapi(paths(alive, ready))]
struct Described;

/// The description of the endpoints for health checks.
#[must_use]
pub fn described() -> utoipa::openapi::OpenApi {
    Described::openapi()
}

/// Alive: the process answers. Checks nothing else, so that a database outage does not restart instances.
#[utoipa::path(
    get,
    path = paths::HEALTH,
    tag = "service",
    operation_id = "healthz",
    summary = "Is the process alive?",
    description = "Checks nothing outside the process, so that a database outage does not restart instances.",
    responses((status = 200, body = Health, description = "It is alive")),
    extensions(("x-unlimited" = json!(true))),
)]
async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Ready: the database answers and has all migrations. Only requests from this machine learn which of them failed.
#[utoipa::path(
    get,
    path = paths::READY,
    tag = "service",
    operation_id = "readyz",
    summary = "Is the instance ready to serve?",
    description = "The database answers and has all migrations, and the instance is not shutting down.",
    responses((status = 200, body = Ready, description = "It is ready")),
    extensions(
        ("x-problems" = json!([kind::TEMPORARILY_UNAVAILABLE.code])),
        ("x-unlimited" = json!(true)),
    ),
)]
async fn ready(request: HttpRequest, world: Data<World>, readiness: Data<Readiness>) -> Result<HttpResponse, Problem> {
    if readiness.is_draining() {
        return Err(Problem::unavailable("This instance is shutting down."));
    }
    let dependencies = readiness.dependencies(&world).await;
    let is_ready = dependencies.database == OK && dependencies.migrations == OK;
    match (is_ready, is_from_this_machine(&request)) {
        (true, true) => Ok(HttpResponse::Ok().json(json!({ "status": "ready", "dependencies": dependencies }))),
        (true, false) => Ok(HttpResponse::Ok().json(json!({ "status": "ready" }))),
        (false, true) => Err(dependencies.problem()),
        (false, false) => Err(Problem::unavailable("This instance is not ready.")),
    }
}

impl Dependencies {
    fn found(is_current: Result<bool, DatabaseError>, hears_revocations: bool) -> Self {
        let (database, migrations) = match is_current {
            Ok(true) => (OK, OK),
            Ok(false) => (OK, "missing: run `heirloom migrate`"),
            Err(error) => {
                tracing::warn!(error = error.chain(), "database.unavailable");
                ("does not answer: the log gives the reason", "unknown")
            }
        };
        let revocation_feed =
            if hears_revocations { OK } else { "disconnected: access tokens are checked against the database" };
        Self { database, migrations, revocation_feed }
    }

    /// As a problem whose errors are what is wrong.
    fn problem(&self) -> Problem {
        let all =
            [("database", self.database), ("migrations", self.migrations), ("revocation_feed", self.revocation_feed)];
        let failing = all.iter().filter(|(_, state)| *state != OK);
        let error = |(name, state): &(&str, &str)| FieldError::new(name, "failing", *state);
        let errors = failing.map(error).collect();
        Problem { errors, ..Problem::unavailable("This instance is not ready: see `errors`.") }
    }
}

/// Whether a program on this machine asks for itself. A local proxy asks for remote clients and sends headers about
/// them.
fn is_from_this_machine(request: &HttpRequest) -> bool {
    let is_near = request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback());
    let forwarding = [header::FORWARDED, header::X_FORWARDED_FOR, header::X_FORWARDED_HOST, header::VIA];
    is_near && !forwarding.iter().any(|name| request.headers().contains_key(name))
}
