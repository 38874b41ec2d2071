#![doc = include_str!("../README.md")]

mod account;
mod authentication;
mod binaries;
mod cluster;
mod error;
mod guard;
mod home;
mod locks;
mod make;
mod names;
mod postmaster;
mod programs;
mod random;
mod role;
mod setup;
mod socket;
mod tenancy;

pub use error::{FileError, ProgramError, StartError, StopError};
pub use role::Role;
pub use tenancy::PrivatePostgres;

use std::{ffi::OsString, path::PathBuf};

/// Where the private Postgres is, and its programs.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of everything that this installation keeps (`HEIRLOOM_DATA_DIR`).
    pub data_dir: PathBuf,
    /// Where Postgres' server binaries are, if not in the usual places (`HEIRLOOM_PG_BIN`).
    pub binaries: Option<PathBuf>,
    /// The folders in which programs are looked for (`PATH`).
    pub search_path: Option<OsString>,
}

/// Who uses the private Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenant {
    /// The server; one for each data directory.
    Server,
    /// A command, for as long as it takes.
    Command,
}
