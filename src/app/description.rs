use crate::{
    account, admin, keys, login, sessions,
    web::{self, Document},
};

/// Describes every endpoint of every room.
#[must_use]
pub fn description() -> Document {
    let rooms = [
        login::operations(),
        sessions::operations(),
        account::operations(),
        admin::operations(),
        keys::operations(),
        web::operations(),
    ];
    Document::of(rooms.into_iter().flatten().collect())
}
