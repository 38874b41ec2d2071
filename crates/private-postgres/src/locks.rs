use super::{FileError, error::At};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long we wait for another process that starts or stops the cluster: longer than a start may take.
pub const PATIENCE: Duration = Duration::from_mins(6);
const POLL: Duration = Duration::from_millis(20);

/// The locks of one home. They die with their process: close-on-exec, as std opens every file, keeps them from
/// Postgres, which we start.
#[derive(Debug)]
pub struct Locks {
    turn: PathBuf,
    tenants: PathBuf,
    server: PathBuf,
}

/// The right to start or stop the cluster; given back when dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    _lock: File,
}

/// One who uses the cluster: it is not stopped while one of them is left.
#[derive(Debug)]
pub struct Residence {
    tenants: File,
    _server: Option<File>,
}

/// Why there is no turn.
#[derive(Debug)]
pub enum NoTurn {
    /// Somebody has had it for longer than [`PATIENCE`].
    TooLate,
    /// The file cannot be used.
    Files(FileError),
}

impl Locks {
    pub fn of(home: &Path) -> Self {
        let (turn, tenants, server) = (home.join("turn.lock"), home.join("tenants.lock"), home.join("server.lock"));
        Self { turn, tenants, server }
    }

    /// Waits for one's turn.
    pub async fn turn(&self) -> Result<Turn, NoTurn> {
        // Opened anew each time, so that it also keeps two tasks of one process apart.
        let file = open(&self.turn).map_err(NoTurn::Files)?;
        let waiting = async {
            loop {
                if try_lock(&file, &self.turn)? {
                    return Ok(());
                }
                tokio::time::sleep(POLL).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(Ok(())) => Ok(Turn { _lock: file }),
            Ok(Err(error)) => Err(NoTurn::Files(error)),
            Err(_elapsed) => Err(NoTurn::TooLate),
        }
    }

    /// Takes the lock of the one server and writes down who has it; or says the process id of who has it already.
    pub fn become_server(&self, _turn: &Turn) -> Result<Result<File, String>, FileError> {
        let mut file = open(&self.server)?;
        if !try_lock(&file, &self.server)? {
            let pid = fs::read_to_string(&self.server).at(&self.server)?;
            return Ok(Err(pid.trim().to_owned()));
        }
        let mut write = || {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write().at(&self.server)?;
        Ok(Ok(file))
    }

    /// Moves in, as the one server or as a command.
    pub fn move_in(&self, _turn: &Turn, server: Option<File>) -> Result<Residence, FileError> {
        let tenants = open(&self.tenants)?;
        tenants.lock_shared().at(&self.tenants)?;
        Ok(Residence { tenants, _server: server })
    }

    /// Moves out. True: nobody is left, and nobody can move in before the turn is over.
    pub fn move_out(&self, _turn: &Turn, residence: &Residence) -> Result<bool, FileError> {
        residence.tenants.unlock().at(&self.tenants)?;
        try_lock(&residence.tenants, &self.tenants)
    }
}

fn try_lock(file: &File, path: &Path) -> Result<bool, FileError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(FileError::new(path, error)),
    }
}

fn open(path: &Path) -> Result<File, FileError> {
    let opened: io::Result<File> =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    opened.at(path)
}
