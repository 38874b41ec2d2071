//! A private Postgres, for when no `DATABASE_URL` is given.
//!
//! Starting, for the server and for every command (`cluster.rs`):
//! 1. the server binaries are found (`binaries.rs`), of the version that made the data directory;
//! 2. the account is chosen under which Postgres runs (`account.rs`): our own, or an unprivileged one when we are root;
//! 3. the folders are laid out (`layout.rs`): data, socket, password, all 0700 or 0600;
//! 4. under the start lock (`locks.rs`), a cluster is made if there is none, and started if it does not run: one that
//!    a killed process of ours left running is taken over, one that was killed itself recovers;
//! 5. everybody who uses it holds the tenants' lock, shared. Who leaves last stops it.
//!
//! Locks are the kernel's (`flock`) and die with their process, so that a `kill -9` leaves nothing to mend by hand.
//! Durability is as Postgres ships it: fsync on, and data checksums.

mod account;
mod binaries;
mod cluster;
mod layout;
mod locks;

pub use cluster::{PrivatePostgres, StartError, StopError};

use std::{ffi::OsString, path::PathBuf};

/// Where the private Postgres lives and what it is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of everything that this installation keeps.
    pub data_dir: PathBuf,
    /// Where Postgres' server binaries are, if they are not where they are looked for.
    pub binaries: Option<PathBuf>,
    /// The folders in which programs are looked for (`PATH`).
    pub search_path: Option<OsString>,
}

/// Who uses the private Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// The server; there is one to a data directory.
    Server,
    /// A command, for as long as it takes.
    Command,
}
