use super::{Endpoint, Problem, paths};
use crate::kernel::World;
use actix_web::{
    HttpResponse,
    web::{Data, ServiceConfig},
};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether this instance wants requests. It stops wanting them before it stops.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// From now on the instance is about to end: load balancers should go elsewhere.
    pub fn begin_draining(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// `/healthz` and `/readyz`.
pub fn routes(config: &mut ServiceConfig) {
    Endpoint::at(paths::HEALTH).get(alive).mount(config);
    Endpoint::at(paths::READY).get(ready).mount(config);
}

/// Alive: the process answers. Asks nobody else, so that an outage of the database restarts no instance.
async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Ready: the database answers and has our migrations.
async fn ready(world: Data<World>, readiness: Data<Readiness>) -> Result<HttpResponse, Problem> {
    if readiness.is_draining() {
        return Err(Problem::unavailable("This instance is about to stop."));
    }
    if !world.db.is_current().await? {
        return Err(Problem::unavailable("Migrations are missing: run `heirloom migrate`."));
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
