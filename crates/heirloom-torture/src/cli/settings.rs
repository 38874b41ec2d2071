//! From arguments to the settings of a run. Wrong usage ends the process with exit code 2.

use super::{
    arguments::{Arguments, ClientOptions, ConnectionOptions, Sessions},
    error::CliError,
    password,
    usage::{read_file, wrong_usage},
};
use heirloom_torture::{
    Connection, Discovered, DiscoveryError, Guarded, Profile, Settings, Source, chosen, discover, lacking, shown_url,
};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::Path,
};

/// The settings of the run.
pub async fn settings(arguments: Arguments) -> Result<Settings, CliError> {
    let Arguments { url, more, profile, sessions, client, connection, trials, .. } = arguments;
    chosen(&trials.only).unwrap_or_else(|error| wrong_usage(&error.to_string()));
    let bases: Vec<String> = url.into_iter().chain(more).inspect(|url| expect_url(url)).collect();
    let connection = reach(&connection);
    let mut values = values(&client);
    let known = profile.map(|name| Described::load(&name));
    let source = source(&sessions)?;
    let described = match (known, bases.first()) {
        (Some(described), _) => described,
        (None, first) => Described::by_discovery(first.map_or("", String::as_str), &connection).await?,
    };
    let Described { name, mut profile, scope, missing } = described;
    if let Some(scope) = scope {
        values.entry("scope".to_owned()).or_insert(scope);
    }
    profile.client.auth = client.client_auth.map(Into::into).or(profile.client.auth);
    profile.dpop |= client.dpop;
    expect_values(&profile, &values, &sessions);
    Ok(Settings {
        values: values.into_iter().map(|(name, value)| (name, Guarded::new(value))).collect(),
        connection,
        seed: trials.seed.unwrap_or_else(Settings::random_seed),
        rounds: trials.rounds.max(1),
        storm: trials.duration,
        clients: trials.clients.max(1),
        restart: trials.restart_command,
        absolute_lifetime: trials.absolute_lifetime,
        idle_lifetime: trials.idle_lifetime,
        access_patience: trials.access_patience,
        only: trials.only,
        undescribed: missing,
        profile_name: name,
        ..Settings::new(bases, profile, source)
    })
}

/// A profile and where it is from.
struct Described {
    name: String,
    profile: Profile,
    scope: Option<String>,
    /// Why there is no description.
    missing: Option<String>,
}

impl Described {
    fn load(name: &str) -> Self {
        let profile = Profile::load(name).unwrap_or_else(|error| wrong_usage(&error.to_string()));
        Self { name: name.to_owned(), profile, scope: None, missing: None }
    }

    /// Where the server cannot be reached, or does not describe itself now, any profile will do: the preflight names the
    /// cause.
    async fn by_discovery(url: &str, connection: &Connection) -> Result<Self, CliError> {
        match discover(url, connection).await {
            Ok(Discovered { from, text, scope }) => {
                super::progress::note(&format!("profile: {from}"));
                let profile = Profile::parse(&from, &text).unwrap_or_else(|error| wrong_usage(&error.to_string()));
                Ok(Self { name: from, profile, scope, missing: None })
            }
            Err(DiscoveryError::Unreachable(_)) => {
                Ok(Self { name: "none: the server cannot be reached".to_owned(), ..Self::load("heirloom") })
            }
            Err(error @ DiscoveryError::Away(_)) => {
                let (name, missing) =
                    ("none: the server does not describe itself now".to_owned(), Some(error.to_string()));
                Ok(Self { name, missing, ..Self::load("heirloom") })
            }
            Err(DiscoveryError::Client(error)) => Err(CliError::Client(error)),
            Err(error) => wrong_usage(&error.to_string()),
        }
    }
}

/// How the server is reached.
pub fn reach(options: &ConnectionOptions) -> Connection {
    let mut connection = Connection { pace: options.pace, timeout: options.timeout, ..Connection::default() };
    for path in &options.ca {
        let refused = |error: &dyn std::fmt::Display| -> ! {
            wrong_usage(&format!("--ca {}: must have certificates in PEM: {error}", path.display()))
        };
        let pem = fs::read(path).unwrap_or_else(|error| refused(&error));
        connection.trust(&pem).unwrap_or_else(|error| refused(&error));
    }
    connection
}

fn expect_url(url: &str) {
    let is_http = url::Url::parse(url).is_ok_and(|parsed| matches!(parsed.scheme(), "http" | "https"));
    if !is_http {
        wrong_usage(&format!("`{}` is not an http or https URL", shown_url(url)));
    }
}

fn expect_values(profile: &Profile, values: &BTreeMap<String, String>, sessions: &Sessions) {
    if sessions.user.is_some() && profile.sign_in.is_none() {
        wrong_usage(
            "no script can sign in here: the profile, or the server's description, has no password grant. Pass \
             --tokens or --tokens-command, or a --profile with `sign_in`",
        );
    }
    let known: Vec<&str> = values.keys().map(String::as_str).collect();
    if let Some(name) = lacking(profile, &known, sessions.user.is_some()) {
        wrong_usage(&format!("the profile needs --set {name}=… (or --values, for a secret)"));
    }
}

fn values(options: &ClientOptions) -> BTreeMap<String, String> {
    let mut values = options.values.as_deref().map(from_file).unwrap_or_default();
    values.extend(options.set.iter().map(|pair| name_and_value(pair)));
    let mut add = |name: &str, value: Option<String>| values.extend(value.map(|value| (name.to_owned(), value)));
    let read = |option: &str, path: &Option<_>| path.as_deref().map(|path| read_file(option, path));
    add("client_id", options.client_id.clone());
    let secret = read("--client-secret-file", &options.client_secret_file);
    add("client_secret", secret.map(|secret| secret.trim_end_matches(['\r', '\n']).to_owned()));
    add("client_key", read("--client-key", &options.client_key));
    values
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

fn source(sessions: &Sessions) -> Result<Source, CliError> {
    let Sessions { user, tokens, tokens_command } = sessions;
    match (user, tokens, tokens_command) {
        (Some(user), ..) => {
            let password = password::read()?;
            Ok(Source::SignIn { user: Guarded::new(user.clone()), password: Guarded::new(password.to_string()) })
        }
        (None, Some(path), _) => {
            let text = read_tokens(path).map_err(|error| CliError::Input(path.display().to_string(), error))?;
            let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            if lines.is_empty() {
                wrong_usage("--tokens: the file is empty");
            }
            Ok(Source::tokens(lines.into_iter().map(|line| Guarded::new(line.to_owned()))))
        }
        (None, None, Some(command)) => Ok(Source::command(command.clone())),
        (None, None, None) => wrong_usage("pass --user, --tokens or --tokens-command"),
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
