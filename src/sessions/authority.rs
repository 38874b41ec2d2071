use super::Admin;
use crate::{
    kernel::{Client, Operator},
    work::Caller,
};

/// Permission to act on what belongs to other users. Only an administrator's request or the command line has it, so
/// that what asks for it cannot be called without.
#[derive(Debug, Clone)]
pub struct Authority(Caller);

impl Authority {
    /// An administrator, through a request.
    #[must_use]
    pub fn of(admin: &Admin, client: &Client) -> Self {
        Self(Caller::user(admin.0.user, client))
    }

    /// Who acts, from where.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.0.clone()
    }
}

impl From<Operator> for Authority {
    fn from(operator: Operator) -> Self {
        Self(operator.into())
    }
}
