//! A Postgres of our own: default settings plus what an operator would set, and durable.

use super::server::cpu_with_children_of;
use heirloom::{
    kernel::{MasterKey, MasterKeys, Rng, SessionId},
    sessions::{Generation, Secret, TokenKeys},
};
use heirloom_testing::{give_to_postgres, postgres_program};
use serde_json::{Value, json};
use sqlx::{PgPool, Row, postgres::PgPoolOptions};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};
use uuid::Uuid;

/// What an operator would set on a machine of this size; everything else, `fsync` among it, is as it comes.
const SETTINGS: &[&str] = &[
    "shared_buffers=1GB",
    "max_wal_size=4GB",
    "checkpoint_timeout=15min",
    "max_connections=200",
    "wal_compression=on",
];
/// The file that holds our rotation statement.
const ROTATION: &str = include_str!("../../src/sessions/store/rotation.rs");

pub struct Cluster {
    folder: PathBuf,
    postmaster: u32,
    pub pool: PgPool,
}

impl Cluster {
    /// Makes and starts one below `folder`.
    pub async fn start(folder: &Path) -> Self {
        let folder = folder.join("postgres");
        fs::create_dir_all(&folder).unwrap();
        give_to_postgres(&folder);
        let data = folder.join("data");
        let mut initdb = quiet("initdb");
        let made = initdb.args(["-A", "trust", "-E", "UTF8", "--locale=C", "-U", "postgres", "-D"]).arg(&data).status();
        assert!(made.unwrap().success(), "initdb failed");
        let mut start = quiet("pg_ctl");
        let mut options = format!("-k {} -h ''", folder.display());
        for setting in SETTINGS {
            options.push_str(" -c ");
            options.push_str(setting);
        }
        let start =
            start.args(["start", "-w", "-s", "-o", &options, "-l"]).arg(folder.join("log")).arg("-D").arg(&data);
        assert!(start.status().unwrap().success(), "Postgres did not start: see {}", folder.display());
        let postmaster = fs::read_to_string(data.join("postmaster.pid")).unwrap();
        let postmaster = postmaster.lines().next().unwrap().parse().unwrap();
        let url = format!("postgres://postgres@localhost/postgres?host={}", folder.display());
        let pool = PgPoolOptions::new().max_connections(2).connect(&url).await.unwrap();
        sqlx::query("CREATE DATABASE heirloom").execute(&pool).await.unwrap();
        let pool = PgPoolOptions::new().max_connections(2).connect_lazy(&url.replace("/postgres?", "/heirloom?"));
        Self { folder, postmaster, pool: pool.unwrap() }
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres@localhost/heirloom?host={}", self.folder.display())
    }

    /// Runs statements.
    pub async fn run(&self, sql: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&self.pool).await.unwrap();
    }

    /// Sets a parameter of the whole cluster, from now on.
    pub async fn set(&self, parameter: &str, value: &str) {
        self.run(&format!("ALTER SYSTEM SET {parameter} = {value}")).await;
        self.run("SELECT pg_reload_conf()").await;
    }

    /// A number.
    pub async fn number(&self, sql: &str) -> f64 {
        let sql = format!("SELECT ({sql})::float8");
        sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&self.pool).await.unwrap().get(0)
    }

    /// Seconds of CPU of all its processes so far.
    pub fn cpu(&self) -> f64 {
        let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.postmaster)).unwrap();
        let children = children.split_whitespace().map(|child| cpu_with_children_of(child.parse().unwrap()));
        cpu_with_children_of(self.postmaster) + children.sum::<f64>()
    }

    /// Ten thousand users, and so many live sessions whose tokens are never presented.
    pub async fn add_cold_sessions(&self, count: u32) {
        self.run(&format!(
            "INSERT INTO users (id, email, password_hash, created_at)
             SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'cold-' || n || '@example.com', '-', now()
             FROM generate_series(1, 10000) AS n ON CONFLICT DO NOTHING;
             INSERT INTO sessions (id, user_id, created_at, absolute_expires_at, transport, remembered, idle_expires_at,
                                   last_used_at, generation, secret_hash, rotation_nonce, ip, user_agent)
             SELECT ('01a00000-' || lpad(to_hex(n >> 16), 4, '0') || '-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
                    ('00000000-0000-7000-8000-' || lpad(to_hex(n % 10000 + 1), 12, '0'))::uuid, now(),
                    now() + interval '90 days', 'body', true, now() + interval '14 days', now(), 1,
                    sha256(int4send(n)), substr(sha256(int4send(n)), 1, 16), '192.0.2.1',
                    'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'
             FROM generate_series(1, {count}) AS n;"
        ))
        .await;
    }

    /// Sessions whose tokens we know: written with the server's own token code under the run's master key.
    pub async fn add_live_sessions(&self, count: u16, file: &Path) {
        let master = Arc::new(MasterKey::parse(super::server::MASTER_KEY).unwrap());
        let keys = TokenKeys::new(&MasterKeys { current: master, previous: Arc::new([]) });
        let (rng, mut tokens, mut ids, mut hashes) = (Rng::system(), Vec::new(), Vec::new(), Vec::new());
        for number in 0..count {
            // Spread among the cold ones, as sessions that are in use are.
            let id = Uuid::from_fields(0x01a0_0000, number % 16, 0x7000, &rng.bytes::<8>());
            let secret = Secret::draw(&rng);
            tokens.push(keys.issue(SessionId::from(id), Generation::FIRST, &secret).reveal().to_owned());
            ids.push(id);
            hashes.push(secret.digest().as_bytes().to_vec());
        }
        sqlx::query(
            "INSERT INTO sessions (id, user_id, created_at, absolute_expires_at, transport, remembered, idle_expires_at,
                                   last_used_at, generation, secret_hash)
             SELECT id, (SELECT u.id FROM users AS u ORDER BY u.id OFFSET n % 1000 LIMIT 1), now(),
                    now() + interval '90 days', 'body', true, now() + interval '14 days', now(), 0, hash
             FROM unnest($1::uuid[], $2::bytea[]) WITH ORDINALITY AS live (id, hash, n)",
        )
        .bind(ids)
        .bind(hashes)
        .execute(&self.pool)
        .await
        .unwrap();
        fs::write(file, tokens.join("\n")).unwrap();
    }

    /// The figures that a load changes, after a checkpoint.
    pub async fn counters(&self) -> Counters {
        self.run("CHECKPOINT").await;
        self.now().await
    }

    /// The figures that a load changes.
    pub async fn now(&self) -> Counters {
        Counters {
            cpu: self.cpu(),
            wal: self.number("pg_current_wal_lsn() - '0/0'::pg_lsn").await,
            commits: self.number("SELECT xact_commit FROM pg_stat_database WHERE datname = 'heirloom'").await,
            updated: self.number("SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'sessions'").await,
            hot: self.number("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'").await,
            size: self.number("pg_total_relation_size('sessions')").await,
        }
    }

    /// The ceiling: pgbench with exactly our statement, as prepared as ours, over the same socket; each of its clients
    /// rotates a session of its own. Returns rotations a second.
    pub fn pgbench(&self, clients: usize, seconds: u32) -> Value {
        let script = self.folder.join("rotation.sql");
        fs::write(&script, pgbench_script()).unwrap();
        let mut pgbench = postgres_program("pgbench");
        let (clients, seconds) = (clients.to_string(), seconds.to_string());
        let arguments = [
            "-n", "-M", "prepared", "-c", &clients, "-j", "1", "-T", &seconds, "-D", "begun=0", "-U", "postgres", "-h",
        ];
        let pgbench = pgbench.args(arguments).arg(&self.folder).arg("-f").arg(&script).arg("heirloom");
        let output = pgbench.stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "pgbench failed: {}", String::from_utf8_lossy(&output.stderr));
        let tps = text.lines().find_map(|line| line.strip_prefix("tps = ")).unwrap();
        let tps: f64 = tps.split(' ').next().unwrap().parse().unwrap();
        // The script rotates twice.
        json!({ "rate": tps * 2.0 })
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = quiet("pg_ctl");
        drop(stop.args(["stop", "-m", "immediate", "-s", "-D"]).arg(self.folder.join("data")).status());
    }
}

