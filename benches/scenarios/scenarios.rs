//! The scenarios, each of which adds its figures to the report.

use super::{
    postgres::{Cluster, Counters},
    report::{Report, median},
    server::{self, Server, load},
};
use clap::Args;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

/// All of them, in the order in which they run: the sweep leaves little behind, and the feed revokes everyone.
const ALL: &[&str] =
    &["rotation", "locked", "poisoned", "slow-flush", "sizes", "checks", "sign-ins", "start", "bloat", "sweep", "feed"];

#[derive(Args)]
pub struct Run {
    /// Which: rotation, locked, poisoned, slow-flush, sizes, checks, sign-ins, start, bloat, sweep, feed. None: all
    scenarios: Vec<String>,
    /// A fifth of the time, a tenth of the sessions: to see that it works, not to quote
    #[arg(long)]
    quick: bool,
    /// The bloat scenario rotates ten million times: some fifteen minutes more
    #[arg(long)]
    long: bool,
}

impl Run {
    pub fn seconds(&self, seconds: f64) -> String {
        format!("{}", if self.quick { (seconds / 5.0).max(2.0) } else { seconds })
    }

    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// How often each kind of revocation is tried.
    pub fn trials(&self) -> u32 {
        if self.quick { 20 } else { 200 }
    }

    fn million(&self) -> u32 {
        if self.quick { 100_000 } else { 1_000_000 }
    }
}

/// What the scenarios share: a database with a million sessions, and their folder.
pub struct Bench<'a> {
    pub run: &'a Run,
    pub folder: PathBuf,
    pub large: Cluster,
    pub report: Report,
}

pub async fn run(run: &Run) {
    for name in &run.scenarios {
        assert!(ALL.contains(&name.as_str()), "no scenario `{name}`: there are {}", ALL.join(", "));
    }
    let folder = tempfile::Builder::new().prefix("heirloom-bench").tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut bench = Bench {
        run,
        folder: folder.path().to_owned(),
        report: Report::new(run.quick),
        large: furnished(folder.path(), "large", run.million()).await,
    };
    for name in ALL.iter().filter(|name| run.scenarios.is_empty() || run.scenarios.iter().any(|one| one == *name)) {
        eprintln!("== {name}");
        match *name {
            "rotation" => bench.rotation().await,
            "locked" => bench.locked().await,
            "poisoned" => bench.poisoned().await,
            "slow-flush" => bench.slow_flush().await,
            "sizes" => bench.sizes().await,
            "checks" => bench.checks(),
            "sign-ins" => bench.sign_ins(),
            "feed" => bench.feed().await,
            "start" => bench.start().await,
            "sweep" => bench.sweep().await,
            _ => bench.bloat().await,
        }
        bench.report.save();
    }
    bench.report.finish();
}

/// A cluster with our schema and so many sessions, a thousand of which are in use.
async fn furnished(folder: &Path, name: &str, sessions: u32) -> Cluster {
    eprintln!("== a database with {sessions} sessions");
    let folder = folder.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let cluster = Cluster::start(&folder).await;
    let migrated = server::command(&cluster).arg("migrate").stdout(Stdio::null()).status().unwrap();
    assert!(migrated.success(), "migrations failed");
    cluster.add_cold_sessions(sessions).await;
    cluster.add_live_sessions(1, &folder.join("1")).await;
    cluster.add_live_sessions(64, &folder.join("64")).await;
    cluster.add_live_sessions(512, &folder.join("512")).await;
    cluster.add_live_sessions(1_000, &folder.join("1000")).await;
    cluster.run("VACUUM ANALYZE").await;
    cluster
}

