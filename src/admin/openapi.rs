use super::Overview;
use super::api::{AdminUserAnswer, AdminUserView, AuditQuery, ChangeRequest, RevokeRequest, SessionsQuery, UsersQuery};
use crate::{
    audit::Recorded,
    http::{kind, paths},
    openapi::Operation,
    sessions::{Revoked, SessionView},
};
use serde_json::json;

/// The operations of this room.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![
        Operation::new("get", paths::ADMIN_OVERVIEW, ("admin", "overview"), "Show the numbers of the last 24 hours")
            .for_admin()
            .answers::<Overview>(200, "The current numbers"),
        Operation::new("get", paths::ADMIN_USERS, ("admin", "users"), "List users")
            .for_admin()
            .queried::<UsersQuery>()
            .lists::<AdminUserView>("Newest first"),
        Operation::new("get", paths::ADMIN_USER, ("admin", "user"), "Show one user")
            .for_admin()
            .with_id("The user")
            .answers::<AdminUserAnswer>(200, "The user"),
        Operation::new("patch", paths::ADMIN_USER, ("admin", "changeUser"), "Change roles or claims, block or unblock")
            .about("Blocking a user revokes all their sessions. Changing roles invalidates access tokens that carry the old roles.")
            .for_admin()
            .with_id("The user")
            .takes::<ChangeRequest>(&json!({ "blocked": true, "blocked_reason": "laptop lost" }))
            .answers::<AdminUserAnswer>(200, "The changed user")
            .may_be(&[kind::LAST_ADMIN]),
        Operation::new("get", paths::ADMIN_SESSIONS, ("admin", "sessions"), "List sessions")
            .for_admin()
            .queried::<SessionsQuery>()
            .lists::<SessionView>("Newest first"),
        Operation::new("post", paths::ADMIN_REVOKE, ("admin", "revoke"), "Revoke sessions")
            .about("Name exactly one of `session_id`, `user_id`, `refresh_token` and `\"everyone\": true`. Idempotent.")
            .for_admin()
            .takes::<RevokeRequest>(&json!({ "user_id": "01a206a3-efa4-7c1e-8d3f-2b8a6c0d9e11", "reason": "laptop lost" }))
            .answers::<Revoked>(200, "They are revoked, on every instance")
            .may_be(&[kind::NOT_FOUND]),
        Operation::new("get", paths::ADMIN_AUDIT, ("admin", "audit"), "List events of the audit log")
            .for_admin()
            .queried::<AuditQuery>()
            .lists::<Recorded>("Newest first"),
    ]
}
