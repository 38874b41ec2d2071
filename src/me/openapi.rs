use super::{
    api::{Ending, MySession, NewPassword, Paging, Rename},
    events::MyEvent,
};
use crate::{
    http::{kind, paths},
    openapi::Operation,
    sessions::Revoked,
    users::UserAnswer,
};
use serde_json::json;

/// The operations of this room.
#[must_use]
pub fn operations() -> Vec<Operation> {
    let passwords = json!({ "current_password": "violet-harbour-42", "new_password": "quiet-orchard-17" });
    vec![
        Operation::new("get", paths::ME, ("me", "me"), "Show the signed-in user")
            .for_signed_in()
            .answers::<UserAnswer>(200, "The user"),
        Operation::new("patch", paths::ME, ("me", "rename"), "Change or remove your display name")
            .for_signed_in()
            .takes::<Rename>(&json!({ "name": "Alice" }))
            .answers::<UserAnswer>(200, "The changed user"),
        Operation::new("post", paths::MY_PASSWORD, ("me", "setPassword"), "Change your password")
            .about("Revokes all your other sessions.")
            .for_signed_in()
            .takes::<NewPassword>(&passwords)
            .answers_nothing(204, "The new password takes effect")
            .may_be(&[kind::WRONG_PASSWORD, kind::TOO_MANY_ATTEMPTS]),
        Operation::new("get", paths::MY_SESSIONS, ("me", "mySessions"), "List your live sessions")
            .for_signed_in()
            .queried::<Paging>()
            .lists::<MySession>("Newest first"),
        Operation::new("delete", paths::MY_SESSIONS, ("me", "endMySessions"), "Revoke all your other sessions")
            .for_signed_in()
            .queried::<Ending>()
            .answers::<Revoked>(200, "They are revoked"),
        Operation::new("delete", paths::MY_SESSION, ("me", "endMySession"), "Revoke one of your sessions")
            .for_signed_in()
            .with_id("The session; 404 if it belongs to another user")
            .answers_nothing(204, "It is revoked"),
        Operation::new("get", paths::MY_EVENTS, ("me", "myEvents"), "List your account events")
            .for_signed_in()
            .queried::<Paging>()
            .lists::<MyEvent>("Newest first"),
    ]
}
