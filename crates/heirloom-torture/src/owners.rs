//! Which session has which refresh token: two sign-ins must not have returned the same session.

use super::{secret::Guarded, sync::lock};
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A session among all of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(usize);

/// The owners of all tokens so far.
#[derive(Debug, Default)]
pub struct Owners {
    next: AtomicUsize,
    by_token: Mutex<HashMap<[u8; 32], Owner>>,
}

impl Owners {
    /// A new session.
    pub fn owner(&self) -> Owner {
        Owner(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A session has this token. False if it is another one's.
    pub fn claim(&self, owner: Owner, token: &Guarded) -> bool {
        *lock(&self.by_token).entry(token.digest()).or_insert(owner) == owner
    }
}
