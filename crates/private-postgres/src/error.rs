use std::{
    io,
    path::{Path, PathBuf},
};

/// A file or folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be used", path.display())]
pub struct FileError {
    /// The file or folder.
    path: PathBuf,
    /// Why.
    #[source]
    source: io::Error,
}

impl FileError {
    pub(super) fn new(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source }
    }
}

/// Says at which path an input or output failed.
pub(super) trait At<T> {
    fn at(self, path: &Path) -> Result<T, FileError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, FileError> {
        self.map_err(|source| FileError::new(path, source))
    }
}

/// A program of Postgres that failed.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be run at all.
    #[error("{} cannot be run", program.display())]
    NotRun {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It ended badly.
    #[error("{} failed ({ended}): {said}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it ended.
        ended: String,
        /// What it said.
        said: String,
    },
}

/// Why the private Postgres does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No server binaries, or none of the right version.
    #[error(
        "no PostgreSQL server binaries {wanted}were found (there are: {found}). Install them (Debian, Ubuntu: \
         apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql), name \
         their folder in HEIRLOOM_PG_BIN, or use a Postgres of your own with DATABASE_URL"
    )]
    NoBinaries {
        /// The version that is needed.
        wanted: String,
        /// The versions that were found.
        found: String,
    },
    /// We are root and there is nobody else.
    #[error("PostgreSQL does not run as root, and there is neither a `postgres` nor a `nobody` account to run it as")]
    NoAccount,
    /// Another account made the cluster.
    #[error(
        "{} belongs to another account (user id {owner}): run heirloom as that account, or name another directory in \
         HEIRLOOM_DATA_DIR",
        path.display()
    )]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// The cluster is where its account cannot go (any more).
    #[error(
        "PostgreSQL runs as the account {account}, which cannot pass through {folder}: allow it with \
         `chgrp {account} {folder} && chmod g+x {folder}`",
        folder = folder.display()
    )]
    Unreachable {
        /// The account's name.
        account: String,
        /// The folder that is closed to it.
        folder: PathBuf,
    },
    /// The cluster has gone from where the data directory says it is.
    #[error(
        "{location} says that the database is in {home}, and it is not there: put it back, or delete {location} to \
         begin with an empty database",
        location = location.display(),
        home = home.display()
    )]
    Missing {
        /// The file that says so.
        location: PathBuf,
        /// Where the cluster was.
        home: PathBuf,
    },
    /// There is the cluster of an earlier data directory of the same name.
    #[error(
        "{home} holds the database of an earlier data directory of this name: write that path into {location} to use \
         it again, or move it away to begin with an empty database",
        location = location.display(),
        home = home.display()
    )]
    LeftBehind {
        /// The file that would say that it is ours.
        location: PathBuf,
        /// Where the cluster is.
        home: PathBuf,
    },
    /// Another server uses the data directory.
    #[error(
        "another heirloom server (process {pid}) uses the data directory {}: stop it, or name another directory in \
         HEIRLOOM_DATA_DIR",
        data_dir.display()
    )]
    InUse {
        /// The other's process id.
        pid: String,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// Another process has been at it for too long.
    #[error(
        "another heirloom process has been starting or stopping PostgreSQL for more than {seconds} s: look after it"
    )]
    Busy {
        /// How long we waited.
        seconds: u64,
    },
    /// A file or folder cannot be had.
    #[error(
        "the files of the private PostgreSQL cannot be used; if another account made them, run heirloom as that one, \
         or name another directory in HEIRLOOM_DATA_DIR"
    )]
    Files(#[from] FileError),
    /// The cluster exists, its password does not.
    #[error("{} is missing, and without it nobody can sign in to PostgreSQL: put it back", path.display())]
    PasswordLost {
        /// The password file.
        path: PathBuf,
    },
    /// The cluster could not be made.
    #[error("the database cluster could not be made")]
    NotMade(#[from] ProgramError),
    /// Postgres ended at once, or was not ready in time.
    #[error("PostgreSQL {what}. The end of its log, {}:\n{tail}", log.display())]
    NotStarted {
        /// What it did instead of starting.
        what: String,
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
    },
}

/// Why it does not stop.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// Another process has been at it for too long.
    #[error("the private PostgreSQL was left running: another process has been starting or stopping it for too long")]
    Busy,
    /// A lock cannot be had.
    #[error("the locks of the private PostgreSQL cannot be used")]
    Files(#[from] FileError),
    /// The stop failed.
    #[error("the private PostgreSQL did not stop")]
    NotStopped(#[from] ProgramError),
}
