//! A Postgres of one's own, that may be treated badly.

use super::process::{self, Undertaker};
use heirloom_testing::{give_to_postgres, postgres_program};
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::Duration,
};

/// A cluster in a folder, and its postmaster. It listens at a socket in `<folder>/run`.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    name: String,
    settings: Vec<String>,
    environment: Vec<(String, String)>,
    postmaster: Option<Child>,
}

impl Postgres {
    /// A copy of the template at `<folder>/<name>`; not started.
    pub fn lay_out(folder: &Path, name: &str) -> Self {
        let run = folder.join("run");
        fs::create_dir_all(&run).unwrap();
        give_to_postgres(&run);
        let to = folder.join(name);
        ran(Command::new("cp").arg("-a").arg(template()).arg(&to));
        Self::existing(folder, name)
    }

    /// One whose data directory is there already.
    pub fn existing(folder: &Path, name: &str) -> Self {
        let (name, settings, environment) = (name.to_owned(), Vec::new(), Vec::new());
        Self { folder: folder.to_owned(), name, settings, environment, postmaster: None }
    }

    /// Takes effect at the next start.
    pub fn set(&mut self, setting: &str, value: &str) {
        self.settings.push(format!("{setting}={value}"));
    }

    /// Takes effect at the next start.
    pub fn environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    pub fn data(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Starts the postmaster and waits until it lets us in.
    pub async fn start(&mut self) {
        for _ in 0..600 {
            if !self.is_running() {
                self.spawn();
            }
            if self.superuser().connect().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Postgres does not start: {}", fs::read_to_string(self.log()).unwrap_or_default());
    }

    fn spawn(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut postgres = postgres_program("postgres");
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.folder.join("run"));
        postgres.args(self.settings.iter().flat_map(|setting| ["-c", setting]));
        postgres.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let child = postgres.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        note(&self.folder, &self.name, child.id());
        self.postmaster = Some(child);
    }

    fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// Whether the postmaster lives.
    pub fn is_running(&mut self) -> bool {
        self.postmaster.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// `kill -9` of the postmaster and all its children, at once.
    pub fn kill(&mut self) {
        let Some(mut child) = self.postmaster.take() else { return };
        // Stopped first: it makes no child that we do not see.
        process::signal("STOP", &[child.id()]);
        let all = with_children(child.id());
        process::signal("KILL", &all);
        child.wait().unwrap();
        process::until_gone(&all);
    }

    /// SIGSTOP of all its processes.
    pub fn pause(&self) {
        let postmaster = self.postmaster.as_ref().unwrap().id();
        process::signal("STOP", &[postmaster]);
        process::signal("STOP", &with_children(postmaster));
    }

    /// SIGCONT.
    pub fn resume(&self) {
        process::signal("CONT", &with_children(self.postmaster.as_ref().unwrap().id()));
    }

    /// Everything is allowed to it; also where the whole cluster is read-only.
    pub fn superuser(&self) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass().socket(self.folder.join("run")).username("postgres");
        let options = options.port(self.port()).database("heirloom").application_name("torture");
        options.options([("default_transaction_read_only", "off")])
    }

    /// What the server is configured to use.
    pub fn url(&self) -> String {
        let (run, port) = (self.folder.join("run"), self.port());
        format!("postgres://heirloom@localhost:{port}/heirloom?host={}", run.display())
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("run").join(format!(".s.PGSQL.{}", self.port()))
    }

    pub fn port(&self) -> u16 {
        let set = self.settings.iter().rev().find_map(|setting| setting.strip_prefix("port="));
        set.map_or(5432, |port| port.parse().unwrap())
    }

    pub async fn connect(&self) -> PgConnection {
        for _ in 0..600 {
            if let Ok(connection) = self.superuser().connect().await {
                return connection;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("Postgres lets nobody in");
    }

    /// Runs statements as the superuser, one by one.
    pub async fn execute(&self, statements: &str) {
        let mut connection = self.connect().await;
        for statement in statements.split("; ").filter(|statement| !statement.trim().is_empty()) {
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.unwrap();
        }
    }

    /// A number that a statement asks for.
    pub async fn number(&self, statement: &str) -> i64 {
        let mut connection = self.connect().await;
        let asked = sqlx::query_scalar(sqlx::AssertSqlSafe(statement.to_owned()));
        asked.fetch_one(&mut connection).await.unwrap()
    }
}

fn with_children(postmaster: u32) -> Vec<u32> {
    let mut all = process::children_of(postmaster);
    all.push(postmaster);
    all
}

/// Notes a process for the undertaker.
pub fn note(folder: &Path, name: &str, process: u32) {
    let pids = folder.join("pids");
    fs::create_dir_all(&pids).unwrap();
    fs::write(pids.join(name), process.to_string()).unwrap();
}

/// A cluster that each test copies: made once, with the role and the database of the server in it.
fn template() -> &'static Path {
    static TEMPLATE: OnceLock<(PathBuf, Undertaker)> = OnceLock::new();
    let (folder, _undertaker) = TEMPLATE.get_or_init(|| {
        let folder = new_folder();
        let undertaker = Undertaker::of(&folder);
        make_template(&folder.join("data"));
        (folder.join("data"), undertaker)
    });
    folder
}

/// Where nobody but the power supply can lose a commit, `fsync` is only slow: no test here pulls the plug.
const SETTINGS: &str = "
listen_addresses = ''
max_connections = 60
shared_buffers = 32MB
fsync = off
min_wal_size = 4MB
max_wal_size = 64MB
timezone = 'UTC'
";

fn make_template(data: &Path) {
    let initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--wal-segsize=1"];
    ran(postgres_program("initdb").args(initdb).arg("-D").arg(data));
    let path = data.join("postgresql.conf");
    let written = fs::read_to_string(&path).unwrap();
    fs::write(path, written + SETTINGS).unwrap();
    single_user(data, "postgres", "CREATE ROLE heirloom LOGIN;\nCREATE DATABASE heirloom OWNER heirloom;\n");
}

/// Statements without a server.
fn single_user(data: &Path, database: &str, statements: &str) {
    let mut postgres = postgres_program("postgres");
    postgres.args(["--single", "-j", "-D"]).arg(data).arg(database);
    let statements = statements.replace(";\n", ";\n\n");
    let mut child = postgres.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), statements.as_bytes()).unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

/// A new folder that Postgres' account can use.
pub fn new_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("heirloom-torture-").tempdir().unwrap().keep();
    give_to_postgres(&folder);
    folder
}

fn ran(command: &mut Command) {
    let ended = command.stdin(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ended.stderr));
}
