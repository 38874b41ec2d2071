use super::{
    ProgramError, Role, Settings, StartError, account, authentication,
    binaries::{self, Binaries},
    error::At,
    home::Home,
    locks::Turn,
    make::make,
    names,
    postmaster::{Postmaster, State},
    programs::Programs,
    setup, socket,
};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{process::Child, time::sleep};

/// How long a start may take: after a crash, Postgres first replays its write-ahead log.
const STARTING: Duration = Duration::from_mins(5);
/// How often the state is checked.
const POLL: Duration = Duration::from_millis(20);
/// How long the processes of a killed Postgres may take to exit. Each exits once it has finished its statement.
const DYING: Duration = Duration::from_mins(1);
/// How long until a start is tried again while they do.
const RETRY: Duration = Duration::from_millis(200);
/// How long a Postgres may be without a socket before it is stopped and started again.
const WITHOUT_SOCKET: Duration = Duration::from_secs(5);
/// Size in bytes from which Postgres' log is rotated at a start.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// Bytes of the log's end that are read.
const LOG_END: u64 = 16 * 1024;

/// A cluster and what is needed to run it.
#[derive(Debug)]
pub struct Cluster {
    home: Home,
    programs: Programs,
    postmaster: Postmaster,
    socket_folder: PathBuf,
}

impl Cluster {
    /// Opens the cluster of this home; creates it if there is none.
    pub async fn open(settings: &Settings, home: Home, _turn: &Turn) -> Result<Self, StartError> {
        let exists = home.has_cluster()?;
        let data = home.data();
        let binaries = binaries_for(settings, exists.then_some(data.as_path()))?;
        let programs = Programs::new(&binaries, &home);
        if !exists {
            make(&home, &programs).await?;
        }
        let socket_folder = socket::folder(&home)?;
        let postmaster = Postmaster::new(home.data(), socket_folder.clone(), home.run_as.clone());
        Ok(Self { home, programs, postmaster, socket_folder })
    }

