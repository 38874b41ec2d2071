//! What all scenarios share: the server, its profile, new sessions, random choices, and the order of events.

pub use super::sync::lock;
use super::{
    client::{Answer, Asked, Client, Connection, Manner, Reply, RequestError, SignedIn},
    history::Stamp,
    lifetimes::Lifetimes,
    model::Rules,
    profile::{Profile, Request, Sign},
    rotation::Rotation,
    secret::Guarded,
    template::{Values, names},
    time::Clock,
    tokens::printed_by,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Tries of a sign-in that meets an outage or a limit.
const SIGN_IN_TRIES: u32 = 6;
/// Between two of them.
const BETWEEN_SIGN_INS: Duration = Duration::from_millis(500);

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
        /// Tokens that it printed and no session has used.
        printed: Mutex<VecDeque<Guarded>>,
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
}

impl Kit {
    /// Creates the HTTP client.
    ///
    /// # Errors
    /// When the HTTP client cannot be created.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let client = Client::new(&settings.profile, settings.values.clone(), &settings.connection)?;
        let zero = AtomicU64::default;
        let (ticks, calls, turn, rotation) = (zero(), zero(), zero(), Rotation::default());
        Ok(Self { settings, client, clock: Clock::start(), ticks, calls, turn, rotation })
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
            self.client.open_connections(&request, base, share).await?;
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

    /// Begins a session.
    pub async fn begin_session(&self) -> Result<Begun, Stop> {
        match &self.settings.source {
            Source::Tokens(tokens) => {
                let token = lock(tokens).pop_front();
                self.redeem(token.ok_or_else(|| Stop::Fail("no initial token is left".to_owned()))?).await
            }
            Source::Command { command, printed } => {
                let left = lock(printed).pop_front();
                if let Some(token) = left {
                    return self.redeem(token).await;
                }
                let mut tokens: VecDeque<_> = printed_by(command).await.map_err(Stop::Fail)?.into();
                let token = tokens.pop_front().ok_or_else(|| Stop::Fail("no initial token is left".to_owned()))?;
                lock(printed).extend(tokens);
                self.redeem(token).await
            }
            Source::SignIn { user, password } => self.sign_in_as(user, password).await,
        }
    }

    /// Redeems an initial token: one that was used before must not look like a fault of the server.
    async fn redeem(&self, token: Guarded) -> Result<Begun, Stop> {
        let refresh = &self.profile().refresh;
        let values = vec![("refresh_token", token.clone())];
        let asked = Asked { request: &refresh.request, values, header: None };
        let (instance, sent) = (self.next_instance(), self.stamp());
        match self.send(instance, asked, Manner::Patient).await? {
            Answer::Reply(reply) if matches(&refresh.rotated, &reply) => {
                Ok(Begun { reply, instance, sent, finished: self.stamp(), redeemed: Some(token) })
            }
            answer => {
                let answer = answer.summary();
                Err(Stop::Fail(format!("an initial token was refused: {answer}; was it used before?")))
            }
        }
    }

    async fn sign_in_as(&self, user: &Guarded, password: &Guarded) -> Result<Begun, Stop> {
        let sign_in = self.profile().sign_in.as_ref();
        let sign_in = sign_in.ok_or_else(|| Stop::Skip("the profile cannot sign in: pass --tokens".to_owned()))?;
        let mut answered = "no answer".to_owned();
        for _try in 0..SIGN_IN_TRIES {
            self.calls.fetch_add(1, Ordering::Relaxed);
            let (instance, sent) = (self.next_instance(), self.stamp());
            let base = Guarded::new(self.base(instance).to_owned());
            let given = vec![("base", base), ("user", user.clone()), ("password", password.clone())];
            match self.client.sign_in(sign_in, given).await? {
                SignedIn::Done(reply) => {
                    return Ok(Begun { reply, instance, sent, finished: self.stamp(), redeemed: None });
                }
                SignedIn::Stopped { answer, cause } => {
                    answered = cause;
                    // The client itself waits while a limit lasts.
                    if answer.is_unreachable() || answer.reply().is_some_and(|reply| !reply.is_outage()) {
                        break;
                    }
                    tokio::time::sleep(BETWEEN_SIGN_INS).await;
                }
            }
        }
        Err(Stop::Fail(format!("the sign-in failed: {answered}")))
    }
}

/// How a session began.
pub struct Begun {
    /// The answer that has its first refresh token.
    pub reply: Reply,
    /// The instance that was asked.
    pub instance: usize,
    /// Before the request was sent.
    pub sent: Stamp,
    /// After the answer was read.
    pub finished: Stamp,
    /// The initial token that was redeemed, where no user signed in.
    pub redeemed: Option<Guarded>,
}

/// Whether an answer is one of these.
pub fn matches(signs: &[Sign], reply: &Reply) -> bool {
    signs.iter().any(|sign| reply.is(sign))
}
