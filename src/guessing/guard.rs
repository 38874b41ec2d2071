use super::{
    device::{DeviceKeys, DeviceOwner, DeviceToken, KnownDevice},
    model::{
        ACCOUNT, ADDRESS, Bucket, CONSECUTIVE, CONSECUTIVE_NEAR, CONSECUTIVE_OWN, Circle, DEVICES, FACTOR, FORGET,
        Guess, GuessLimit, StoredPassword, digests, network,
    },
    store,
};
use crate::{
    audit,
    kernel::{Client, Digest32, Duration, MasterKeys, Stopwatch, UserId},
    postgres::{ACQUIRE, DatabaseError},
    work::{Caller, Work},
    world::World,
};
use aws_lc_rs::hmac;
use serde_json::json;
use std::{fmt, sync::Arc};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The wait to report if it ended while it was being read.
const LEAST_WAIT: Duration = Duration::from_secs(1);

/// The gate before every verification of a password.
#[derive(Clone)]
pub struct Guard(Arc<Room>);

struct Room {
    world: World,
    buckets: hmac::Key,
    devices: DeviceKeys,
    /// Guesses at one account wait for each other in the database: they must not hold every connection meanwhile.
    turnstile: Semaphore,
}

/// The account whose password is about to be verified.
#[derive(Debug, Clone, Copy)]
pub enum GuessTarget<'a> {
    /// The account of an address in its canonical spelling, or of a text that cannot be an address. Whether it exists is found
    /// by the statement that counts.
    Account {
        /// What was typed, in its canonical spelling.
        name: &'a str,
        /// Whether it can be the address of an account.
        is_address: bool,
    },
    /// The account of a signed-in user, counted as their sign-ins are.
    Again {
        /// Who.
        user: UserId,
        /// Their address.
        email: &'a str,
    },
    /// The bucket of a signed-in user: an anonymous client cannot exhaust it.
    Own {
        /// Who.
        user: UserId,
        /// Their address: a right password there ends this row of wrong ones, and the other way round.
        email: &'a str,
    },
    /// The second factors of a user, whose password, or a session, was presented before.
    Factor(DeviceOwner),
}

/// Whether a password may be verified.
#[must_use]
#[derive(Debug)]
pub enum Admission {
    /// It may. The attempt counts as a wrong guess until [`Guard::give_back`] says otherwise, or it is forgiven.
    Admitted(Attempt, Option<StoredPassword>),
    /// Not now.
    Refused {
        /// For how long.
        wait: Duration,
    },
}

/// An attempt that was counted. A right password forgives it: its buckets are emptied, and the address gets it back.
#[derive(Debug, Clone, Default)]
pub struct Attempt(Vec<Bucket>);

impl Attempt {
    /// The digests of its buckets, in the order in which they are locked.
    #[must_use]
    pub fn buckets(&self) -> Vec<Vec<u8>> {
        digests(&self.0)
    }

    /// Those of them that a right password empties.
    #[must_use]
    pub fn emptied(&self) -> Vec<Vec<u8>> {
        self.0.iter().filter(|bucket| bucket.is_emptied).map(|bucket| bucket.digest.as_bytes().to_vec()).collect()
    }
}

impl Guard {
    /// The gate, under keys derived from the master key.
    #[must_use]
    pub fn new(world: World, masters: &MasterKeys) -> Self {
        let key = masters.current.derive("heirloom/guessing/v1");
        let buckets = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
        let connections = usize::try_from(world.config.database.max_connections).unwrap_or(1);
        let turnstile = Semaphore::new((connections / 4).max(1));
        Self(Arc::new(Room { world, buckets, devices: DeviceKeys::new(masters), turnstile }))
    }