    /// How to connect as this role. Nothing of the environment's `PG…` variables is left in it, but for `PGOPTIONS`,
    /// which cannot be taken out again: see [`Cluster::start`].
    pub fn connect_options(&self, role: Role) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.socket_folder)
            .port(5432)
            .username(role.name())
            .password("")
            .database(names::DATABASE)
            .application_name(names::DATABASE)
            .ssl_mode(PgSslMode::Disable)
    }

    /// After this the cluster runs, with its database and its roles.
    pub async fn start(&self, turn: &Turn) -> Result<(), StartError> {
        let superuser = self.connect_options(Role::Superuser);
        if superuser.get_options().is_some() {
            return Err(StartError::Options);
        }
        let account = account::our_name()?;
        let is_changed = authentication::write(&self.home.data(), &self.home.run_as, &account)?;
        let ran_before = self.postmaster.state() == State::Ready;
        self.ensure_running(turn).await?;
        if is_changed && ran_before {
            self.programs.run("pg_ctl", &[OsString::from("-D"), self.home.data().into(), "reload".into()]).await?;
        }
        setup::complete(&superuser).await
    }

    /// Whether it has to be started (again).
    pub fn is_down(&self) -> bool {
        match self.postmaster.state() {
            State::Gone | State::Unreachable => true,
            State::Busy | State::Ready => false,
        }
    }

    /// After this the cluster runs: started, taken over if it ran already, recovered if it had been killed.
    pub async fn ensure_running(&self, _turn: &Turn) -> Result<(), StartError> {
        match tokio::time::timeout(STARTING, self.until_ready()).await {
            Ok(result) => result,
            Err(_elapsed) => Err(self.not_started(&format!("was not ready within {} s", STARTING.as_secs()), 0)),
        }
    }

    async fn until_ready(&self) -> Result<(), StartError> {
        let mut attempts: u32 = 0;
        let mut without_socket = Duration::ZERO;
        loop {
            match self.postmaster.state() {
                State::Ready => return Ok(()),
                State::Busy => sleep(POLL).await,
                State::Unreachable if without_socket < WITHOUT_SOCKET => {
                    without_socket += POLL;
                    sleep(POLL).await;
                }
                State::Unreachable => {
                    tracing::warn!("postgres.without_socket: socket missing: restarting");
                    self.stop_now().await?;
                }
                State::Gone => {
                    self.attempt(RETRY * attempts < DYING).await?;
                    attempts += 1;
                }
            }
        }
    }

    /// Starts a postmaster, and watches it until it is ready or has exited. An exit is not an error while `may_wait`, if
    /// processes of a killed postmaster still hold the data directory.
    ///
    /// It is our child and not `pg_ctl`'s, so that its exit is seen at once and its process is reaped where nothing else
    /// does so (as process 1 of a container). It outlives us.
    async fn attempt(&self, may_wait: bool) -> Result<(), StartError> {
        self.postmaster.disarm()?;
        let (mut child, log_start) = self.spawn()?;
        loop {
            if self.postmaster.state() == State::Ready {
                return Ok(());
            }
            let program = self.programs.path("postgres");
            let ended = child.try_wait().map_err(|source| ProgramError::NotRun { program, source })?;
            match ended {
                None => sleep(POLL).await,
                Some(_) if may_wait && self.is_still_held(log_start) => {
                    sleep(RETRY).await;
                    return Ok(());
                }
                Some(status) => return Err(self.not_started(&format!("ended at once ({status})"), log_start)),
            }
        }
    }

    /// All settings that matter here are on the command line, where they override `postgresql.conf`. The log must not
    /// contain what rows contain: no details (a violated constraint would show an e-mail address), no statements.
    fn spawn(&self) -> Result<(Child, u64), StartError> {
        let log = self.open_log()?;
        let log_start = log.metadata().at(&self.home.log())?.len();
        let also = log.try_clone().at(&self.home.log())?;
        let mut command = self.programs.command("postgres");
        command.arg("-D").arg(self.home.data());
        let mut sockets = OsString::from("unix_socket_directories=");
        sockets.push(quoted(&self.socket_folder));
        command.arg("-c").arg(sockets);
        let data = self.home.data();
        let hba = ("hba_file=", authentication::hba_file(&data));
        for (setting, file) in [hba, ("ident_file=", authentication::ident_file(&data))] {
            let mut argument = OsString::from(setting);
            argument.push(file);
            command.arg("-c").arg(argument);
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let spawned = command.stdout(log).stderr(also).spawn();
        let program = self.programs.path("postgres");
        let child = spawned.map_err(|source| ProgramError::NotRun { program, source })?;
        Ok((child, log_start))
    }

    fn open_log(&self) -> Result<File, StartError> {
        let path = self.home.log();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_LIMIT) {
            fs::rename(&path, path.with_extension("log.old")).at(&path)?;
        }
        Ok(OpenOptions::new().append(true).create(true).mode(0o600).open(&path).at(&path)?)
    }

    /// Stops Postgres, if it runs, and waits for it: open transactions are rolled back, everything is written.
    pub async fn stop(&self, _turn: &Turn) -> Result<(), ProgramError> {
        self.stop_now().await
    }

    async fn stop_now(&self) -> Result<(), ProgramError> {
        if self.postmaster.state() == State::Gone {
            return Ok(());
        }
        let data = self.home.data();
        let arguments = ["-D".into(), data.into_os_string(), "-m".into(), "fast".into(), "-w".into(), "stop".into()];
        let stopped = self.programs.run("pg_ctl", &arguments).await;
        // It may have ended by itself in the meantime.
        if self.postmaster.state() == State::Gone {
            return Ok(());
        }
        stopped.map(|_said| ())
    }

    fn is_still_held(&self, log_start: u64) -> bool {
        let said = self.log_from(log_start);
        // `pre-existing shared memory block … is still in use`, `lock file "postmaster.pid" already exists`
        said.contains("still in use") || said.contains("already exists")
    }

    fn not_started(&self, what: &str, log_start: u64) -> StartError {
        let said = self.log_from(log_start);
        let lines: Vec<_> = said.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(8)..).unwrap_or_default().join("\n");
        StartError::NotStarted { what: what.to_owned(), log: self.home.log(), tail }
    }

    /// The part of the log after its first `start` bytes; at most its last 16 KiB.
    fn log_from(&self, start: u64) -> String {
        let read = || {
            let mut file = File::open(self.home.log())?;
            let from = file.metadata()?.len().saturating_sub(LOG_END).max(start);
            file.seek(SeekFrom::Start(from))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().unwrap_or_else(|error| format!("(it cannot be read: {error})"))
    }
}

const SETTINGS: [&str; 12] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_error_verbosity=terse",
    "log_statement=none",
    "log_min_error_statement=panic",
    "log_min_duration_statement=-1",
    "log_min_duration_sample=-1",
    "log_parameter_max_length_on_error=0",
    "log_checkpoints=off",
    "log_destination=stderr",
];

/// The binaries for the cluster in this data directory; where there is none yet, those to create one with.
pub fn binaries_for(settings: &Settings, data: Option<&Path>) -> Result<Binaries, StartError> {
    let version = data.and_then(|data| fs::read_to_string(data.join("PG_VERSION")).ok());
    binaries::find(settings, version.and_then(|version| version.trim().parse().ok()))
}

/// One folder as an element of Postgres' list of folders, in which commas separate and quotes quote.
fn quoted(folder: &Path) -> OsString {
    let mut quoted = OsString::from("\"");
    match folder.to_str() {
        Some(text) => quoted.push(text.replace('"', "\"\"")),
        None => quoted.push(folder),
    }
    quoted.push("\"");
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_commas_and_quotes_stays_one_folder() {
        assert_eq!(quoted(Path::new("/a, b/\"c\"/run")), OsString::from("\"/a, b/\"\"c\"\"/run\""));
    }
}
