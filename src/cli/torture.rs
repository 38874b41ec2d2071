use super::{
    Arguments, CliError,
    output::{Output, table},
    password,
};
use crate::{
    kernel::{Duration, Entropy},
    torture::{Guarded, Profile, Progress, Report, Row, SCENARIOS, Settings, Source, Verdict, chosen, lacking, run},
};
use clap::{Args, CommandFactory, error::ErrorKind};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// `heirloom torture`
#[derive(Debug, Args)]
#[command(after_help = "The password is asked for, or is the first line of standard input.\n\
                        docs/torture.md describes profiles and scenarios. Exit codes: 0 all hold, 1 something does not \
                        or could not be tried, 2 wrong usage.")]
pub struct Torture {
    /// The server to torture, such as <http://localhost:8080>
    #[arg(required_unless_present = "list")]
    url: Option<String>,
    /// A further instance of the same server; may be given several times
    #[arg(long = "url", value_name = "URL")]
    more: Vec<String>,
    /// How to talk to it: heirloom, oauth2, or a file
    #[arg(long, default_value = "heirloom", value_name = "NAME|FILE")]
    profile: String,
    /// Who signs in
    #[arg(long, value_name = "NAME", conflicts_with = "tokens")]
    user: Option<String>,
    /// Initial refresh tokens instead, a line each; `-` is standard input
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// What stands for a name in the profile, such as `client_id=web`; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    /// The same from a JSON file, for what is secret
    #[arg(long, value_name = "FILE")]
    values: Option<PathBuf>,
    /// Only this scenario; may be given several times
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// How often each round is run
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
    /// How long a session lives at most, as the server is configured
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    absolute_lifetime: Option<Duration>,
    /// Makes random choices those of an earlier run
    #[arg(long)]
    seed: Option<u64>,
    /// List the scenarios
    #[arg(long)]
    list: bool,
}

impl Torture {
    /// Runs the scenarios and prints the table.
    pub async fn run(self, output: Output) -> Result<ExitCode, CliError> {
        if self.list {
            return list(output);
        }
        let report = run(self.settings()?, tell).await;
        let report = report.map_err(|error| CliError::Refused(error.to_string()))?;
        output.say(&report, || text(&report))?;
        Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn settings(self) -> Result<Settings, CliError> {
        chosen(&self.only).unwrap_or_else(|error| wrong_usage(&error.to_string()));
        let profile = Profile::load(&self.profile).unwrap_or_else(|error| wrong_usage(&error.to_string()));
        let mut values = self.values.as_deref().map(from_file).unwrap_or_default();
        values.extend(self.set.iter().map(|pair| name_and_value(pair)));
        let known: Vec<&str> = values.keys().map(String::as_str).collect();
        if let Some(name) = lacking(&profile, &known, self.tokens.is_none()) {
            wrong_usage(&format!("the profile needs --set {name}=… (or --values, if it is secret)"));
        }
        let bases = self.url.iter().chain(&self.more).map(|url| base(url)).collect();
        let source = source(self.user.as_deref(), self.tokens.as_deref())?;
        let seed = self.seed.unwrap_or_else(|| u64::from(u32::from_be_bytes(Entropy::system().bytes())));
        Ok(Settings {
            bases,
            profile_name: self.profile,
            profile,
            values: values.into_iter().map(|(name, value)| (name, Guarded::new(value))).collect(),
            source,
            seed,
            rounds: self.rounds.max(1),
            storm: self.duration,
            clients: self.clients.max(1),
            restart: self.restart_command,
            absolute_lifetime: self.absolute_lifetime,
            only: self.only,
        })
    }
}

/// Says so as clap says it, and ends with 2.
fn wrong_usage(told: &str) -> ! {
    Arguments::command().error(ErrorKind::ValueValidation, told).exit()
}

fn base(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => url.trim_end_matches('/').to_owned(),
        Ok(_) | Err(_) => wrong_usage(&format!("`{url}` is no URL with http or https")),
    }
}

