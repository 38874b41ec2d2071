use crate::{sessions::Sessions, users::Accounts};

/// The rooms that an administrator's action needs.
#[derive(Debug, Clone, Copy)]
pub struct Rooms<'a> {
    /// Users.
    pub accounts: &'a Accounts,
    /// Sessions.
    pub sessions: &'a Sessions,
}
