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
    Operation::new("post", paths::REFRESH, ("auth", "refresh"), "Spend a refresh token for a new pair")
        .about(
            "The token comes in the cookie or in the body, and its successor leaves by the same way. A token that \
             was spent before ends its session for whoever holds it: 401 `refresh_token_reused`. The same request \
             with the same `Idempotency-Key` gets the same successor once more, within two minutes and as long as \
             that has not been used.",
        )
        .secured(&json!([{ "cookie": [] }, {}]))
        .parameter(retry_key())
        .may_take::<TokenRequest>(&json!({ "refresh_token": "hrt_Ad8Bogaj8VB9…" }))
        .answers::<TokenAnswer<'_>>(200, "The token is spent; these take its place")
        .bearing("Set-Cookie", "SetCookie")
        .may_be(&[kind::AMBIGUOUS_TOKEN, kind::REFRESH_TOKEN_MISSING, kind::REFRESH_TOKEN_INVALID])
        .may_be(&[kind::REFRESH_TOKEN_REUSED, kind::SESSION_EXPIRED, kind::SESSION_REVOKED])
        .may_be(&[kind::ACCOUNT_BLOCKED, kind::ORIGIN_NOT_ALLOWED, kind::TEMPORARILY_UNAVAILABLE])
}

fn retry_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "description": "Chosen at random by the client for each refresh, and the same when it tries that refresh again",
        "schema": { "type": "string", "minLength": 16, "maxLength": 255, "pattern": "^[!-~]+$" },
        "example": "3f6c1a52-0d0e-4b9b-8a52-5d6f0a9c7b11",
    })
}

fn sign_out() -> Operation {
    Operation::new("post", paths::SIGN_OUT, ("auth", "signOut"), "Sign out")
        .about("Ends the session of the cookie, of the token in the body, or of the bearer. Without any it is done already.")
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
    Operation::new("get", paths::CHECK, ("auth", "check"), "Who bears this access token?")
        .about("For nginx's `auth_request`, Envoy and Traefik. Reads no database.")
        .for_signed_in()
        .answers_nothing(204, "Somebody whose session lives")
        .bearing_own("X-Auth-User", &header("Their id", id()))
        .bearing_own("X-Auth-Session", &header("The session's id", id()))
        .bearing_own("X-Auth-Roles", &header("Their roles, with commas between", json!({ "type": "string" })))
        .unlimited()
}
