use crate::program;
use private_postgres::{PrivatePostgres, Role, Settings, Tenant};
use serde_json::Value;
use sqlx::{ConnectOptions, PgConnection, postgres::PgConnectOptions};
use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A password that nobody would guess.
pub const PASSWORD: &str = "plum-garage-velvet-9";

/// Options of every installation. The default ports may belong to another program.
const OPTIONS: [(&str, &str); 4] = [
    ("HEIRLOOM_INSECURE_FOR_TESTS", "true"),
    ("HEIRLOOM_BCRYPT_COST", "4"),
    ("HEIRLOOM_BIND", "127.0.0.1:0"),
    ("HEIRLOOM_METRICS_BIND", ""),
];

/// An installation: a data directory, and options.
#[derive(Debug)]
pub struct Home {
    options: Vec<(String, String)>,
    /// Keeps the private Postgres running, so that not every command has to start it.
    tenancy: Option<PrivatePostgres>,
    data: TempDir,
    folder: TempDir,
}

impl Home {
    /// An empty one: nothing has been started yet.
    pub fn empty() -> Self {
        let folder = || TempDir::new().expect("a folder");
        let home = Self { options: Vec::new(), tenancy: None, data: folder(), folder: folder() };
        let data = home.data.path().to_str().expect("a path in UTF-8").to_owned();
        let home = home.with("HEIRLOOM_DATA_DIR", &data);
        OPTIONS.iter().fold(home, |home, (name, value)| home.with(name, value))
    }

    /// One whose Postgres runs, with nothing in it.
    pub async fn start() -> Self {
        let mut home = Self::empty();
        let data_dir = home.data.path().to_owned();
        let settings = Settings { data_dir, binaries: None, search_path: std::env::var_os("PATH") };
        home.tenancy = Some(PrivatePostgres::start(&settings, Tenant::Command).await.expect("Postgres starts"));
        home
    }

    /// The same with one more option; the last value of a name counts.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.options.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A connection to the database of an installation that was [started](Self::start), past the server.
    pub async fn connect(&self) -> PgConnection {
        self.tenancy().connect_options(Role::Owner).connect().await.expect("Postgres lets us in")
    }

    /// How to connect to its Postgres as this role.
    pub fn options(&self, role: Role) -> PgConnectOptions {
        self.tenancy().connect_options(role)
    }

    /// The URL of a database in its Postgres.
    pub fn url_of(&self, database: &str) -> String {
        self.tenancy().connect_options(Role::Owner).database(database).to_url_lossy().into()
    }

    fn tenancy(&self) -> &PrivatePostgres {
        self.tenancy.as_ref().expect("an installation that was started")
    }

    /// The data directory.
    pub fn data_dir(&self) -> &Path {
        self.data.path()
    }

    /// The folder in which commands run: none of the server's files lies there.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The binary with these arguments, the options, and nothing of the environment of the tests.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = clean(program().into_os_string());
        command.args(arguments).envs(self.options.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.folder());
        command
    }

    /// Runs a line in a shell with the environment of a new terminal: without the options.
    pub fn shell(&self, line: &str) -> Ran {
        let mut command = clean("sh".into());
        Ran::of(command.args(["-c", line]).current_dir(self.folder()), &format!("{PASSWORD}\n"))
    }

    /// Runs a command with nothing on its standard input.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.type_in(arguments, "")
    }

    /// Runs a command with something on its standard input.
    pub fn type_in(&self, arguments: &[&str], typed: &str) -> Ran {
        Ran::of(&mut self.command(arguments), typed)
    }

    /// Runs a command with `--json`: the one document that it prints.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
        self.run(&arguments).done().json()
    }

    /// Adds a user with [`PASSWORD`] and returns the id.
    pub fn add(&self, email: &str, more: &[&str]) -> String {
        let arguments: Vec<_> = ["user", "add", email, "--json"].into_iter().chain(more.iter().copied()).collect();
        let added = self.type_in(&arguments, &format!("{PASSWORD}\n")).done().json();
        added["user"]["id"].as_str().expect("an id").to_owned()
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

/// A program that is found, and is given no other variable.
fn clean(program: std::ffi::OsString) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var_os("PATH").expect("a PATH"));
    command
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it reported.
    pub stderr: String,
}

impl Ran {
    /// Runs a command with something on its standard input.
    pub fn of(command: &mut Command, typed: &str) -> Self {
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("a program");
        // A command that reads nothing may close its end.
        drop(child.stdin.take().expect("a pipe").write_all(typed.as_bytes()));
        let output = child.wait_with_output().expect("a program that ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("a program that was not killed");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// It ended with this code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// It did what was asked for and reported nothing.
    #[track_caller]
    pub fn done(self) -> Self {
        // On a busy machine a statement may be slow, which is logged.
        let reported = self.stderr.lines().filter(|line| !line.contains("slow statement")).count();
        assert_eq!((self.code, reported), (0, 0), "{self:?}");
        self
    }

    /// It failed, or was refused, and said so on standard error only.
    #[track_caller]
    pub fn refused(self, code: i32, reason: &str) -> Self {
        assert_eq!((self.code, self.stdout.as_str()), (code, ""), "{self:?}");
        assert!(self.stderr.contains(reason), "{reason:?} is not in {self:?}");
        self
    }

    /// The one document that it printed.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}