fn from_file(path: &Path) -> BTreeMap<String, String> {
    let told = |error: &dyn std::error::Error| -> ! {
        wrong_usage(&format!("--values {}: it is to be a JSON object of texts: {error}", path.display()))
    };
    let text = fs::read_to_string(path).unwrap_or_else(|error| told(&error));
    serde_json::from_str(&text).unwrap_or_else(|error| told(&error))
}

fn name_and_value(pair: &str) -> (String, String) {
    let Some((name, value)) = pair.split_once('=') else { wrong_usage(&format!("--set {pair}: write NAME=VALUE")) };
    (name.to_owned(), value.to_owned())
}

fn source(user: Option<&str>, tokens: Option<&Path>) -> Result<Source, CliError> {
    match (user, tokens) {
        (Some(user), _) => {
            let password = password::read_existing()?;
            Ok(Source::SignIn { user: Guarded::new(user.to_owned()), password: Guarded::new(password.to_string()) })
        }
        (None, Some(path)) => {
            let text = read_tokens(path).map_err(CliError::Input)?;
            let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() {
                wrong_usage("--tokens: there is none");
            }
            Ok(Source::tokens(lines.into_iter().map(|line| Guarded::new(line.to_owned()))))
        }
        (None, None) => wrong_usage("say who signs in (--user), or hand initial refresh tokens in (--tokens)"),
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

/// To standard error, and only now and then: the answer is the table.
fn tell(progress: &Progress<'_>) {
    let line = match progress {
        Progress::Running(name, since, calls) => format!("{name} … {} s, {calls} calls in all", since.as_secs()),
        Progress::Done(row) => format!("{} {}", row.scenario, row.verdict.name()),
    };
    // Where standard error is closed nobody is there to be told.
    drop(writeln!(io::stderr(), "heirloom: {line}"));
}

fn text(report: &Report) -> String {
    let headings = ["SCENARIO", "INVARIANTS", "CALLS", "SHOULD HOLD", "SAW", "VERDICT"];
    let rows: Vec<Vec<String>> = report.scenarios.iter().map(line).collect();
    let told = report.scenarios.iter().flat_map(objections).collect::<Vec<_>>().join("\n");
    let count = |verdict| report.scenarios.iter().filter(|row| row.verdict == verdict).count();
    let calls: u64 = report.scenarios.iter().map(|row| row.calls).sum();
    let sum = [Verdict::Holds, Verdict::Violated, Verdict::Failed, Verdict::Skipped]
        .map(|verdict| format!("{} {}", count(verdict), verdict.name()));
    let sum = format!("{}; {calls} calls; seed {}", sum.join(", "), report.seed);
    let parts = [table(&headings, &rows), told, sum];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn line(row: &Row) -> Vec<String> {
    vec![
        row.scenario.to_owned(),
        numbers(row.invariants),
        row.calls.to_string(),
        row.should_hold.to_owned(),
        row.saw.clone(),
        row.verdict.name().to_owned(),
    ]
}

fn numbers(invariants: &[u8]) -> String {
    invariants.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

fn objections(row: &Row) -> Vec<String> {
    let told = row.objections.iter().map(|objection| {
        let what = format!("{}: {}", row.scenario, objection.what);
        std::iter::once(what).chain(objection.calls.clone()).collect::<Vec<_>>().join("\n    ")
    });
    told.collect()
}

#[derive(Serialize)]
struct Listed {
    scenario: &'static str,
    invariants: &'static [u8],
    should_hold: &'static str,
}

fn list(output: Output) -> Result<ExitCode, CliError> {
    let listed: Vec<Listed> = SCENARIOS
        .iter()
        .map(|one| Listed { scenario: one.name, invariants: one.invariants, should_hold: one.holds })
        .collect();
    let rows = || listed.iter().map(|one| vec![one.scenario.into(), numbers(one.invariants), one.should_hold.into()]);
    output.say(&listed, || table(&["SCENARIO", "INVARIANTS", "SHOULD HOLD"], &rows().collect::<Vec<_>>()))?;
    Ok(ExitCode::SUCCESS)
}
