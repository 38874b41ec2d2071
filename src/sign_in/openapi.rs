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
    let someone = json!({ "email": "alice@example.com", "password": "violet-harbour-42" });
    vec![
        Operation::new("post", paths::REGISTER, ("auth", "register"), "Make an account")
            .about("For anyone, unless HEIRLOOM_REGISTRATION is `closed`. Signs nobody in.")
            .takes::<RegisterRequest>(&someone)
            .answers::<UserAnswer>(201, "The account was made")
            .may_be(&[kind::REGISTRATION_CLOSED, kind::EMAIL_TAKEN, kind::TEMPORARILY_UNAVAILABLE]),
        Operation::new("post", paths::SIGN_IN, ("auth", "signIn"), "Sign in")
            .about(
                "A wrong password and an unknown address are answered alike, in the same time. Wrong passwords are \
                 counted, and have to be waited for: 429 `too_many_attempts`.",
            )
            .takes::<SignInRequest>(&someone)
            .answers::<TokenAnswer<'_>>(200, "The first pair of tokens of a new session")
            .bearing("Set-Cookie", "SetCookie")
            .may_be(&[kind::INVALID_CREDENTIALS, kind::ACCOUNT_BLOCKED, kind::ORIGIN_NOT_ALLOWED])
            .may_be(&[kind::TOO_MANY_ATTEMPTS, kind::TEMPORARILY_UNAVAILABLE]),
    ]
}