    /// Counts an attempt, if there is room for it, and reads the stored password of an account in the same statement.
    ///
    /// # Errors
    /// When the database fails: then nothing is verified.
    pub async fn admit(&self, target: GuessTarget<'_>, client: &Client) -> Result<Admission, DatabaseError> {
        if !self.0.world.config.http.rate_limit {
            return self.admit_uncounted(target).await;
        }
        let (_turn, waited) = self.turn().await?;
        let guess = self.guess(target, client);
        let circles = guess.circles.clone();
        let db = &self.0.world.db;
        let counted = db.run_after(waited, move |connection| Box::pin(store::take(connection, guess, FORGET))).await?;
        let store::CountedGuess { stored, circle, refusing, taken } = counted;
        let buckets: Vec<Bucket> = circles.into_iter().filter(|one| one.0 == circle).flat_map(|one| one.1).collect();
        let user = target.user().or(stored.as_ref().map(|stored| stored.owner.user));
        let Some(refused) = RefusedGuess::of(&buckets, refusing, &taken) else {
            return Ok(Admission::Admitted(Attempt(buckets), stored));
        };
        let WaitRefusal { limit, wait } = self.refuse(refused, user, target.caller(client)).await?;
        self.0.world.metrics.limited(limit.name);
        tracing::warn!(limit = limit.name, request.id = client.request_id, "guessing.refused");
        Ok(Admission::Refused { wait })
    }

    /// Nothing is counted where the limits are off.
    async fn admit_uncounted(&self, target: GuessTarget<'_>) -> Result<Admission, DatabaseError> {
        let stored = match target.address() {
            Some(email) => {
                self.0.world.db.run(move |connection| Box::pin(store::password_of(connection, email))).await?
            }
            None => None,
        };
        Ok(Admission::Admitted(Attempt::default(), stored))
    }

    async fn refuse(
        &self,
        refused: RefusedGuess,
        user: Option<UserId>,
        caller: Caller,
    ) -> Result<WaitRefusal, DatabaseError> {
        match refused.wait {
            // A flood of refused guesses writes nothing.
            Some(store::Wait { left, is_reported: true }) => {
                Ok(WaitRefusal { limit: refused.bucket.limit, wait: left })
            }
            _ => self.0.world.transaction(caller, move |work| Box::pin(refused.report(work, user))).await,
        }
    }

