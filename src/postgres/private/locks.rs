use crate::kernel::Duration;
use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How long we wait for another process that starts or stops the cluster.
const PATIENCE: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(50);

/// The locks of one home. They die with their process.
#[derive(Debug)]
pub struct Locks {
    starting: File,
    tenants: File,
    server: File,
}

/// Another server uses the data directory.
#[derive(Debug)]
pub struct AnotherServer {
    /// Its process id, as it wrote it down.
    pub pid: String,
}

impl Locks {
    pub fn open(home: &Path) -> io::Result<Self> {
        Ok(Self {
            starting: file(&home.join("start.lock"))?,
            tenants: file(&home.join("tenants.lock"))?,
            server: file(&home.join("server.lock"))?,
        })
    }

    /// Takes the lock of the one server, and writes down who has it.
    pub fn become_server(&mut self) -> io::Result<Result<(), AnotherServer>> {
        match self.server.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                self.server.read_to_string(&mut pid)?;
                return Ok(Err(AnotherServer { pid: pid.trim().to_owned() }));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        self.server.set_len(0)?;
        self.server.rewind()?;
        write!(self.server, "{}", std::process::id())?;
        Ok(Ok(()))
    }

    /// Waits for the right to start or stop the cluster.
    pub async fn begin(&self) -> io::Result<()> {
        let waiting = async {
            loop {
                match self.starting.try_lock() {
                    Ok(()) => return Ok(()),
                    Err(TryLockError::WouldBlock) => tokio::time::sleep(POLL).await,
                    Err(TryLockError::Error(error)) => return Err(error),
                }
            }
        };
        let late = |_elapsed| io::Error::other("another process has been starting or stopping it for too long");
        tokio::time::timeout(PATIENCE, waiting).await.map_err(late)?
    }

    /// Gives that right back.
    pub fn done(&self) -> io::Result<()> {
        self.starting.unlock()
    }

    /// Moves in.
    pub fn move_in(&self) -> io::Result<()> {
        self.tenants.lock_shared()
    }

    /// Moves out. True: nobody is left. Only between [`Locks::begin`] and [`Locks::done`], when nobody can move in.
    pub fn move_out(&self) -> io::Result<bool> {
        self.tenants.unlock()?;
        match self.tenants.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Opened close-on-exec, as std always does: Postgres, which we start, must not hold our locks.
fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
