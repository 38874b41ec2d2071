use super::api::{RegisterRequest, SignInRequest};
use crate::{
    http::{kind, paths},
    openapi::Operation,
    sessions::TokenAnswer,
    users::UserAnswer,
};
use serde_json::json;

/// The operations of this room.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let credentials = json!({ "email": "alice@example.com", "password": "violet-harbour-42" });
    vec![
        Operation::new("post", paths::REGISTER, ("auth", "register"), "Create an account")
            .about("Open to anyone, unless HEIRLOOM_REGISTRATION is `closed`. Does not sign the user in.")
            .takes::<RegisterRequest>(&credentials)
            .answers::<UserAnswer>(201, "The account was created")
            .may_be(&[kind::REGISTRATION_CLOSED, kind::EMAIL_TAKEN, kind::TEMPORARILY_UNAVAILABLE]),
        Operation::new("post", paths::SIGN_IN, ("auth", "signIn"), "Sign in")
            .about(
                "A wrong password and an unknown address get the same answer, after the same time. Wrong passwords are \
                 counted, and too many require a wait: 429 `too_many_attempts`.",
            )
            .takes::<SignInRequest>(&credentials)
            .answers::<TokenAnswer<'_>>(200, "The first pair of tokens of a new session")
            .bearing("Set-Cookie", "SetCookie")
            .may_be(&[kind::INVALID_CREDENTIALS, kind::ACCOUNT_BLOCKED, kind::ORIGIN_NOT_ALLOWED])
            .may_be(&[kind::TOO_MANY_ATTEMPTS, kind::TEMPORARILY_UNAVAILABLE]),
    ]
}
