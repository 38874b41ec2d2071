use super::{FileError, account::RunAs, error::At};
use std::{
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Write},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt, net::UnixStream},
    path::{Path, PathBuf},
};

const SOCKET: &str = ".s.PGSQL.5432";

/// What the postmaster, Postgres' first process, is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Gone,
    /// It starts, recovers, or stops.
    Busy,
    /// It accepts connections.
    Ready,
    /// It lives, and its socket has gone.
    Unreachable,
}

/// The postmaster of one cluster, as seen from outside: in `postmaster.pid`, which it keeps, and at its socket.
#[derive(Debug)]
pub struct Postmaster {
    data: PathBuf,
    socket_folder: PathBuf,
    run_as: RunAs,
}

/// What `postmaster.pid` says: the process id in its first line, the status in its eighth.
struct Noted {
    pid: u32,
    is_ready: bool,
}

impl Postmaster {
    pub fn new(data: PathBuf, socket_folder: PathBuf, run_as: RunAs) -> Self {
        Self { data, socket_folder, run_as }
    }

    /// Looks; it never waits.
    pub fn state(&self) -> State {
        let Some(noted) = self.noted() else { return State::Gone };
        match (self.lives(noted.pid), noted.is_ready) {
            (false, _) => State::Gone,
            (true, false) => State::Busy,
            (true, true) if self.socket().exists() => State::Ready,
            (true, true) => State::Unreachable,
        }
    }

    /// Makes sure that what a killed postmaster left does not keep the next one from starting: its process id may
    /// belong to a stranger by now (after a reboot, or always the same one in a container), or to a dead process that
    /// nobody has buried.
    ///
    /// The id is replaced by ours: Postgres passes over that of its parent. The rest of the file stays, for with it
    /// Postgres makes sure that no backend of the killed one is left. Only in one's turn, and when the state is
    /// [`State::Gone`].
    pub fn disarm(&self) -> Result<(), FileError> {
        // Guards the socket's name only; who holds the data directory holds the name.
        remove(&self.socket_folder.join(format!("{SOCKET}.lock")))?;
        let path = self.path();
        let (Some(noted), Ok(text)) = (self.noted(), fs::read_to_string(&path)) else { return Ok(()) };
        if !Path::new("/proc").join(noted.pid.to_string()).exists() {
            return Ok(());
        }
        let rest = text.split_once('\n').map_or("", |(_pid, rest)| rest);
        remove(&path)?;
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let written: io::Result<()> = made.and_then(|mut file| write!(file, "{}\n{rest}", std::process::id()));
        written.and_then(|()| self.run_as.give(&path, 0o600)).at(&path)
    }

    fn path(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    fn noted(&self) -> Option<Noted> {
        parse(&fs::read_to_string(self.path()).ok()?)
    }

    fn socket(&self) -> PathBuf {
        self.socket_folder.join(SOCKET)
    }

    /// Whether this process is the cluster's postmaster.
    fn lives(&self, pid: u32) -> bool {
        if !Path::new("/proc/self").exists() {
            // macOS has no such folder: it lives if its socket is open.
            return UnixStream::connect(self.socket()).is_ok();
        }
        let process = Path::new("/proc").join(pid.to_string());
        let status = fs::read_to_string(process.join("status"));
        if !status.is_ok_and(|status| is_live_postgres(&status, self.run_as.user())) {
            return false;
        }
        match fs::read_link(process.join("cwd")) {
            Ok(folder) => folder == self.data,
            Err(error) if error.kind() == ErrorKind::NotFound => false,
            // Root in a container may not look there, at another account's process: only at how it was called.
            Err(_forbidden) => fs::read(process.join("cmdline")).is_ok_and(|called| self.is_named_in(&called)),
        }
    }

    fn is_named_in(&self, command_line: &[u8]) -> bool {
        command_line.split(|byte| *byte == 0).any(|argument| argument == self.data.as_os_str().as_bytes())
    }
}

fn parse(text: &str) -> Option<Noted> {
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    Some(Noted { pid, is_ready: lines.nth(6).is_some_and(|status| status.trim() == "ready") })
}

/// From `/proc/<pid>/status`: a process of that name and account that is not a zombie.
fn is_live_postgres(status: &str, user: u32) -> bool {
    let field = |name: &str| {
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        value.unwrap_or_default().trim()
    };
    // Real, effective, saved, file system.
    let is_theirs = field("Uid:").split_whitespace().next() == Some(&user.to_string());
    is_theirs && ["postgres", "postmaster"].contains(&field("Name:")) && !field("State:").starts_with(['Z', 'X'])
}

fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(FileError::new(path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails says where")]
    use super::*;

    const NOTED: &str = "4242\n/data\n1795400000\n5432\n/data/run\n\n  5432001     98304\n";

    #[test]
    fn a_postmaster_is_ready_when_it_has_written_so_in_the_eighth_line() {
        let ready = parse(&format!("{NOTED}ready   \n")).unwrap();
        assert!(ready.is_ready);
        assert_eq!(ready.pid, 4242);
        assert!(!parse(&format!("{NOTED}starting\n")).unwrap().is_ready);
        assert!(!parse(&format!("{NOTED}stopping\n")).unwrap().is_ready);
        assert!(!parse("4242\n").unwrap().is_ready);
        assert!(parse("").is_none());
    }

    #[test]
    fn a_zombie_a_stranger_and_another_account_s_are_no_postmaster() {
        let status = "Name:\tpostgres\nUmask:\t0077\nState:\tS (sleeping)\nUid:\t101\t101\t101\t101\n";
        assert!(is_live_postgres(status, 101));
        assert!(!is_live_postgres(status, 10));
        assert!(!is_live_postgres(&status.replace("S (sleeping)", "Z (zombie)"), 101));
        assert!(!is_live_postgres(&status.replace("postgres", "bash"), 101));
    }

    #[test]
    fn a_postmaster_is_distinguished_from_another_by_its_command_line() {
        let postmaster = Postmaster::new("/a/data".into(), "/a/run".into(), RunAs::Ourselves { user: 1000 });
        assert!(postmaster.is_named_in(b"/usr/bin/postgres\0-D\0/a/data\0-c\0fsync=on\0"));
        assert!(!postmaster.is_named_in(b"/usr/bin/postgres\0-D\0/a/data2\0"));
    }

    #[test]
    fn a_process_id_that_belongs_to_a_stranger_is_replaced_and_the_rest_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let postmaster = Postmaster::new(path.clone(), path, RunAs::Ourselves { user: 0 });
        let noted = NOTED.replace("4242", "1");
        fs::write(postmaster.path(), format!("{noted}ready   \n")).unwrap();

        assert_eq!(postmaster.state(), State::Gone, "process 1 is no Postgres");
        postmaster.disarm().unwrap();

        let left = fs::read_to_string(postmaster.path()).unwrap();
        assert_eq!(left, format!("{}ready   \n", NOTED.replace("4242", &std::process::id().to_string())));
    }
}
