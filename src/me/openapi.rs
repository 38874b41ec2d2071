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
        Operation::new("get", paths::ME, ("me", "me"), "Who am I?")
            .for_signed_in()
            .answers::<UserAnswer>(200, "The person"),
        Operation::new("patch", paths::ME, ("me", "rename"), "Change or clear the name")
            .for_signed_in()
            .takes::<Rename>(&json!({ "name": "Alice" }))
            .answers::<UserAnswer>(200, "The person, as they are now"),
        Operation::new("post", paths::MY_PASSWORD, ("me", "setPassword"), "Change the password")
            .about("Every other session ends.")
            .for_signed_in()
            .takes::<NewPassword>(&passwords)
            .answers_nothing(204, "The new one is in force")
            .may_be(&[kind::WRONG_PASSWORD, kind::TOO_MANY_ATTEMPTS]),
        Operation::new("get", paths::MY_SESSIONS, ("me", "mySessions"), "List one's live sessions")
            .for_signed_in()
            .queried::<Paging>()
            .lists::<MySession>("The newest first"),
        Operation::new("delete", paths::MY_SESSIONS, ("me", "endMySessions"), "End all one's other sessions")
            .for_signed_in()
            .queried::<Ending>()
            .answers::<Revoked>(200, "They have ended"),
        Operation::new("delete", paths::MY_SESSION, ("me", "endMySession"), "End one of one's sessions")
            .for_signed_in()
            .with_id("The session; 404 if it is somebody else's")
            .answers_nothing(204, "It has ended"),
        Operation::new("get", paths::MY_EVENTS, ("me", "myEvents"), "List what happened to one's account")
            .for_signed_in()
            .queried::<Paging>()
            .lists::<MyEvent>("The newest first"),
    ]
}
