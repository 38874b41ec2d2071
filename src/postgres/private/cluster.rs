use super::{
    Settings, Tenant,
    account::unprivileged,
    binaries::{Binaries, find},
    layout::Layout,
    locks::{AnotherServer, Locks},
};
use crate::kernel::Duration;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio::process::Command;

/// How long a program of Postgres may take.
const PROGRAM: Duration = Duration::from_mins(2);
/// How often, and how many times, a start is tried again while a killed Postgres' processes still die.
const DYING: (Duration, u32) = (Duration::from_millis(300), 100);
/// How often the server looks whether Postgres still lives.
const WATCH: Duration = Duration::from_secs(1);
/// Bytes of Postgres' log after which it is begun anew at a start.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;

/// The private Postgres, running.
#[derive(Debug)]
pub struct PrivatePostgres {
    cluster: Cluster,
    locks: Locks,
    is_stopping: AtomicBool,
}

/// Why the private Postgres does not run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No server binaries, or none of the right version.
    #[error(
        "no PostgreSQL server binaries {wanted}were found ({found}). Install them (Debian: apt-get install postgresql; \
         Fedora: dnf install postgresql-server; macOS: brew install postgresql), name their folder in HEIRLOOM_PG_BIN, \
         or use a Postgres of your own with DATABASE_URL"
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
    /// Another server uses the data directory.
    #[error(
        "another heirloom server (process {pid}) uses the data directory {data_dir}: stop it, or name another \
         directory in HEIRLOOM_DATA_DIR"
    )]
    InUse {
        /// The other's process id.
        pid: String,
        /// The data directory.
        data_dir: PathBuf,
    },
    /// A file or folder cannot be had.
    #[error("the data directory {data_dir} cannot be used")]
    Files {
        /// The data directory.
        data_dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program of Postgres failed.
    #[error("PostgreSQL did not start. The end of its log {log}:\n{tail}")]
    Failed {
        /// Its log.
        log: PathBuf,
        /// The last lines of it.
        tail: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Why it does not stop.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL did not stop")]
pub struct StopError(#[from] io::Error);

impl PrivatePostgres {
    /// Starts the cluster, or joins the one that runs.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn start(settings: &Settings, tenant: Tenant) -> Result<Self, StartError> {
        let files = |source| StartError::Files { data_dir: settings.data_dir.clone(), source };
        let account = unprivileged().map_err(|()| StartError::NoAccount)?;
        let layout = Layout::make(&settings.data_dir, account).map_err(files)?;
        let mut locks = Locks::open(&layout.home).map_err(files)?;
        if tenant == Tenant::Server {
            let in_use = |AnotherServer { pid }| StartError::InUse { pid, data_dir: settings.data_dir.clone() };
            locks.become_server().map_err(files)?.map_err(in_use)?;
        }
        locks.begin().await.map_err(files)?;
        let cluster = Cluster::open(settings, layout)?;
        cluster.ensure_running().await?;
        locks.move_in().map_err(files)?;
        locks.done().map_err(files)?;
        Ok(Self { cluster, locks, is_stopping: AtomicBool::new(false) })
    }

    /// Whether there is a cluster to start. Where there is none, the server binaries to make one are there at least.
    /// Changes nothing.
    ///
    /// # Errors
    /// When the data directory cannot be read, or there are no binaries.
    pub fn is_made(settings: &Settings) -> Result<bool, StartError> {
        let files = |source| StartError::Files { data_dir: settings.data_dir.clone(), source };
        let home = Layout::find(&settings.data_dir).map_err(files)?;
        binaries_for(settings, home.as_ref().map(|home| home.join("data")).as_deref())?;
        Ok(home.is_some())
    }

    /// How to connect.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        let layout = &self.cluster.layout;
        let password = fs::read_to_string(&layout.password).unwrap_or_default();
        PgConnectOptions::new_without_pgpass()
            .socket(&layout.socket)
            .username("postgres")
            .password(password.trim())
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
    }

    /// Leaves. Who leaves last stops Postgres and waits for it.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> Result<(), StopError> {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.locks.begin().await?;
        if self.locks.move_out()? {
            self.cluster.stop().await?;
        }
        Ok(self.locks.done()?)
    }

    /// Watches over Postgres, for ever: when it dies it is started again.
    pub async fn watch(&self) {
        loop {
            tokio::time::sleep(WATCH).await;
            if self.is_stopping.load(Ordering::Relaxed) || self.cluster.answers() {
                continue;
            }
            tracing::error!("postgres.died: the private PostgreSQL does not run, starting it again");
            match self.revive().await {
                Ok(()) => tracing::warn!("postgres.revived"),
                Err(error) => tracing::error!(%error, "postgres.not_revived"),
            }
        }
    }

    async fn revive(&self) -> Result<(), StartError> {
        let files = |source| StartError::Files { data_dir: self.cluster.layout.home.clone(), source };
        self.locks.begin().await.map_err(files)?;
        let revived = self.cluster.ensure_running().await;
        self.locks.done().map_err(files)?;
        revived
    }
}

#[derive(Debug)]
struct Cluster {
    binaries: Binaries,
    layout: Layout,
}

impl Cluster {
    fn open(settings: &Settings, layout: Layout) -> Result<Self, StartError> {
        Ok(Self { binaries: binaries_for(settings, Some(&layout.data))?, layout })
    }

