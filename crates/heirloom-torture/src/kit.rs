//! What all scenarios share: the server, its profile, new sessions, random choices, and the order of events.

mod begin;

pub use super::sync::lock;
use super::{
    client::{Answer, Asked, Client, Connection, Manner, Reply, RequestError},
    history::Stamp,
    lifetimes::Lifetimes,
    model::Rules,
    owners::Owners,
    profile::{Profile, Request, Sign},
    rotation::Rotation,
    secret::Guarded,
    template::{Values, names},
    time::Clock,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Where sessions come from.
pub enum Source {
    /// A user signs in for each.
    SignIn {
        /// The user.
        user: Guarded,
        /// The password.
        password: Guarded,
    },
    /// Initial tokens, each for one session.
    Tokens(Mutex<VecDeque<Guarded>>),
    /// A shell command that prints initial tokens, run whenever none is left.
    Command {
        /// The command.
        command: String,
        /// Tokens that it printed and no session has used, and when it was started.
        printed: Mutex<VecDeque<(Guarded, Stamp)>>,
    },
}

impl Source {
    /// Initial tokens.
    #[must_use]
    pub fn tokens(tokens: impl Iterator<Item = Guarded>) -> Self {
        Self::Tokens(Mutex::new(tokens.collect()))
    }

    /// A shell command that prints initial tokens.
    #[must_use]
    pub fn command(command: String) -> Self {
        Self::Command { command, printed: Mutex::default() }
    }
}

/// What the command line asks for.
pub struct Settings {
    /// The server's instances.
    pub bases: Vec<String>,
    /// The name of the profile.
    pub profile_name: String,
    /// The profile.
    pub profile: Profile,
    /// The values of names in the profile.
    pub values: Values,
    /// How the server is reached.
    pub connection: Connection,
    /// Where sessions come from.
    pub source: Source,
    /// Makes random choices repeatable.
    pub seed: u64,
    /// How often each round is run.
    pub rounds: usize,
    /// How long the storm lasts.
    pub storm: Duration,
    /// Clients of the storm.
    pub clients: usize,
    /// A shell command that restarts the server.
    pub restart: Option<String>,
    /// How long a session may live in all, as the server is configured.
    pub absolute_lifetime: Option<Duration>,
    /// How long a session may be idle, as the server is configured.
    pub idle_lifetime: Option<Duration>,
    /// How long access tokens are watched after the end of their session.
    pub access_patience: Duration,
    /// Names of the scenarios to run; all, if empty.
    pub only: Vec<String>,
    /// Why the server's description could not be read, if nothing can be tried for that reason.
    pub undescribed: Option<String>,
}

impl Settings {
    /// The defaults of the command line, with a random seed.
    #[must_use]
    pub fn new(bases: Vec<String>, profile: Profile, source: Source) -> Self {
        Self {
            bases,
            profile_name: profile.about.clone(),
            profile,
            values: Values::new(),
            connection: Connection::default(),
            source,
            seed: Self::random_seed(),
            rounds: 1,
            storm: Duration::from_secs(10),
            clients: 16,
            restart: None,
            absolute_lifetime: None,
            idle_lifetime: None,
            access_patience: Duration::from_secs(5),
            only: Vec::new(),
            undescribed: None,
        }
    }

    /// A seed short enough to be typed again.
    #[must_use]
    pub fn random_seed() -> u64 {
        fastrand::u32(..).into()
    }
}

/// Why a scenario stopped.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// The server or the command line lacks what it needs.
    #[error("{0}")]
    Skip(String),
    /// It could not be run to its end.
    #[error("{0}")]
    Fail(String),
}

impl From<RequestError> for Stop {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Missing(name) => Self::Skip(name.to_string()),
            RequestError::Malformed(_) => Self::Fail(error.to_string()),
        }
    }
}

/// What all scenarios share.
pub struct Kit {
    /// What the command line asks for.
    pub settings: Settings,
    client: Client,
    clock: Clock,
    ticks: AtomicU64,
    calls: AtomicU64,
    turn: AtomicU64,
    /// Whether a refresh replaces the token.
    pub rotation: Rotation,
    /// Which session has which token.
    pub owners: Owners,
}

