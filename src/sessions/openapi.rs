use super::api::{TokenAnswer, TokenRequest};
use crate::{
    http::{kind, paths},
    openapi::Operation,
};
use serde_json::{Value, json};

/// The operations of this room.
#[must_use]
pub fn operations() -> Vec<Operation> {
    vec![refresh(), sign_out(), check()]
}

fn refresh() -> Operation {
    Operation::new("post", paths::REFRESH, ("auth", "refresh"), "Exchange a refresh token for a new pair")
        .about(
            "The token is sent in the cookie or in the body, and its successor is returned the same way. A token that \
             was already used revokes its session: 401 `refresh_token_reused`. The same request \
             with the same `Idempotency-Key` returns the same successor again, within two minutes and as long as \
             that successor has not been used.",
        )
        .secured(&json!([{ "cookie": [] }, {}]))
        .parameter(retry_key())
        .may_take::<TokenRequest>(&json!({ "refresh_token": "hrt_Ad8Bogaj8VB9…" }))
        .answers::<TokenAnswer<'_>>(200, "The token is used up; these replace it")
        .bearing("Set-Cookie", "SetCookie")
        .may_be(&[kind::AMBIGUOUS_TOKEN, kind::REFRESH_TOKEN_MISSING, kind::REFRESH_TOKEN_INVALID])
        .may_be(&[kind::REFRESH_TOKEN_REUSED, kind::SESSION_EXPIRED, kind::SESSION_REVOKED])
        .may_be(&[kind::ACCOUNT_BLOCKED, kind::ORIGIN_NOT_ALLOWED, kind::TEMPORARILY_UNAVAILABLE])
}

fn retry_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Chosen at random by the client for each refresh, and sent again with a retry of the same refresh",
        "schema": { "type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$" },
        "example": "3f6c1a52-0d0e-4b9b-8a52-5d6f0a9c7b11",
    })
}

fn sign_out() -> Operation {
    Operation::new("post", paths::SIGN_OUT, ("auth", "signOut"), "Sign out")
        .about("Revokes the session of the cookie, of the token in the body, or of the bearer. Without a token it still answers 204.")
        .secured(&json!([{ "cookie": [] }, { "bearer": [] }, {}]))
        .may_take::<TokenRequest>(&json!({ "refresh_token": "hrt_Ad8Bogaj8VB9…" }))
        .answers_nothing(204, "Signed out; the cookie is cleared")
        .bearing("Set-Cookie", "SetCookie")
        .may_be(&[kind::AMBIGUOUS_TOKEN, kind::ACCESS_TOKEN_INVALID, kind::ACCESS_TOKEN_EXPIRED])
        .may_be(&[kind::ORIGIN_NOT_ALLOWED, kind::TEMPORARILY_UNAVAILABLE])
}

fn check() -> Operation {
    let header = |about: &str, schema: Value| json!({ "description": about, "required": true, "schema": schema });
    let id = || json!({ "type": "string", "format": "uuid" });
    Operation::new("get", paths::CHECK, ("auth", "check"), "Check an access token")
        .about("For nginx's `auth_request`, Envoy and Traefik. Reads no database.")
        .for_signed_in()
        .answers_nothing(204, "The token is valid and its session is live")
        .bearing_own("X-Auth-User", &header("The user's id", id()))
        .bearing_own("X-Auth-Session", &header("The session's id", id()))
        .bearing_own("X-Auth-Roles", &header("Comma-separated roles", json!({ "type": "string" })))
        .unlimited()
}
