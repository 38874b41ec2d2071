//! What users do to their account that needs a fresh session.

mod api;

pub(super) use api::{AccountDescribed, MyAnswer, delete_me, routes};
