//! Where a private Postgres lives for a test, and ways to look at it.

use private_postgres::{PrivatePostgres, Role, Settings, StartError, Tenant};
use sqlx::{Connection, PgConnection};
use std::{fs, os::unix::fs::MetadataExt, path::PathBuf, process::Command};
use tempfile::TempDir;

/// A data directory of one's own; whatever a test leaves running or lying about goes with it.
pub struct Place {
    _root: TempDir,
    pub settings: Settings,
}

impl Place {
    pub fn new() -> Self {
        Self::below("")
    }

    /// A data directory deeper down, whose parents anybody may pass through.
    pub fn below(path: &str) -> Self {
        let root = tempfile::Builder::new().permissions(mode(0o755)).tempdir().unwrap();
        let data_dir = root.path().join(path).join("data");
        Self { _root: root, settings: settings(data_dir) }
    }

    pub async fn start(&self, tenant: Tenant) -> PrivatePostgres {
        PrivatePostgres::start(&self.settings, tenant).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
    }

    pub async fn refusal(&self, tenant: Tenant) -> StartError {
        PrivatePostgres::start(&self.settings, tenant).await.expect_err("this start must be refused")
    }

    pub fn location(&self) -> PathBuf {
        self.settings.data_dir.join("postgres.location")
    }

    pub fn home(&self) -> PathBuf {
        match fs::read_to_string(self.location()) {
            Ok(home) => PathBuf::from(home.trim()),
            Err(_) => self.settings.data_dir.join("postgres"),
        }
    }

    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    pub fn postmaster(&self) -> Option<u32> {
        let noted = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        noted.lines().next()?.parse().ok()
    }

    pub fn kill_postmaster(&self) {
        kill("-KILL", self.postmaster().expect("a postmaster"));
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pid) = self.postmaster() {
            kill("-QUIT", pid);
        }
        if self.location().exists() {
            drop(fs::remove_dir_all(self.home()));
        }
        let short = fs::read_to_string(self.home().join("run.location"));
        drop(short.map(|folder| fs::remove_dir_all(folder.trim())));
    }
}

#[expect(clippy::disallowed_methods, reason = "the binaries are found as they are in production")]
pub fn settings(data_dir: PathBuf) -> Settings {
    Settings { data_dir, binaries: None, search_path: std::env::var_os("PATH") }
}

pub fn mode(mode: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

pub fn are_we_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

pub fn kill(signal: &str, pid: u32) {
    drop(Command::new("kill").args([signal, &pid.to_string()]).stderr(std::process::Stdio::null()).status());
}

pub async fn connect(postgres: &PrivatePostgres) -> PgConnection {
    connect_as(postgres, Role::Owner).await
}

pub async fn connect_as(postgres: &PrivatePostgres, role: Role) -> PgConnection {
    PgConnection::connect_with(&postgres.connect_options(role)).await.unwrap()
}

/// The SQLSTATE with which a statement is refused.
pub async fn refusal_of(connection: &mut PgConnection, statement: &'static str) -> String {
    let refused = sqlx::raw_sql(statement).execute(connection).await.unwrap_err();
    refused.as_database_error().unwrap().code().unwrap().into_owned()
}

pub async fn show(postgres: &PrivatePostgres, setting: &str) -> String {
    let mut connection = connect(postgres).await;
    sqlx::query_scalar("SELECT current_setting($1)").bind(setting).fetch_one(&mut connection).await.unwrap()
}

/// The folder through which it can be reached.
pub async fn socket_folder(postgres: &PrivatePostgres) -> PathBuf {
    drop(connect(postgres).await);
    postgres.connect_options(Role::Owner).get_socket().unwrap().clone()
}

/// Leaves something behind by which a cluster is known again.
pub async fn write(postgres: &PrivatePostgres, text: &str) {
    let mut connection = connect(postgres).await;
    sqlx::query("CREATE TABLE IF NOT EXISTS notes (note text)").execute(&mut connection).await.unwrap();
    sqlx::query("INSERT INTO notes VALUES ($1)").bind(text).execute(&mut connection).await.unwrap();
}

pub async fn read(postgres: &PrivatePostgres) -> Vec<String> {
    let mut connection = connect(postgres).await;
    sqlx::query_scalar("SELECT note FROM notes ORDER BY note").fetch_all(&mut connection).await.unwrap()
}
