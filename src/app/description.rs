use crate::{
    admin, keys, me,
    openapi::{self, Document},
    sessions, sign_in,
};

/// Describes every endpoint of every room.
#[must_use]
pub fn description() -> Document {
    let rooms = [
        sign_in::operations(),
        sessions::operations(),
        me::operations(),
        admin::operations(),
        keys::operations(),
        openapi::operations(),
    ];
    Document::of(rooms.into_iter().flatten().collect())
}