impl Kit {
    /// Creates the HTTP client.
    ///
    /// # Errors
    /// When the HTTP client cannot be created.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let client = Client::new(&settings.profile, settings.values.clone(), &settings.connection)?;
        let zero = AtomicU64::default;
        let (ticks, calls, turn) = (zero(), zero(), zero());
        let (rotation, owners) = (Rotation::default(), Owners::default());
        Ok(Self { settings, client, clock: Clock::start(), ticks, calls, turn, rotation, owners })
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.settings.profile
    }

    /// Where this server may differ from others.
    pub fn rules(&self) -> Rules {
        Rules { keeps_tokens: self.keeps_tokens(), ..self.settings.profile.rules() }
    }

    /// How long sessions live, as far as the command line has it.
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes::new(self.settings.absolute_lifetime, self.settings.idle_lifetime)
    }

    /// Whether a refresh returns the token that was presented: the server does not rotate.
    pub fn keeps_tokens(&self) -> bool {
        self.rotation.never()
    }

    /// This instant.
    pub fn stamp(&self) -> Stamp {
        let millis = u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        Stamp { tick: self.ticks.fetch_add(1, Ordering::SeqCst), millis }
    }

    /// Time since the kit began.
    pub fn uptime(&self) -> Duration {
        self.clock.elapsed()
    }

    /// How long a rate limit still asks to wait.
    pub fn waits(&self) -> Option<Duration> {
        self.client.waits()
    }

    /// Requests sent so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Random choices, the same in every run with this seed and name.
    pub fn rng(&self, name: &str) -> fastrand::Rng {
        let mixed =
            name.bytes().fold(self.settings.seed, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()));
        fastrand::Rng::with_seed(mixed)
    }

    /// The instances, each in its turn.
    pub fn next_instance(&self) -> usize {
        let turn = usize::try_from(self.turn.fetch_add(1, Ordering::Relaxed)).unwrap_or_default();
        turn.checked_rem(self.settings.bases.len()).unwrap_or_default()
    }

    /// The URL of an instance.
    pub fn base(&self, instance: usize) -> &str {
        self.settings.bases.get(instance).map_or("", String::as_str)
    }

    /// Sends a request to one instance.
    pub async fn send(&self, instance: usize, mut asked: Asked<'_>, manner: Manner) -> Result<Answer, RequestError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        asked.values.push(("base", Guarded::new(self.base(instance).to_owned())));
        self.client.ask(asked, manner).await
    }

    /// Opens connections to every instance for a race of this many requests: several for each worker of the server.
    pub async fn open_connections(&self, width: usize) -> Result<(), Stop> {
        let request = self.profile().ready.clone().unwrap_or_else(|| Request::get("{base}"));
        let share = width.div_ceil(self.settings.bases.len().max(1)).max(2);
        for base in &self.settings.bases {
            // Every run has its values: without a race, nothing would be known.
            let opened = self.client.open_connections(&request, base, share).await;
            opened.map_err(|error| Stop::Fail(format!("the profile's `ready`: {error}")))?;
        }
        Ok(())
    }

    /// The first name in a request that has no value; the scenario supplies `besides`.
    pub fn lacks(&self, request: &Request, besides: &[&str]) -> Option<String> {
        let known: BTreeSet<&str> = self.settings.values.keys().map(String::as_str).chain(["base"]).collect();
        names(request).into_iter().find(|name| !known.contains(name.as_str()) && !besides.contains(&name.as_str()))
    }

    /// Initial tokens that are left; `None` where sessions begin with a sign-in.
    pub fn tokens_left(&self) -> Option<usize> {
        match &self.settings.source {
            Source::Tokens(tokens) => Some(lock(tokens).len()),
            Source::SignIn { .. } | Source::Command { .. } => None,
        }
    }
}

/// Whether an answer is one of these.
pub fn matches(signs: &[Sign], reply: &Reply) -> bool {
    signs.iter().any(|sign| reply.is(sign))
}
