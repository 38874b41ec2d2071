//! A private Postgres, for when no `DATABASE_URL` is given.
//!
//! Starting, for the server and for every command:
//! 1. the account is chosen under which Postgres runs: our own, or an unprivileged one when we are root
//!    (`account.rs`), and with it the home of the cluster: in the data directory, or where that account can reach it
//!    (`home.rs`);
//! 2. the turn is taken: one process at a time starts or stops the cluster (`locks.rs`). A second server is refused;
//! 3. the server binaries are found, of the version that made the cluster (`binaries.rs`);
//! 4. a cluster is made if there is none (`make.rs`), and started if it does not run (`cluster.rs`, `postmaster.rs`):
//!    one that a killed process of ours left running is taken over, one that was killed itself recovers;
//! 5. everybody who uses it is a tenant. Who leaves last stops it.
//!
//! Locks are the kernel's (`flock`) and die with their process, so that a `kill -9` leaves nothing to mend by hand.
//! Durability is as Postgres ships it: fsync on; and data checksums. There is no TCP port, only a Unix socket in a
//! folder that nobody else may enter, and the application's role is no superuser.
//!
//! Deliberately absent: upgrades from one major version of Postgres to the next, backups, replication. Whoever needs
//! them has outgrown this and names a Postgres in `DATABASE_URL`.

mod account;
mod binaries;
mod cluster;
mod error;
mod home;
mod locks;
mod make;
mod password;
mod postmaster;
mod programs;
mod socket;
mod tenancy;

pub use error::{FileError, ProgramError, StartError, StopError};
pub use tenancy::PrivatePostgres;

use std::{ffi::OsString, path::PathBuf};

/// Where the private Postgres lives and what it is made of.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of everything that this installation keeps (`HEIRLOOM_DATA_DIR`).
    pub data_dir: PathBuf,
    /// Where Postgres' server binaries are, if they are not where they are looked for (`HEIRLOOM_PG_BIN`).
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