    /// After this the cluster runs: made if there was none, taken over if it ran, recovered if it had been killed.
    async fn ensure_running(&self) -> Result<(), StartError> {
        let failed = |source| StartError::Failed { log: self.layout.log.clone(), tail: self.log_tail(), source };
        if !self.layout.data.join("PG_VERSION").exists() {
            self.make().await.map_err(failed)?;
        }
        self.configure().map_err(failed)?;
        for tries in 1.. {
            if self.answers() {
                return Ok(());
            }
            match self.control(&["-l", text(&self.layout.log), "-w", "-t", "60", "start"]).await {
                Ok(()) => return Ok(()),
                // Processes of a killed Postgres, or one that is about to answer, still hold the data directory.
                Err(_) if tries < DYING.1 && self.is_held() => tokio::time::sleep(DYING.0).await,
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(())
    }

    /// Made beside and renamed: an `initdb` that was killed leaves nothing half-made.
    async fn make(&self) -> io::Result<()> {
        tracing::info!(version = self.binaries.major, folder = %self.layout.data.display(), "postgres.making_cluster");
        let draft = self.layout.home.join("data.new");
        if draft.exists() {
            fs::remove_dir_all(&draft)?;
        }
        let password = format!("--pwfile={}", text(&self.layout.password));
        let made = ["-D", text(&draft), "-U", "postgres", "--encoding=UTF8", "--locale=C", "--data-checksums"];
        let made: Vec<_> = made.into_iter().chain(["--auth=scram-sha-256", &password]).collect();
        self.run("initdb", &made).await?;
        let mut config = fs::OpenOptions::new().append(true).open(draft.join("postgresql.conf"))?;
        writeln!(config, "\ninclude 'heirloom.conf'")?;
        fs::write(draft.join("heirloom.conf"), "")?;
        fs::rename(&draft, &self.layout.data)?;
        File::open(&self.layout.home)?.sync_all()
    }

    /// Written at every start, for the folders may have moved.
    fn configure(&self) -> io::Result<()> {
        let socket = text(&self.layout.socket).replace('\'', "''");
        let config = format!(
            "# Written by heirloom at every start.\nlisten_addresses = ''\nunix_socket_directories = '{socket}'\n\
             unix_socket_permissions = 0700\nmax_connections = 100\ntimezone = 'UTC'\nlog_timezone = 'UTC'\n"
        );
        let path = self.layout.data.join("heirloom.conf");
        if fs::read_to_string(&path).ok().as_deref() != Some(&config) {
            fs::write(&path, config)?;
            self.layout.own(&path, 0o600)?;
        }
        if fs::metadata(&self.layout.log).is_ok_and(|log| log.len() > LOG_LIMIT) {
            fs::remove_file(&self.layout.log)?;
        }
        Ok(())
    }

    async fn stop(&self) -> io::Result<()> {
        self.control(&["-m", "fast", "-w", "-t", "60", "stop"]).await
    }

    /// Whether the process that wrote down that it holds the data directory is there, or wrote so a moment ago.
    fn is_held(&self) -> bool {
        let lock = fs::read_to_string(self.layout.data.join("postmaster.pid")).unwrap_or_default();
        let tail = self.log_tail();
        let pid = lock.lines().next().unwrap_or_default().trim().to_owned();
        let lives = !pid.is_empty() && Path::new("/proc").join(&pid).exists();
        lives || ["still in use", "already exists", "is starting up"].iter().any(|sign| tail.contains(sign))
    }

    /// Whether somebody answers at the socket.
    fn answers(&self) -> bool {
        UnixStream::connect(self.layout.socket.join(".s.PGSQL.5432")).is_ok()
    }

    fn log_tail(&self) -> String {
        let log = fs::read(&self.layout.log).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default();
        let mut tail: Vec<_> = log.lines().rev().take(8).collect();
        tail.reverse();
        tail.join("\n")
    }

    async fn control(&self, arguments: &[&str]) -> io::Result<()> {
        let all: Vec<_> = ["-D", text(&self.layout.data)].into_iter().chain(arguments.iter().copied()).collect();
        self.run("pg_ctl", &all).await
    }

    /// Runs a program of Postgres, as the account. Its errors go to a file: a pipe would stay open in the daemon. A
    /// process group of its own keeps Ctrl-C in our terminal from reaching Postgres before we have drained.
    async fn run(&self, program: &str, arguments: &[&str]) -> io::Result<()> {
        let errors = self.layout.home.join(format!("{program}.err"));
        let mut command = Command::new(self.binaries.folder.join(program));
        command
            .args(arguments)
            .env_clear()
            .envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C")])
            .current_dir(&self.layout.home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&errors)?)
            .process_group(0);
        if let Some(account) = self.layout.account() {
            command.uid(account.user).gid(account.group);
        }
        let late = |_elapsed| io::Error::other(format!("{program} did not end in time"));
        let status = tokio::time::timeout(PROGRAM, command.status()).await.map_err(late)??;
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(&errors).unwrap_or_default();
        Err(io::Error::other(format!("{program} failed ({status}): {}", said.trim())))
    }
}

/// The binaries of the version that made the data directory; the newest where there is none yet.
fn binaries_for(settings: &Settings, data: Option<&Path>) -> Result<Binaries, StartError> {
    let made_by = data.and_then(|data| fs::read_to_string(data.join("PG_VERSION")).ok());
    let made_by = made_by.and_then(|version| version.trim().parse().ok());
    find(settings, made_by).map_err(|found| StartError::NoBinaries {
        wanted: made_by
            .map(|version| format!("of version {version}, which made the data directory, "))
            .unwrap_or_default(),
        found: match found.as_slice() {
            [] => "none at all".to_owned(),
            found => found
                .iter()
                .map(|binaries| format!("{} in {}", binaries.major, binaries.folder.display()))
                .collect::<Vec<_>>()
                .join(", "),
        },
    })
}

/// A path as an argument. Ours are made of the operator's; one that is not UTF-8 cannot be configured either.
fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}
