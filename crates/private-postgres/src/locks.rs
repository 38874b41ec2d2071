use super::{FileError, error::At};
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The file that is locked to start or stop the cluster. The first file in every home.
pub const TURN: &str = "turn.lock";
/// How long we wait for another process that starts or stops the cluster: longer than a start may take.
pub const PATIENCE: Duration = Duration::from_mins(6);
const POLL: Duration = Duration::from_millis(20);

/// The locks of one home. They are released when their process exits: close-on-exec, as std opens every file, keeps them
/// from Postgres, which we start.
#[derive(Debug)]
pub struct Locks {
    turn: PathBuf,
    tenants: PathBuf,
    server: PathBuf,
}

/// A lock on a file, released when dropped. It is released explicitly: a child process that another thread has forked
/// and that has not called exec yet still holds a copy of the file, and closing ours alone would leave it locked.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

/// The right to start or stop the cluster; released when dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn {
    _lock: Lock,
}

/// A tenant's use of the cluster, which is not stopped while a tenant is left.
#[derive(Debug)]
pub struct Residence {
    tenants: Lock,
    _server: Option<Lock>,
}

/// Why there is no turn.
#[derive(Debug)]
pub enum NoTurn {
    /// Another process has held it for longer than [`PATIENCE`].
    TooLate,
    /// The file cannot be used.
    Files(FileError),
}

impl Locks {
    pub fn of(home: &Path) -> Self {
        let (turn, tenants, server) = (home.join(TURN), home.join("tenants.lock"), home.join("server.lock"));
        Self { turn, tenants, server }
    }

    /// Waits for the turn.
    pub async fn turn(&self) -> Result<Turn, NoTurn> {
        // Opened again each time, so that it also keeps two tasks of one process apart.
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
            Ok(Ok(())) => Ok(Turn { _lock: Lock(file) }),
            Ok(Err(error)) => Err(NoTurn::Files(error)),
            Err(_elapsed) => Err(NoTurn::TooLate),
        }
    }

    /// Takes the lock of the one server and writes our process id into it; or returns the id of the process that has it.
    pub fn become_server(&self, _turn: &Turn) -> Result<Result<Lock, String>, FileError> {
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
        Ok(Ok(Lock(file)))
    }

    /// Moves in, as the one server or as a command.
    pub fn move_in(&self, _turn: &Turn, server: Option<Lock>) -> Result<Residence, FileError> {
        let tenants = open(&self.tenants)?;
        tenants.lock_shared().at(&self.tenants)?;
        Ok(Residence { tenants: Lock(tenants), _server: server })
    }

    /// Moves out. True: no tenant is left, and none can move in before the turn is released.
    pub fn move_out(&self, _turn: &Turn, residence: &Residence) -> Result<bool, FileError> {
        let tenants = &residence.tenants.0;
        tenants.unlock().at(&self.tenants)?;
        try_lock(tenants, &self.tenants)
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
