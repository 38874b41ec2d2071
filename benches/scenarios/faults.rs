//! Rotations beside what goes wrong: a locked row, a row that cannot be written, a slow disk.

use super::{
    postgres::session_of,
    report::median,
    scenarios::Bench,
    server::{Server, load},
};
use serde_json::Value;

/// How long another connection holds a row.
const LOCKED_SECONDS: f64 = 10.0;

impl Bench<'_> {
    /// One of 64 rows is locked by another connection for all of the load. The figures are those of the answered requests,
    /// so those of the others; the client of the locked row is answered 503 as often as it asks.
    ///
    /// A transaction that stays open keeps Postgres from removing old row versions, whatever it has locked. So the load
    /// without is measured beside a transaction that is open as long and has locked a row that nobody uses.
    pub async fn locked(&mut self) {
        let server = Server::start(&self.large, &self.folder, &[]);
        let (mut ratios, mut failing) = (Vec::new(), 0.0_f64);
        for _ in 0..self.run.rounds() {
            let alone = self.rotate(&[&server], "64", LOCKED_SECONDS);
            let without = self.rotate_beside_lock(&server, &self.tokens("large", "1")).await;
            let with = self.rotate_beside_lock(&server, &self.tokens("large", "64")).await;
            ratios.push(p99(&with) / p99(&without));
            failing = failing.max(with["failing_clients"].as_f64().unwrap());
            self.report.load("rotation, 64 clients, no row locked", &alone);
            self.report.load("rotation, 64 clients, the row of an idle session locked", &without);
            self.report.load("rotation, 64 clients, one row locked", &with);
        }
        self.report.target("one row locked for 10 s: p99 of the others / without", median(&ratios), "<=", 1.5);
        self.report.target("one row locked for 10 s: clients with an error", failing, "<=", 1.0);
    }

    /// The load, while a transaction has locked the row of the first token in a file.
    async fn rotate_beside_lock(&self, server: &Server, tokens: &str) -> Value {
        // Each load begins with rows as short as the others found them.
        self.large.run("VACUUM sessions").await;
        let mut blocker = self.large.pool.begin().await.unwrap();
        let lock = "SELECT FROM sessions WHERE id = $1 FOR UPDATE";
        sqlx::query(lock).bind(session_of(tokens)).execute(&mut *blocker).await.unwrap();
        let result = self.rotate(&[server], "64", LOCKED_SECONDS);
        blocker.rollback().await.unwrap();
        result
    }

    /// One of 64 rows makes every statement fail that writes it, so that each batch with it fails as a whole.
    pub async fn poisoned(&mut self) {
        let server = Server::start(&self.large, &self.folder, &[]);
        let session = session_of(&self.tokens("large", "64"));
        let without = self.rotate(&[&server], "64", 6.0);
        self.large
            .run(&format!(
                "CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'poisoned'; END$$;
                 CREATE TRIGGER poison BEFORE UPDATE ON sessions FOR EACH ROW WHEN (old.id = '{session}')
                 EXECUTE FUNCTION poison()"
            ))
            .await;
        let with = self.rotate(&[&server], "64", 6.0);
        self.large.run("DROP TRIGGER poison ON sessions; DROP FUNCTION poison()").await;
        self.report.load("rotation, 64 clients, one row poisoned", &with);
        self.report.add("rotation, 64 clients, one row poisoned", "p99_against_without", p99(&with) / p99(&without));
        let failing = with["failing_clients"].as_f64().unwrap();
        self.report.target("one row poisoned: clients with an error", failing, "<=", 1.0);
    }

    /// Each flush of the WAL takes two milliseconds more, as on a slow disk: `commit_delay` has the backend that flushes
    /// sleep first, and with `commit_siblings = 0` always. The disk below is as it is.
    pub async fn slow_flush(&mut self) {
        self.large.set("commit_delay", "2000").await;
        self.large.set("commit_siblings", "0").await;
        let server = Server::start(&self.large, &self.folder, &[]);
        self.rotate(&[&server], "64", 2.0);
        let mut shares = Vec::new();
        for _ in 0..self.run.rounds() {
            let ceiling = self.ceiling();
            let measured = self.rotate(&[&server], "64", 10.0);
            shares.push(measured["rate"].as_f64().unwrap() / ceiling);
            self.report.add("pgbench, 64 clients, each flush 2 ms", "rate", ceiling);
            self.report.load("rotation, 64 clients, each flush 2 ms", &measured);
        }
        self.report.add("rotation, 64 clients, each flush 2 ms", "share_of_ceiling", median(&shares));
        let paced = ["--clients", "64", "--rate", "500", "--seconds", &self.run.seconds(6.0)];
        let tokens = self.tokens("large", "64");
        let paced = load(&[&server], &[&paced[..], &["--tokens", &tokens]].concat());
        self.report.load("500 refreshes a second, each flush 2 ms", &paced);
        self.large.set("commit_delay", "DEFAULT").await;
        self.large.set("commit_siblings", "DEFAULT").await;
    }
}

fn p99(result: &Value) -> f64 {
    result["p99_ms"].as_f64().unwrap()
}
