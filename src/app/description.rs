use crate::{
    admin, http, keys, lifecycle, me,
    openapi::{self, Document},
    sessions, sign_in,
};

/// Describes every endpoint of every room.
#[must_use]
pub fn description() -> Document {
    let rooms = [
        sign_in::described(),
        sessions::described(),
        lifecycle::described(),
        me::described(),
        admin::described(),
        keys::described(),
        openapi::described(),
        http::health_described(),
    ];
    Document::of(rooms.into())
}
