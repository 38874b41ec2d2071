//! The server, as an operator starts it; and what a process costs.

use super::postgres::Cluster;
use heirloom_testing::Port;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_heirloom");
/// The master key of the run, known so that tokens can be written beforehand.
pub const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A running server.
pub struct Server {
    child: Child,
    pub address: String,
    _port: Port,
    /// From its start to the first 200 of `/readyz`.
    pub started_in: Duration,
}

impl Server {
    /// Starts one on the cluster, with its log in a file.
    pub fn start(cluster: &Cluster, folder: &Path, more: &[(&str, &str)]) -> Self {
        let port = Port::reserve();
        let address = port.address().to_string();
        let log = File::options().create(true).append(true).open(folder.join("server.log")).unwrap();
        let began = Instant::now();
        let mut command = command(cluster);
        command.args(["serve"]).env("HEIRLOOM_BIND", &address).env("HEIRLOOM_METRICS_BIND", "");
        let child = command.envs(more.iter().copied()).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let mut server = Self { child, address, _port: port, started_in: Duration::ZERO };
        while !server.is_ready() {
            assert!(began.elapsed() < Duration::from_mins(1), "the server did not start: see {}", folder.display());
            assert!(server.child.try_wait().unwrap().is_none(), "the server ended: see {}", folder.display());
            std::thread::sleep(Duration::from_millis(1));
        }
        server.started_in = began.elapsed();
        server
    }

    fn is_ready(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(&self.address) else { return false };
        let mut answer = String::new();
        let asked = stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.starts_with("HTTP/1.1 200")
    }

    /// Seconds of CPU so far.
    pub fn cpu(&self) -> f64 {
        cpu_of(self.child.id())
    }

    /// Resident memory in MB.
    pub fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_000.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        super::postgres::signal(self.child.id(), "TERM");
        drop(self.child.wait());
    }
}

/// A command of the program, on this cluster.
pub fn command(cluster: &Cluster) -> Command {
    let mut command = Command::new(PROGRAM);
    command.env_clear().envs(std::env::vars().filter(|(name, _)| !name.starts_with("HEIRLOOM_")));
    command.env("DATABASE_URL", cluster.url()).env("HEIRLOOM_MASTER_KEY", MASTER_KEY);
    command.env("HEIRLOOM_RATE_LIMIT", "off").stdin(Stdio::null());
    command
}

/// A load from a process of its own, whose cost is measured separately.
pub fn load(servers: &[&Server], arguments: &[&str]) -> Value {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("load");
    for server in servers {
        command.args(["--server", &server.address]);
    }
    let output = command.args(arguments).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "the load generator failed");
    serde_json::from_slice(&output.stdout).unwrap_or(json!({}))
}

/// Seconds of CPU of a process so far; nothing of one that is gone.
pub fn cpu_of(process: u32) -> f64 {
    cpu_fields(process, 2)
}

/// The same with its children that have ended.
pub fn cpu_with_children_of(process: u32) -> f64 {
    cpu_fields(process, 4)
}

fn cpu_fields(process: u32, count: usize) -> f64 {
    let Ok(line) = fs::read_to_string(format!("/proc/{process}/stat")) else { return 0.0 };
    let fields = line.rsplit_once(") ").unwrap().1.split(' ').skip(11).take(count);
    // The kernel tells them in hundredths of a second on every Linux there is.
    fields.map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}
