use super::Operation;
use crate::http::{kind, paths};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// The answer to a health check.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`
    #[schema(example = "ok")]
    status: String,
}

/// The answer to a load balancer.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// `ready`
    #[schema(example = "ready")]
    status: String,
    /// The instance's dependencies, each `ok` or its fault. Shown only to requests from the same machine.
    #[schema(value_type = Option<Object>, example = json!({ "database": "ok", "migrations": "ok", "revocation_feed": "ok" }))]
    dependencies: Option<serde_json::Value>,
}

/// The operations that belong to no room.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let described = "OpenAPI 3.1, as JSON";
    vec![
        Operation::new("get", paths::HEALTH, ("service", "healthz"), "Is the process alive?")
            .about("Checks nothing outside the process, so that a database outage does not restart instances.")
            .answers::<Health>(200, "It is")
            .unlimited(),
        Operation::new("get", paths::READY, ("service", "readyz"), "Is the instance ready to serve?")
            .about("The database answers and has all migrations, and the instance is not shutting down.")
            .answers::<Ready>(200, "It is")
            .may_be(&[kind::TEMPORARILY_UNAVAILABLE])
            .unlimited(),
        Operation::new("get", paths::OPENAPI, ("service", "openapi"), "This document")
            .answer(200, described, &json!({ "application/json": { "schema": { "type": "object" } } }))
            .answers_nothing(304, "Not modified: `If-None-Match` names the current version")
            .bearing("ETag", "ETag"),
    ]
}