impl Bench<'_> {
    pub fn tokens(&self, name: &str, count: &str) -> String {
        self.folder.join(name).join(count).display().to_string()
    }

    pub fn rotate(&self, servers: &[&Server], clients: &str, seconds: f64) -> Value {
        let (tokens, seconds) = (self.tokens("large", clients), self.run.seconds(seconds));
        load(servers, &["--clients", clients, "--tokens", &tokens, "--seconds", &seconds])
    }

    fn get(&self, server: &Server, kind: &str, page: &str) -> Value {
        let (tokens, seconds) = (self.tokens("large", "64"), self.run.seconds(5.0));
        let tokens = if kind == "get" { vec![] } else { vec!["--tokens", &tokens] };
        load(&[server], &[&["--kind", kind, "--page", page, "--seconds", &seconds], tokens.as_slice()].concat())
    }

    /// The ceilings and the rotation in turn, so that all see the same machine.
    async fn rotation(&mut self) {
        let server = Server::start(&self.large, &self.folder, &[]);
        // The first touch of each page after a checkpoint is dearer: that is not what is asked for here.
        self.rotate(&[&server], "64", 5.0);
        let (mut ceilings, mut rates, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.run.rounds() {
            let ceiling = self.ceiling();
            let measured = self.measured(&server, "rotation, 64 clients", "64", 12.0).await;
            shares.push(measured / ceiling);
            ceilings.push(ceiling);
            rates.push(measured);
        }
        self.report.add("pgbench, our statement, 64 clients", "rate", median(&ceilings));
        self.report.add("rotation, 64 clients", "rate", median(&rates));
        self.report.target("rotations at 64 clients, share of the ceiling", median(&shares), ">=", 1.3);
        self.alone(&server).await;
        let of_many = self.measured(&server, "rotation, 512 clients", "512", 8.0).await;
        self.report.target("rotations at 512 clients, share of the ceiling", of_many / median(&ceilings), ">=", 1.3);
        let second = Server::start(&self.large, &self.folder, &[]);
        let both = self.rotate(&[&server, &second], "64", 8.0);
        self.report.load("rotation, 64 clients, two instances", &both);
        let share = both["rate"].as_f64().unwrap() / median(&ceilings);
        self.report.add("rotation, 64 clients, two instances", "share_of_ceiling", share);
    }

    /// One client, which is always served by the single-row statement, against pgbench with that statement. The target
    /// compares with the version before batches: run this scenario there too, and divide the two ratios.
    async fn alone(&mut self, server: &Server) {
        let mut ratios = Vec::new();
        for _ in 0..self.run.rounds() {
            let rate = self.large.pgbench(1, 5)["rate"].as_f64().unwrap();
            self.measured(server, "rotation, 1 client", "1", 6.0).await;
            let p50 = self.report.figure("rotation, 1 client", "p50_ms");
            ratios.push(p50 * rate / 1_000.0);
            self.report.add("pgbench, our statement, 1 client", "average_ms", 1_000.0 / rate);
        }
        self.report.add("rotation, 1 client", "p50_against_pgbench", median(&ratios));
    }

    /// What pgbench does with the single-row statement, by 64 clients.
    pub fn ceiling(&self) -> f64 {
        let whole: f64 = self.run.seconds(10.0).parse().unwrap();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds")]
        let seconds = whole as u32;
        self.large.pgbench(64, seconds)["rate"].as_f64().unwrap()
    }

    /// One load of rotations, with what it cost.
    async fn measured(&mut self, server: &Server, name: &str, clients: &str, seconds: f64) -> f64 {
        self.rotate(&[server], clients, 1.0);
        let (before, cpu) = (self.large.counters().await, server.cpu());
        // After that checkpoint every page is touched once more before it is counted.
        self.rotate(&[server], clients, 1.0);
        let (before, cpu) = (Counters { size: before.size, ..self.large.now().await }, cpu.max(server.cpu()));
        let result = self.rotate(&[server], clients, seconds);
        let cpu = server.cpu() - cpu;
        // Statistics are reported a little later.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let after = self.large.now().await;
        let updated = after.updated - before.updated;
        self.report.load(name, &result);
        self.report.add(name, "server_cpu_ms", cpu * 1_000.0 / updated);
        self.report.add(name, "postgres_cpu_ms", (after.cpu - before.cpu) * 1_000.0 / updated);
        self.report.add(name, "wal_bytes", (after.wal - before.wal) / updated);
        self.report.add(name, "growth_bytes", (after.size - before.size) / updated);
        self.report.add(name, "hot_share", (after.hot - before.hot) / updated);
        self.report.add(name, "commits", (after.commits - before.commits) / updated);
        if clients == "64" {
            self.report.target("server CPU per rotation, ms", cpu * 1_000.0 / updated, "<=", 0.05);
            let postgres = (after.cpu - before.cpu) * 1_000.0 / updated;
            self.report.target("Postgres CPU per rotation, ms", postgres, "<=", 0.02);
            self.report.target("HOT share of updates", (after.hot - before.hot) / updated, ">=", 0.999);
            self.report.target("WAL per rotation, bytes", (after.wal - before.wal) / updated, "<=", 250.0);
            self.report.target("growth per rotation, bytes", (after.size - before.size) / updated, "<=", 0.0);
            let (p50, p99) = (result["p50_ms"].as_f64().unwrap(), result["p99_ms"].as_f64().unwrap());
            self.report.target("p99 of rotations at 64 clients / p50", p99 / p50, "<=", 2.5);
        }
        if clients == "512" {
            self.report.target("errors at 512 clients", result["errors"].as_f64().unwrap(), "<=", 0.0);
        }
        result["rate"].as_f64().unwrap()
    }

    /// A million sessions and a thousand, in turn.
    async fn sizes(&mut self) {
        let small = furnished(&self.folder, "small", 1).await;
        let server_small = Server::start(&small, &self.folder, &[]);
        let server_large = Server::start(&self.large, &self.folder, &[]);
        let seconds = self.run.seconds(10.0);
        let (mut shares, mut rates) = (Vec::new(), [Vec::new(), Vec::new()]);
        for _ in 0..self.run.rounds() {
            let [of_small, of_large] = [("small", &server_small), ("large", &server_large)].map(|(name, server)| {
                let tokens = self.tokens(name, "1000");
                load(&[server], &["--tokens", &tokens, "--seconds", &seconds])["rate"].as_f64().unwrap()
            });
            shares.push(of_large / of_small);
            rates[0].push(of_small);
            rates[1].push(of_large);
        }
        self.report.add("rotation, a thousand sessions", "rate", median(&rates[0]));
        self.report.add("rotation, a million sessions", "rate", median(&rates[1]));
        self.report.target("a million sessions against a thousand", median(&shares), ">=", 0.9);
    }

    fn checks(&mut self) {
        let server = Server::start(&self.large, &self.folder, &[]);
        let mut shares = Vec::new();
        for _ in 0..self.run.rounds() {
            let nothing = self.get(&server, "get", "/healthz");
            let check = self.get(&server, "bearer", "/api/v1/auth/check");
            shares.push(check["rate"].as_f64().unwrap() / nothing["rate"].as_f64().unwrap());
            self.report.load("no-op (/healthz), 64 clients", &nothing);
            self.report.load("checks of access tokens, 64 clients", &check);
        }
        self.report.target("token checks, share of the no-op's rate", median(&shares), ">=", 0.6);
    }

    /// Refreshes at a steady pace, without and beside more sign-ins than can be served.
    fn sign_ins(&mut self) {
        let server = Server::start(&self.large, &self.folder, &[]);
        let password = "kettle-lantern-58-amber";
        for number in 0..16 {
            let mut command = server::command(&self.large);
            let command = command.args(["user", "add", &format!("load-{number}@example.com")]);
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{password}\n").as_bytes()).unwrap();
            assert!(child.wait().unwrap().success(), "user add failed");
        }
        let (seconds, tokens) = (self.run.seconds(10.0), self.tokens("large", "512"));
        let paced = ["--clients", "64", "--rate", "500", "--seconds", &seconds, "--tokens", &tokens];
        let sign_in = ["--kind", "sign-in", "--clients", "16", "--password", password, "--seconds", &seconds];
        let mut ratios = Vec::new();
        for _ in 0..self.run.rounds() {
            let alone = load(&[&server], &paced);
            let beside = std::thread::scope(|scope| {
                let flood = scope.spawn(|| load(&[&server], &sign_in));
                let beside = load(&[&server], &paced);
                self.report.load("sign-ins, 16 clients, refreshes beside", &flood.join().unwrap());
                beside
            });
            ratios.push(beside["p99_ms"].as_f64().unwrap() / alone["p99_ms"].as_f64().unwrap());
            self.report.load("500 refreshes a second, alone", &alone);
            self.report.load("500 refreshes a second, beside a flood of sign-ins", &beside);
        }
        let alone = load(&[&server], &sign_in);
        self.report.load("sign-ins, 16 clients", &alone);
        self.report.target("p99 of refreshes beside a flood of sign-ins / without", median(&ratios), "<=", 3.0);
    }

    async fn start(&mut self) {
        let count = if self.run.quick { 3 } else { 7 };
        let starts: Vec<_> = (0..count)
            .map(|_| Server::start(&self.large, &self.folder, &[]).started_in.as_secs_f64() * 1_000.0)
            .collect();
        self.report.add("cold start to the first 200", "ms", median(&starts));
        self.report.target("cold start to the first 200, ms", median(&starts), "<=", 100.0);
        let server = Server::start(&self.large, &self.folder, &[]);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let idle = server.memory();
        self.report.add("memory, a million sessions in the database", "idle_mb", idle);
        self.report.target("idle memory, MB", idle, "<=", 25.0);
        let under_load = std::thread::scope(|scope| {
            let load = scope.spawn(|| self.rotate(&[&server], "512", 5.0));
            let mut most = idle;
            while !load.is_finished() {
                std::thread::sleep(Duration::from_millis(100));
                most = most.max(server.memory());
            }
            most
        });
        tokio::time::sleep(Duration::from_secs(3)).await;
        self.report.add("memory, a million sessions in the database", "under_load_mb", under_load);
        self.report.add("memory, a million sessions in the database", "after_mb", server.memory());
    }

    async fn sweep(&mut self) {
        eprintln!("   a million sessions expire");
        self.large
            .run("UPDATE sessions SET idle_expires_at = now() - interval '1 day' WHERE secret_hash = sha256(int4send(('x' || right(id::text, 8))::bit(32)::int))")
            .await;
        // By themselves: several statements sent at once are one transaction.
        self.large.run("VACUUM sessions").await;
        self.large.run("CHECKPOINT").await;
        let server = Server::start(&self.large, &self.folder, &[]);
        let (seconds, tokens) = (self.run.seconds(10.0), self.tokens("large", "64"));
        let paced = ["--clients", "64", "--rate", "500", "--seconds", &seconds, "--tokens", &tokens];
        let alone = load(&[&server], &paced);
        let (beside, took, deleted) = std::thread::scope(|scope| {
            let sweep = scope.spawn(|| {
                let began = Instant::now();
                let output = server::command(&self.large).args(["sweep", "--json"]).output().unwrap();
                let report: Value = serde_json::from_slice(&output.stdout).unwrap();
                (began.elapsed().as_secs_f64(), report["deleted"].as_f64().unwrap())
            });
            let beside = load(&[&server], &paced);
            let (took, deleted) = sweep.join().unwrap();
            (beside, took, deleted)
        });
        self.report.add("sweep", "deleted", deleted);
        self.report.add("sweep", "rate", deleted / took);
        self.report.load("500 refreshes a second, before the sweep", &alone);
        self.report.load("500 refreshes a second, beside the sweep", &beside);
    }

    /// Rotates and rotates, by pgbench, and looks at the table.
    async fn bloat(&mut self) {
        let before = self.large.counters().await;
        let wanted = if self.run.long { 10_000_000.0 } else { f64::from(self.run.million()) };
        let (mut done, mut after) = (0.0, before);
        while done < wanted {
            let rate = self.large.pgbench(64, 20)["rate"].as_f64().unwrap();
            done += rate * 20.0;
            after = self.large.counters().await;
            let grown = (after.size - before.size) / 1e6;
            eprintln!("   {done:.0} rotations of {wanted:.0}, grown by {grown:.1} MB");
        }
        self.report.add("rotated and rotated", "rotations", done);
        self.report.add("rotated and rotated", "growth_bytes_in_all", after.size - before.size);
    }
}
