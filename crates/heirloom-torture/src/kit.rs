//! What all scenarios share: the server, its profile, new sessions, random choices, and the order of events.

use super::{
    client::{Answer, Asked, Client, Manner, Reply, RequestError},
    history::Stamp,
    model::Rules,
    profile::{Profile, Request, Sign},
    secret::Guarded,
    template::{Values, names},
    time::Clock,
};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// Tries of a sign-in that meets an outage or a limit.
const SIGN_IN_TRIES: u32 = 6;
/// The longest that a sign-in waits between two tries, in seconds.
const LONGEST_WAIT: u64 = 30;

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
}

impl Source {
    /// Initial tokens.
    #[must_use]
    pub fn tokens(tokens: impl Iterator<Item = Guarded>) -> Self {
        Self::Tokens(Mutex::new(tokens.collect()))
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
    /// Names of the scenarios to run; all, if empty.
    pub only: Vec<String>,
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
            source,
            seed: Self::random_seed(),
            rounds: 1,
            storm: Duration::from_secs(10),
            clients: 16,
            restart: None,
            absolute_lifetime: None,
            only: Vec::new(),
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
}

impl Kit {
    /// Creates the HTTP client.
    ///
    /// # Errors
    /// When the HTTP client cannot be created.
    pub fn new(settings: Settings) -> Result<Self, reqwest::Error> {
        let client = Client::new(&settings.profile, settings.values.clone())?;
        let zero = AtomicU64::default;
        Ok(Self { settings, client, clock: Clock::start(), ticks: zero(), calls: zero(), turn: zero() })
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.settings.profile
    }

    /// Where this server may differ from others.
    pub fn rules(&self) -> Rules {
        self.settings.profile.rules()
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
    pub fn next_base(&self) -> &str {
        let turn = usize::try_from(self.turn.fetch_add(1, Ordering::Relaxed)).unwrap_or_default();
        let bases = &self.settings.bases;
        bases.get(turn.checked_rem(bases.len()).unwrap_or_default()).map_or("", String::as_str)
    }

    /// Sends a request to one instance.
    pub async fn send(&self, base: &str, mut asked: Asked<'_>, manner: Manner) -> Result<Answer, RequestError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        asked.values.push(("base", Guarded::new(base.to_owned())));
        self.client.ask(&asked, manner).await
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
            Source::SignIn { .. } => None,
        }
    }

    /// Begins a session. Returns the answer that has its first refresh token.
    pub async fn begin_session(&self) -> Result<Reply, Stop> {
        match &self.settings.source {
            Source::Tokens(tokens) => {
                let token = lock(tokens).pop_front();
                self.redeem(token.ok_or_else(|| Stop::Fail("no initial token is left".to_owned()))?).await
            }
            Source::SignIn { user, password } => self.sign_in_as(user, password).await,
        }
    }

    /// Redeems an initial token: one that was used before must not look like a fault of the server.
    async fn redeem(&self, token: Guarded) -> Result<Reply, Stop> {
        let refresh = &self.profile().refresh;
        let asked = Asked { request: &refresh.request, values: vec![("refresh_token", token)], header: None };
        match self.send(self.next_base(), asked, Manner::Patient).await? {
            Answer::Reply(reply) if matches(&refresh.rotated, &reply) => Ok(reply),
            answer => {
                let answer = answer.summary();
                Err(Stop::Fail(format!("an initial token was refused: {answer}; was it used before?")))
            }
        }
    }

    async fn sign_in_as(&self, user: &Guarded, password: &Guarded) -> Result<Reply, Stop> {
        let sign_in = self.profile().sign_in.as_ref();
        let sign_in = sign_in.ok_or_else(|| Stop::Skip("the profile cannot sign in: pass --tokens".to_owned()))?;
        let mut answered = "no answer".to_owned();
        for _try in 0..SIGN_IN_TRIES {
            let values = vec![("user", user.clone()), ("password", password.clone())];
            let asked = Asked { request: &sign_in.request, values, header: None };
            let answer = self.send(self.next_base(), asked, Manner::Patient).await?;
            answered = answer.summary();
            let Answer::Reply(reply) = answer else { continue };
            if matches(&sign_in.done, &reply) {
                return Ok(reply);
            }
            if !reply.is_outage() {
                break;
            }
            let wait = reply.retry_after.unwrap_or(1).min(LONGEST_WAIT);
            tokio::time::sleep(Duration::from_secs(wait)).await;
        }
        Err(Stop::Fail(format!("the sign-in failed: {answered}")))
    }
}

/// Whether an answer is one of these.
pub fn matches(signs: &[Sign], reply: &Reply) -> bool {
    signs.iter().any(|sign| sign.is(reply.status, reply.code.as_deref()))
}

/// Locks, even after a panic in another holder.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
