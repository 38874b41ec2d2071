//! A real server, that may be treated badly.

use super::process::{self, Held};
use heirloom_testing::Port;
use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

/// `heirloom serve` at a port that stays the same over restarts.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    name: String,
    url: String,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    _port: Port,
}

impl Server {
    /// Not started yet.
    pub fn new(folder: &Path, name: &str, environment: &[(&str, &str)]) -> Self {
        let port = Port::reserve();
        let address = port.address().to_string();
        let url = format!("http://{address}");
        let mut environment: Vec<_> =
            environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        environment.push(("HEIRLOOM_BIND".to_owned(), address));
        Self { folder: folder.to_owned(), name: name.to_owned(), url, environment, child: None, _port: port }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Takes effect at the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// The binary with the options of this server.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(heirloom_testing::program());
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it is ready.
    pub async fn start(&mut self) {
        self.spawn();
        self.until_ready().await;
    }

    /// Starts it; its log goes into a file.
    pub fn spawn(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let child = self.command(&["serve"]).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.adopt(child);
    }

    /// It is this process from now on.
    pub fn adopt(&mut self, child: Child) {
        super::postgres::note(&self.folder, &self.name, child.id());
        self.child = Some(child);
    }

    pub async fn until_ready(&mut self) {
        let http = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
        for _ in 0..6_000 {
            let answer = http.get(format!("{}/readyz", self.url)).timeout(Duration::from_secs(10)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            if let Some(Ok(Some(status))) = self.child.as_mut().map(Child::try_wait) {
                panic!("{} ended by itself, {status}: {}", self.name, self.log());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{} did not become ready: {}", self.name, self.log());
    }

    pub fn signal(&self, name: &str) {
        process::signal(name, &[self.pid()]);
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits for its end.
    pub async fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        tokio::task::spawn_blocking(move || child.wait().unwrap()).await.unwrap()
    }

    pub fn held(&self) -> Held {
        Held::by(self.pid())
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    /// All it has logged, over all its lives.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }
}