    /// The password was correct.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forgive(&self, attempt: Attempt) -> Result<(), DatabaseError> {
        self.settle(attempt.0, |bucket| bucket.is_emptied).await
    }

    /// The password was not verified after all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_back(&self, attempt: Attempt) -> Result<(), DatabaseError> {
        self.settle(attempt.0.into_iter().filter(|bucket| bucket.is_counted).collect(), |_| false).await
    }

    /// Empties the counts of an account, in the caller's transaction: it has another password now, at which nobody has guessed, and
    /// who used up the guesses at the second factors had the one before. What second factors have in a row stays: it bounds who
    /// reads the address, resets the password again and again, and has none of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn start_again(&self, work: &mut Work<'_>, user: UserId, name: &str) -> Result<(), DatabaseError> {
        let account = self.bucket("account", name.as_bytes(), ACCOUNT);
        let id = user.as_uuid();
        let factors =
            [self.bucket("factor", id.as_bytes(), FACTOR), self.bucket("factor-devices", id.as_bytes(), DEVICES)];
        let buckets = [vec![account], self.shared(name.as_bytes()).into(), factors.into()].concat();
        store::settle(work.connection, buckets, |_| true).await
    }

    async fn settle(&self, attempt: Vec<Bucket>, is_emptied: fn(&Bucket) -> bool) -> Result<(), DatabaseError> {
        if attempt.is_empty() {
            return Ok(());
        }
        // A flood that is turned away gives back as fast as it was counted, in the same rows.
        let (_turn, waited) = self.turn().await?;
        let db = &self.0.world.db;
        db.run_after(waited, move |connection| Box::pin(store::settle(connection, attempt, is_emptied))).await
    }

    /// A turn, and how long it took to come. While the database hangs, those that wait are answered in time: each turn
    /// before theirs takes as long as a statement may.
    async fn turn(&self) -> Result<(Option<SemaphorePermit<'_>>, Duration), DatabaseError> {
        let watch = Stopwatch::start();
        let turn = tokio::time::timeout(ACQUIRE, self.0.turnstile.acquire()).await;
        // The semaphore is never closed; if it were, all would pass.
        Ok((turn.map_err(|_elapsed| DatabaseError::TooSlow)?.ok(), watch.elapsed()))
    }

    /// The token by which the account recognises this device from now on. None if it already does, or nothing is
    /// counted.
    #[must_use]
    pub fn introduce(&self, owner: DeviceOwner, client: &Client) -> Option<DeviceToken> {
        if !self.0.world.config.http.rate_limit {
            return None;
        }
        let now = self.0.world.clock.now();
        let device = match self.device(owner, client) {
            Some(known) => known.renewed(now)?,
            None => KnownDevice::new(&self.0.world.rng, now),
        };
        self.0.devices.issue(owner, device)
    }

    /// Whether the device proves that it signed in to this account before, with the password that counts now.
    #[must_use]
    pub fn knows(&self, owner: DeviceOwner, client: &Client) -> bool {
        self.device(owner, client).is_some()
    }

    fn device(&self, owner: DeviceOwner, client: &Client) -> Option<KnownDevice> {
        self.presented(client).filter(|(known, _)| *known == owner).map(|(_, device)| device)
    }

    /// The device that the client proves to be, for the user whose it is.
    fn presented(&self, client: &Client) -> Option<(DeviceOwner, KnownDevice)> {
        self.0.devices.read(client.device.as_deref()?, self.0.world.clock.now())
    }

    /// What the statement that counts needs. Of the circles it chooses one: that of the device, if it is the account's;
    /// that of the address, if the account has a live session there; or that of strangers. Also for an unknown e-mail
    /// address, whose answer must take as long.
    ///
    /// Buckets are in the order in which they are taken, the same for all, so that no two attempts wait for each other. Those that
    /// a guess of the circle does not count in, a right password empties all the same: it ends the row of wrong ones.
    fn guess(&self, target: GuessTarget<'_>, client: &Client) -> Guess {
        let name = match target {
            GuessTarget::Own { user, email } => {
                let [_, near, consecutive, own] = self.shared(email.as_bytes());
                let first = self.bucket("own", user.as_uuid().as_bytes(), ACCOUNT);
                let buckets = vec![first, near.uncounted(), consecutive.uncounted(), own];
                return Guess { circles: vec![(Circle::Strangers, buckets)], ..Guess::default() };
            }
            GuessTarget::Factor(owner) => {
                let circles = vec![(Circle::Strangers, self.buckets_of_factors(owner, client))];
                return Guess { circles, ..Guess::default() };
            }
            GuessTarget::Account { name, .. } | GuessTarget::Again { email: name, .. } => name.as_bytes(),
        };
        let [devices, near, consecutive, own] = self.shared(name);
        let [far, own] = [consecutive.uncounted(), own.uncounted()];
        let mut circles = Vec::new();
        let presented = self.presented(client);
        if let Some((_, device)) = presented {
            let device = self.bucket("device", &device.id, ACCOUNT);
            let buckets = vec![device, devices.clone(), near.clone(), far.clone(), own.clone()];
            circles.push((Circle::Device, buckets));
        }
        let place = client.ip.map(network);
        let address = place.map(|place| self.bucket("address", place.to_string().as_bytes(), ADDRESS));
        if let (Some(place), Some(address)) = (place, &address) {
            let here = self.bucket("account-at", &[place.to_string().as_bytes(), b" ", name].concat(), ACCOUNT);
            let buckets = vec![address.clone(), here, devices, near.clone(), far, own.clone()];
            circles.push((Circle::Place, buckets));
        }
        let account = self.bucket("account", name, ACCOUNT);
        let strangers = address.into_iter().chain([account, near.uncounted(), consecutive, own]);
        circles.push((Circle::Strangers, strangers.collect()));
        Guess { email: target.address(), device: presented.map(|(owner, _)| owner), place, circles }
    }

    /// Who has the password could use up the guesses at a code: a device that signed in before has a bucket of its own.
    fn buckets_of_factors(&self, owner: DeviceOwner, client: &Client) -> Vec<Bucket> {
        let user = owner.user.as_uuid();
        let name = user.as_bytes();
        let near = self.bucket("factor-consecutive-near", name, CONSECUTIVE_NEAR);
        let consecutive = self.bucket("factor-consecutive", name, CONSECUTIVE);
        match self.device(owner, client) {
            Some(device) => {
                let device = self.bucket("factor-device", &[&device.id, name.as_slice()].concat(), FACTOR);
                vec![device, self.bucket("factor-devices", name, DEVICES), near, consecutive.uncounted()]
            }
            None => vec![self.bucket("factor", name, FACTOR), near.uncounted(), consecutive],
        }
    }

    /// What the devices of an account have together, and what it has in a row from near, from far, and in its sessions.
    fn shared(&self, name: &[u8]) -> [Bucket; 4] {
        [
            self.bucket("devices", name, DEVICES),
            self.bucket("consecutive-near", name, CONSECUTIVE_NEAR),
            self.bucket("consecutive", name, CONSECUTIVE),
            self.bucket("consecutive-own", name, CONSECUTIVE_OWN),
        ]
    }

    fn bucket(&self, sort: &str, what: &[u8], limit: GuessLimit) -> Bucket {
        let mut context = hmac::Context::with_key(&self.0.buckets);
        context.update(sort.as_bytes());
        context.update(&[0]);
        context.update(what);
        let digest = Digest32::from_slice(context.sign().as_ref()).unwrap_or_else(|| crate::kernel::sha256(what));
        Bucket { digest, limit, is_emptied: limit != ADDRESS, is_counted: true }
    }
}

