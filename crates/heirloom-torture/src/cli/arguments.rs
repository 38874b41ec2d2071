use super::{error::CliError, password};
use clap::{CommandFactory, Parser, error::ErrorKind};
use clap_complete::Shell;
use heirloom_torture::{Guarded, Profile, Settings, Source, chosen, lacking};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

/// Tests the refresh tokens of any server, over HTTP: races, lost answers, replays, restarts
#[derive(Debug, Parser)]
#[command(
    name = "heirloom-torture",
    version,
    after_help = "The password is asked for, or is the first line of standard input.\n\
                  docs/torture.md describes profiles and scenarios. Exit codes: 0 everything tried holds, \
                  1 something is violated, 2 wrong usage, 3 something could not be tried."
)]
pub struct Arguments {
    /// The server to test, such as <http://localhost:8080>
    #[arg(required_unless_present_any = ["list", "man", "completions"])]
    url: Option<String>,
    /// A further instance of the same server; may be repeated
    #[arg(long = "url", value_name = "URL")]
    more: Vec<String>,
    /// How to talk to the server: heirloom, oauth2, or a file
    #[arg(long, default_value = "heirloom", value_name = "NAME|FILE")]
    profile: String,
    /// The user who signs in
    #[arg(long, value_name = "NAME", conflicts_with = "tokens")]
    user: Option<String>,
    /// Initial refresh tokens instead of a user, one per line; `-` is standard input
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// The value of a name in the profile, such as `client_id=web`; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// The same from a JSON file, for secrets
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// Run only this scenario; may be repeated
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How often each round runs
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// How long the storm lasts
    #[arg(long, default_value = "10s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Clients of the storm
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// A shell command that restarts the server and returns when that is done
    #[arg(long, value_name = "COMMAND")]
    restart_command: Option<String>,
    /// The absolute lifetime of a session, as the server is configured
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    absolute_lifetime: Option<Duration>,
    /// Repeat the random choices of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON document, for programs
    #[arg(long)]
    pub json: bool,
    /// List the scenarios
    #[arg(long)]
    pub list: bool,
    /// Print the manual page, in roff
    #[arg(long)]
    pub man: bool,
    /// Print completions for a shell
    #[arg(long, value_name = "SHELL")]
    pub completions: Option<Shell>,
}

impl Arguments {
    /// The settings of the run. Wrong usage ends the process with exit code 2.
    pub fn settings(self) -> Result<Settings, CliError> {
        chosen(&self.only).unwrap_or_else(|error| wrong_usage(&error.to_string()));
        let profile = Profile::load(&self.profile).unwrap_or_else(|error| wrong_usage(&error.to_string()));
        let mut values = self.values.as_deref().map(from_file).unwrap_or_default();
        values.extend(self.set.iter().map(|pair| name_and_value(pair)));
        let known: Vec<&str> = values.keys().map(String::as_str).collect();
        if let Some(name) = lacking(&profile, &known, self.tokens.is_none()) {
            wrong_usage(&format!("the profile needs --set {name}=… (or --values, for a secret)"));
        }
        let bases = self.url.iter().chain(&self.more).map(|url| base(url)).collect();
        let source = source(self.user.as_deref(), self.tokens.as_deref())?;
        Ok(Settings {
            values: values.into_iter().map(|(name, value)| (name, Guarded::new(value))).collect(),
            seed: self.seed.unwrap_or_else(Settings::random_seed),
            rounds: self.rounds.max(1),
            storm: self.duration,
            clients: self.clients.max(1),
            restart: self.restart_command,
            absolute_lifetime: self.absolute_lifetime,
            only: self.only,
            profile_name: self.profile,
            ..Settings::new(bases, profile, source)
        })
    }
}

/// Reports wrong usage in the form of clap, and exits with 2.
fn wrong_usage(message: &str) -> ! {
    Arguments::command().error(ErrorKind::ValueValidation, message).exit()
}

fn base(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => url.trim_end_matches('/').to_owned(),
        Ok(_) | Err(_) => wrong_usage(&format!("`{url}` is not an http or https URL")),
    }
}

fn from_file(path: &Path) -> BTreeMap<String, String> {
    let refuse = |error: &dyn std::error::Error| -> ! {
        wrong_usage(&format!("--values {}: must be a JSON object with string values: {error}", path.display()))
    };
    let text = fs::read_to_string(path).unwrap_or_else(|error| refuse(&error));
    serde_json::from_str(&text).unwrap_or_else(|error| refuse(&error))
}

fn name_and_value(pair: &str) -> (String, String) {
    let Some((name, value)) = pair.split_once('=') else { wrong_usage(&format!("--set {pair}: write NAME=VALUE")) };
    (name.to_owned(), value.to_owned())
}

fn source(user: Option<&str>, tokens: Option<&Path>) -> Result<Source, CliError> {
    match (user, tokens) {
        (Some(user), _) => {
            let password = password::read()?;
            Ok(Source::SignIn { user: Guarded::new(user.to_owned()), password: Guarded::new(password.to_string()) })
        }
        (None, Some(path)) => {
            let text = read_tokens(path).map_err(|error| CliError::Input(path.display().to_string(), error))?;
            let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() {
                wrong_usage("--tokens: the file is empty");
            }
            Ok(Source::tokens(lines.into_iter().map(|line| Guarded::new(line.to_owned()))))
        }
        (None, None) => wrong_usage("pass --user or --tokens"),
    }
}

fn read_tokens(path: &Path) -> io::Result<String> {
    if path != Path::new("-") {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}
