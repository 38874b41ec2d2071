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

/// As one word of a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text.chars().all(|c| c.is_alphanumeric() || "/._-+:@%,".contains(c));
    if is_plain { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// Adds the path to an input or output error.
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
    /// It exited with an error.
    #[error("{} failed ({ended}): {said}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// How it exited.
        ended: String,
        /// Its standard error.
        said: String,
    },
}

/// Why the private Postgres cannot be started.
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
    /// We are root and there is no other account.
    #[error("PostgreSQL does not run as root, and there is neither a `postgres` nor a `nobody` account to run it as")]
    NoAccount,
    /// Another account created the cluster.
    #[error(
        "{} belongs to another account (user id {owner}): run heirloom as that account, or name another directory in \
         HEIRLOOM_DATA_DIR",
        path.display()
    )]
    Foreign {
        /// The file or folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// The cluster is where its account cannot go.
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
    /// The cluster is not where the data directory says it is.
    #[error(
        "{location} states that the database is in {home}, which does not exist: restore that folder, or delete \
         {location} to start with an empty database",
        location = location.display(),
        home = home.display()
    )]
    Missing {
        /// The file that states so.
        location: PathBuf,
        /// Where the cluster was.
        home: PathBuf,
    },
    /// There is the cluster of an earlier data directory of the same name.
    #[error(
        "{home} holds the database of an earlier data directory of this name: write that path into {location} to use \
         it again, or move it away to start with an empty database",
        location = location.display(),
        home = home.display()
    )]
    LeftBehind {
        /// The file that would state that it is ours.
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
    /// Another process holds the turn.
    #[error(
        "another heirloom process has been starting or stopping PostgreSQL for more than {seconds} s: check that process"
    )]
    Busy {
        /// How long we waited.
        seconds: u64,
    },
    /// A file or folder cannot be used.
    #[error(
        "the files of the private PostgreSQL cannot be used; if another account created them, run heirloom as that \
         account, or name another directory in HEIRLOOM_DATA_DIR"
    )]
    Files(#[from] FileError),
    /// Others can change the data directory.
    #[error(
        "{} can be changed by other users (mode {mode:04o}), and with it the database and the master key: \
         `chmod go-w {}`",
        path.display(),
        quoted(path)
    )]
    OpenToOthers {
        /// The data directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The folder for the cluster contains something else.
    #[error(
        "{} contains files that were not created here, and is left alone: move them away, or name another directory in \
         HEIRLOOM_DATA_DIR{remedy}",
        path.display()
    )]
    ForeignFiles {
        /// The folder.
        path: PathBuf,
        /// What else to do, if it holds a cluster.
        remedy: String,
    },
    /// The cluster's folder is not a cluster.
    #[error("{} is not a database cluster (PG_VERSION is missing): restore it from a backup, or move it away", path.display())]
    NoCluster {
        /// The folder.
        path: PathBuf,
    },
    /// Our account has no name.
    #[error(
        "the user id {user} has no account name, without which PostgreSQL does not run: add a line to /etc/passwd \
         (`heirloom:x:{user}:{user}::/nonexistent:/usr/sbin/nologin`), run heirloom as a user that has one, or use a \
         Postgres of your own with DATABASE_URL"
    )]
    NoName {
        /// Our user id.
        user: u32,
    },
    /// The environment would change every connection.
    #[error("PGOPTIONS is set, which would change every connection to the private PostgreSQL: unset it")]
    Options,
    /// Postgres runs, and its roles and database could not be set up.
    #[error("the roles and the database of the private PostgreSQL could not be set up")]
    NotSetUp(#[from] sqlx::Error),
    /// A program of Postgres failed.
    #[error("the database cluster could not be created or changed")]
    NotCreated(#[from] ProgramError),
    /// Postgres exited at once, or was not ready in time.
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
    /// Another process holds the turn.
    #[error("the private PostgreSQL was left running: another process has been starting or stopping it for too long")]
    Busy,
    /// A lock cannot be used.
    #[error("the locks of the private PostgreSQL cannot be used")]
    Files(#[from] FileError),
    /// The stop failed.
    #[error("the private PostgreSQL did not stop")]
    NotStopped(#[from] ProgramError),
}