impl GuessTarget<'_> {
    fn user(&self) -> Option<UserId> {
        match self {
            Self::Account { .. } => None,
            Self::Own { user, .. } | Self::Again { user, .. } => Some(*user),
            Self::Factor(owner) => Some(owner.user),
        }
    }

    fn address(&self) -> Option<String> {
        match self {
            Self::Account { name, is_address: true } | Self::Again { email: name, .. } => Some((*name).to_owned()),
            Self::Account { is_address: false, .. } | Self::Own { .. } | Self::Factor(_) => None,
        }
    }

    fn caller(&self, client: &Client) -> Caller {
        match self {
            Self::Account { .. } | Self::Factor(_) => Caller::anonymous(client),
            Self::Own { user, .. } | Self::Again { user, .. } => Caller::user(*user, client),
        }
    }
}

/// A refused attempt: the bucket that refuses, and what others had already counted of it.
struct RefusedGuess {
    bucket: Bucket,
    /// None if others were counted at the same moment: it must be read.
    wait: Option<store::Wait>,
    taken: Vec<Bucket>,
}

/// Which limit refuses an attempt, and for how long.
struct WaitRefusal {
    limit: GuessLimit,
    wait: Duration,
}

impl RefusedGuess {
    /// None if each bucket that should count the attempt has.
    fn of(buckets: &[Bucket], refusing: Option<(Digest32, store::Wait)>, taken: &[Digest32]) -> Option<Self> {
        let bucket = |digest: &Digest32| buckets.iter().find(|bucket| bucket.digest == *digest).cloned();
        if let Some((digest, wait)) = refusing {
            return Some(Self { bucket: bucket(&digest)?, wait: Some(wait), taken: Vec::new() });
        }
        let first = buckets.iter().find(|bucket| bucket.is_counted && !taken.contains(&bucket.digest))?.clone();
        Some(Self { bucket: first, wait: None, taken: taken.iter().filter_map(bucket).collect() })
    }

    /// Gives back what other buckets had counted, and records one event for each wait, however many attempts it refuses.
    async fn report(self, mut work: Work<'_>, user: Option<UserId>) -> Result<WaitRefusal, DatabaseError> {
        let Self { bucket, wait, taken } = self;
        if !taken.is_empty() {
            store::settle(work.connection, taken, |_| false).await?;
        }
        let wait = match wait {
            Some(wait) => Some(wait),
            None => store::wait_left(work.connection, &bucket).await?,
        };
        let wait = wait.unwrap_or(store::Wait { left: LEAST_WAIT, is_reported: true });
        if !wait.is_reported && store::mark_reported(work.connection, &bucket).await? {
            // An address is refused for every account.
            let user = user.filter(|_| bucket.limit != ADDRESS);
            let details = json!({ "limit": bucket.limit.name, "wait_seconds": wait.left.as_secs() });
            work.record_refusal(audit::Kind::GuessingLimited, user, details).await?;
        }
        Ok(WaitRefusal { limit: bucket.limit, wait: wait.left })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
