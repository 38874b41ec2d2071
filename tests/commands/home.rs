use private_postgres::{PrivatePostgres, Settings, Tenant};
use serde_json::Value;
use sqlx::{ConnectOptions, PgConnection};
use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// A password that nobody would guess.
pub const PASSWORD: &str = "plum-garage-velvet-9";

/// An installation: a data directory, and options.
pub struct Home {
    options: Vec<(String, String)>,
    /// Holds the private Postgres up, so that not every command has to start it.
    tenancy: Option<PrivatePostgres>,
    data: TempDir,
    folder: TempDir,
}

impl Home {
    /// An empty one: nothing has been started yet.
    pub fn empty() -> Self {
        let (data, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        // The default ports belong to whoever runs beside the tests.
        let options = [
            ("HEIRLOOM_INSECURE_FOR_TESTS", "true"),
            ("HEIRLOOM_BCRYPT_COST", "4"),
            ("HEIRLOOM_BIND", "127.0.0.1:0"),
            ("HEIRLOOM_METRICS_BIND", ""),
        ];
        let home = Self { options: Vec::new(), tenancy: None, data, folder };
        let data = home.data.path().to_str().unwrap().to_owned();
        options.into_iter().fold(home.with("HEIRLOOM_DATA_DIR", &data), |home, (name, value)| home.with(name, value))
    }

    /// One whose Postgres runs, with nothing in it.
    pub async fn start() -> Self {
        let mut home = Self::empty();
        let data_dir = home.data.path().to_owned();
        let settings = Settings { data_dir, binaries: None, search_path: std::env::var_os("PATH") };
        home.tenancy = Some(PrivatePostgres::start(&settings, Tenant::Command).await.unwrap());
        home
    }

    /// The same with one more option.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A connection to its database, past everything of ours.
    pub async fn connect(&self) -> PgConnection {
        self.tenancy.as_ref().unwrap().connect_options().connect().await.unwrap()
    }

    /// The URL of a database in its Postgres.
    pub fn url_of(&self, database: &str) -> String {
        self.tenancy.as_ref().unwrap().connect_options().database(database).to_url_lossy().into()
    }

    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The binary with these arguments and none of our own environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.dressed(Command::new(env!("CARGO_BIN_EXE_heirloom")), arguments)
    }

    /// A shell with a line to run, in the environment that a new terminal has: without our options.
    pub fn shell(&self, line: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
        run(command.current_dir(self.folder.path()), &format!("{PASSWORD}\n"))
    }

    fn dressed(&self, mut command: Command, arguments: &[&str]) -> Command {
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(self.options.iter().map(|(name, value)| (name, value)))
            .current_dir(self.folder.path());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.type_in(arguments, "")
    }

    /// Runs a command with something on its standard input.
    pub fn type_in(&self, arguments: &[&str], typed: &str) -> Ran {
        run(&mut self.command(arguments), typed)
    }

    /// With `--json`: the one document that it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).done().json()
    }

    /// Adds somebody and returns their id.
    pub fn add(&self, email: &str, more: &[&str]) -> String {
        let arguments: Vec<_> = ["user", "add", email, "--json"].into_iter().chain(more.iter().copied()).collect();
        let added = self.type_in(&arguments, &format!("{PASSWORD}\n")).done().json();
        added["user"]["id"].as_str().unwrap().to_owned()
    }
}

impl Drop for Home {
    /// The last command to leave stops Postgres.
    fn drop(&mut self) {
        if self.tenancy.take().is_some() {
            drop(self.command(&["migrate"]).stdout(Stdio::null()).stderr(Stdio::null()).status());
        }
    }
}

fn run(command: &mut Command, typed: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that reads nothing closes its end: that is its right.
    drop(child.stdin.take().unwrap().write_all(typed.as_bytes()));
    Ran::of(&child.wait_with_output().unwrap())
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }

    /// It did what was asked for, and had nothing else to say.
    pub fn done(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{self:?}");
        self
    }

    /// It failed, or was refused, and said so on standard error only.
    pub fn refused(self, code: i32, told: &str) -> Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert!(self.stderr.contains(told), "{told:?} is not in {self:?}");
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
