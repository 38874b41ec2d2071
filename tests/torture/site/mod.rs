//! A deployment: Postgres, servers, a folder for both.

pub mod postgres;
pub mod process;
pub mod server;

pub use postgres::Postgres;
pub use server::Server;

use self::process::{Held, Undertaker};
use heirloom::config::names;
use sqlx::PgConnection;
use std::{path::PathBuf, time::Duration};

/// 32 bytes that are not secret.
pub const MASTER_KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";
/// Connections of each server's pool: few, so that a leak of a few more is seen.
pub const POOL: usize = 8;

/// A deployment. Its processes end, and its folder goes, with this value.
#[derive(Debug)]
pub struct Site {
    pub folder: PathBuf,
    pub postgres: Postgres,
    pub servers: Vec<Server>,
    _undertaker: Undertaker,
}

impl Site {
    /// A folder and a cluster, nothing started: for faults that need something between.
    pub fn lay_out() -> Self {
        let folder = postgres::new_folder();
        let undertaker = Undertaker::of(&folder);
        let postgres = Postgres::lay_out(&folder, "data");
        Self { folder, postgres, servers: Vec::new(), _undertaker: undertaker }
    }

    /// Postgres and so many servers, ready.
    pub async fn start(servers: usize) -> Self {
        let mut site = Self::lay_out();
        site.postgres.start().await;
        let url = site.postgres.url();
        for _ in 0..servers {
            site.add_server(&url);
        }
        site.start_servers().await;
        site
    }

    /// One more server, not started.
    pub fn add_server(&mut self, database_url: &str) -> &mut Server {
        let name = format!("server-{}", self.servers.len() + 1);
        let pool = POOL.to_string();
        let options = [
            ("DATABASE_URL", database_url),
            (names::MASTER_KEY, MASTER_KEY),
            (names::PUBLIC_URL, "http://heirloom.test"),
            (names::INSECURE_FOR_TESTS, "true"),
            (names::BCRYPT_COST, "4"),
            (names::DB_MAX_CONNECTIONS, &pool),
            (names::METRICS_BIND, ""),
            (names::RATE_LIMIT, "off"),
        ];
        self.servers.push(Server::new(&self.folder, &name, &options));
        self.servers.last_mut().unwrap()
    }

    pub async fn start_servers(&mut self) {
        for server in &mut self.servers {
            server.start().await;
        }
    }

    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.url().to_owned()).collect()
    }

    /// What each server holds now.
    pub fn held(&self) -> Vec<Held> {
        self.servers.iter().map(Server::held).collect()
    }

    pub async fn connect(&self) -> PgConnection {
        self.postgres.connect().await
    }

    /// What the row of this token's session says.
    pub async fn generation(&self, token: &str) -> i64 {
        let session = crate::load::client::parts(token).session;
        self.postgres.number(&format!("SELECT generation::int8 FROM sessions WHERE id = '{session}'")).await
    }

    /// Connections of the servers that stay in a transaction, though nobody works any more.
    pub async fn left_in_transaction(&self) -> i64 {
        const COUNT: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'heirloom' \
            AND state LIKE 'idle in transaction%'";
        let mut left = i64::MAX;
        for _ in 0..1_200 {
            left = self.postgres.number(COUNT).await;
            if left == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        left
    }
}
