//! One private Postgres for the whole test run, and one database of it for each test.
//!
//! A test binary has no tear-down, so that the cluster is watched over by a shell that waits for the end of its standard
//! input: when this process ends, however it ends, the pipe closes and the shell stops Postgres and removes its files.

use heirloom::{
    config::{Config, Source},
    postgres::{Connector, OwnDatabase},
};
use private_postgres::{PrivatePostgres, Role, Settings, Tenant};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use std::{
    collections::HashSet,
    fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
};
use tokio::sync::{Mutex, mpsc as queue};

/// A database of one's own, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    name: String,
    options: PgConnectOptions,
    people: std::sync::Mutex<HashSet<String>>,
}

impl TestDatabase {
    /// A new database with all migrations.
    pub async fn create() -> Self {
        let cluster = cluster();
        let name = cluster.ready.lock().await.recv().await.expect("databases are made until the process ends");
        Self { options: cluster.options.clone().database(&name), name, people: std::sync::Mutex::default() }
    }

    /// How to connect to it.
    pub fn options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Notes that a user has an account now; returns whether they had none.
    pub fn is_new(&self, person: &str) -> bool {
        self.people.lock().expect("a lock").insert(person.to_owned())
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        drop(cluster().done_with.send(self.name.clone()));
    }
}

struct Cluster {
    options: PgConnectOptions,
    /// Databases that nobody has used yet, made ahead.
    ready: Mutex<queue::Receiver<String>>,
    done_with: queue::UnboundedSender<String>,
    _undertaker: Child,
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(start)
}

/// Fast and not durable, which is right for nothing but tests; and room for many servers at once.
const SETTINGS: [&str; 5] = [
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET synchronous_commit = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET autovacuum = off",
    "ALTER SYSTEM SET max_connections = 400",
];

fn start() -> Cluster {
    let folder = tempfile::Builder::new().prefix("heirloom-spec-").tempdir().expect("a folder").keep();
    let undertaker = undertaker(&folder);
    let (started, running) = mpsc::channel();
    let (made, ready) = queue::channel(2);
    let (done_with, dropped) = queue::unbounded_channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let postgres = start_postgres(&folder).await;
            // Tests end other connections and make databases.
            let options = as_superuser(&postgres);
            make_template(&options).await;
            started.send(options.clone()).expect("a test waits for the cluster");
            tokio::join!(make_databases(&options, made), drop_databases(&options, dropped));
        });
    });
    let options = running.recv().expect("Postgres starts");
    Cluster { options, ready: Mutex::new(ready), done_with, _undertaker: undertaker }
}

fn undertaker(folder: &Path) -> Child {
    const SCRIPT: &str = r#"
        cat > /dev/null
        home="$1/postgres"
        [ -f "$1/postgres.location" ] && home="$(cat "$1/postgres.location")"
        postmaster="$(head -n 1 "$home/data/postmaster.pid" 2> /dev/null)"
        if [ -n "$postmaster" ]; then
            kill -QUIT "$postmaster"
            while kill -0 "$postmaster" 2> /dev/null; do sleep 0.1; done
        fi
        rm -rf "$1" "$home"
    "#;
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, "undertaker"]).arg(folder);
    shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    shell.spawn().expect("a shell")
}

/// Starts twice: the number of connections takes effect at a start only.
async fn start_postgres(folder: &Path) -> PrivatePostgres {
    let source = Source::ambient(None).expect("options");
    let settings = Settings {
        data_dir: folder.to_owned(),
        binaries: source.value("HEIRLOOM_PG_BIN").map(Into::into),
        search_path: source.search_path(),
    };
    let first = PrivatePostgres::start(&settings, Tenant::Server).await.expect("Postgres starts");
    let mut connection = as_superuser(&first).connect().await.expect("Postgres lets us in");
    for setting in SETTINGS {
        sqlx::raw_sql(setting).execute(&mut connection).await.expect("a setting");
    }
    connection.close().await.expect("a connection closes");
    first.stop().await.expect("Postgres stops");
    let postgres = PrivatePostgres::start(&settings, Tenant::Server).await.expect("Postgres starts again");
    let mut connection = as_superuser(&postgres).connect().await.expect("Postgres lets us in");
    trust_every_connection(&mut connection).await;
    connection.close().await.expect("a connection closes");
    postgres
}

fn as_superuser(postgres: &PrivatePostgres) -> PgConnectOptions {
    postgres.connect_options(Role::Superuser).database("postgres")
}

/// Without passwords: tests create roles of their own. A start writes this file, so it is replaced afterwards.
async fn trust_every_connection(connection: &mut PgConnection) {
    let data =
        sqlx::query_scalar::<_, String>("SHOW data_directory").fetch_one(&mut *connection).await.expect("a folder");
    fs::write(Path::new(&data).join("pg_hba.conf"), "local all all trust\n").expect("a file of ours");
    sqlx::raw_sql("SELECT pg_reload_conf()").execute(connection).await.expect("the file is read");
}

async fn make_template(options: &PgConnectOptions) {
    let mut connection = options.connect().await.expect("Postgres lets us in");
    sqlx::raw_sql("CREATE DATABASE spec_template").execute(&mut connection).await.expect("a template");
    let config = Config::from_source(Source::default()).expect("options");
    let options = options.clone().database("spec_template");
    let template = OwnDatabase { runtime: options.clone(), owner: options };
    let template = Connector::new(&config.database, Some(template));
    template.migrate(config.audit_retention).await.expect("the migrations apply");
}

async fn make_databases(options: &PgConnectOptions, made: queue::Sender<String>) {
    let mut connection = options.connect().await.expect("Postgres lets us in");
    for number in 1.. {
        let name = format!("spec_{number}");
        let sql = format!("CREATE DATABASE {name} TEMPLATE spec_template");
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await.expect("a database");
        made.send(name).await.expect("the cluster lives as long as the process");
    }
}

async fn drop_databases(options: &PgConnectOptions, mut dropped: queue::UnboundedReceiver<String>) {
    let mut connection = options.connect().await.expect("Postgres lets us in");
    while let Some(name) = dropped.recv().await {
        // A server that still runs may connect again in between: then the database goes with the cluster.
        let sql = format!("DROP DATABASE {name} WITH (FORCE)");
        drop(sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await);
    }
}