#[derive(Clone, Copy)]
pub struct Counters {
    pub cpu: f64,
    pub wal: f64,
    pub commits: f64,
    pub updated: f64,
    pub hot: f64,
    pub size: f64,
}

/// Our own statement, with pgbench's variables in the place of its parameters: once to a hash, and once back.
fn pgbench_script() -> String {
    let (_, rest) = ROTATION.split_once("r#\"").unwrap();
    let (statement, _) = rest.split_once("\"#").unwrap();
    let statement = statement.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let with = |from: &str, to: &str| {
        let values = [
            ("$11", "NULL".to_owned()),
            ("$10", "'127.0.0.1'".to_owned()),
            ("$1", ":id".to_owned()),
            ("$2", ":generation".to_owned()),
            ("$3", format!(":hash_{from}")),
            ("$4", ":transport".to_owned()),
            ("$5", format!(":hash_{to}")),
            ("$6", format!(":nonce_{to}")),
            ("$7", "1209600".to_owned()),
            ("$8", "43200".to_owned()),
            ("$9", ":deadline".to_owned()),
        ];
        values.iter().fold(statement.clone(), |text, (parameter, value)| text.replace(parameter, value))
    };
    let sha = |word| format!("sha256('{word}')");
    let (one, two) = (sha("one"), sha("two"));
    format!(
        "\\if :begun\n\\else\n\
         UPDATE sessions SET secret_hash = {one}, generation = 0 \
         WHERE id = (SELECT id FROM sessions WHERE id >= '01a00000-0001-7000-8000-000000000000' ORDER BY id \
         OFFSET :client_id * 97 LIMIT 1) RETURNING id, transport, {one}::text AS hash_one, {two}::text AS hash_two, \
         substr({one}, 1, 16)::text AS nonce_one, substr({two}, 1, 16)::text AS nonce_two, \
         (now() + interval '1 day')::text AS deadline \\gset\n\
         \\set generation 0\n\\set begun 1\n\\endif\n\
         {};\n\\set generation :generation + 1\n{};\n\\set generation :generation + 1\n",
        with("one", "two"),
        with("two", "one")
    )
}

/// A program of Postgres, whose words do not stand among the figures.
fn quiet(program: &str) -> Command {
    let mut command = postgres_program(program);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// Sends a signal, as `kill` does.
pub fn signal(process: u32, name: &str) {
    drop(Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status());
}

/// The session of the first token in a file.
pub fn session_of(file: &str) -> Uuid {
    let (master, tokens) = (MasterKey::parse(super::server::MASTER_KEY).unwrap(), fs::read_to_string(file).unwrap());
    let keys = TokenKeys::new(&MasterKeys { current: Arc::new(master), previous: Arc::new([]) });
    keys.read(tokens.lines().next().unwrap()).unwrap().session.as_uuid()
}
