use super::{
    device::{Device, DeviceKeys, DeviceOwner, DeviceToken},
    model::{ACCOUNT, ADDRESS, Bucket, CONSECUTIVE, DEVICES, FORGET, Limit, network},
    store,
};
use crate::{
    audit,
    kernel::{Client, Digest32, Duration, MasterKeys, UserId},
    postgres::DatabaseError,
    work::{Caller, Work},
    world::World,
};
use aws_lc_rs::hmac;
use serde_json::json;
use std::{fmt, net::IpAddr, sync::Arc};
use tokio::sync::Semaphore;

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
pub enum Target<'a> {
    /// The account with a name in its canonical spelling, and its user if it exists.
    Account(&'a str, Option<DeviceOwner>),
    /// The bucket of a signed-in user: an anonymous client cannot exhaust it.
    Own(UserId),
}

/// Whether a password may be verified.
#[must_use]
#[derive(Debug)]
pub enum Admission {
    /// It may. The attempt counts as a wrong guess until [`Guard::forgive`] or [`Guard::give_back`] says otherwise.
    Admitted(Attempt),
    /// Not now.
    Refused {
        /// For how long.
        wait: Duration,
    },
}

/// An attempt that was counted.
#[derive(Debug, Default)]
pub struct Attempt(Vec<Bucket>);

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

    /// Counts an attempt, if there is room for it.
    ///
    /// # Errors
    /// When the database fails: then nothing is verified.
    pub async fn admit(&self, target: Target<'_>, client: &Client) -> Result<Admission, DatabaseError> {
        if !self.0.world.config.http.rate_limit {
            return Ok(Admission::Admitted(Attempt::default()));
        }
        // The semaphore is never closed; if it were, all would pass.
        let _turn = self.0.turnstile.acquire().await.ok();
        let buckets = self.buckets(target, client).await?;
        let counted = Counted { buckets: buckets.clone(), user: target.user() };
        let taken = self.0.world.transaction(target.caller(client), move |work| Box::pin(counted.take(work)));
        match taken.await? {
            None => Ok(Admission::Admitted(Attempt(buckets))),
            Some(Refusal { limit, wait }) => {
                self.0.world.metrics.limited(limit.name);
                tracing::warn!(limit = limit.name, request.id = client.request_id, "guessing.refused");
                Ok(Admission::Refused { wait })
            }
        }
    }

    /// The password was correct.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forgive(&self, attempt: Attempt) -> Result<(), DatabaseError> {
        let (emptied, lessened) = attempt.0.into_iter().partition(|bucket| bucket.is_emptied);
        self.settle(emptied, lessened).await
    }

    /// The password was not verified after all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn give_back(&self, attempt: Attempt) -> Result<(), DatabaseError> {
        self.settle(Vec::new(), attempt.0).await
    }

    async fn settle(&self, emptied: Vec<Bucket>, lessened: Vec<Bucket>) -> Result<(), DatabaseError> {
        if emptied.is_empty() && lessened.is_empty() {
            return Ok(());
        }
        self.0.world.db.run(move |connection| Box::pin(store::settle(connection, emptied, lessened))).await
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
            None => Device::new(&self.0.world.rng, now),
        };
        self.0.devices.issue(owner, device)
    }

    /// Whether the device proves that it signed in to this account before, with the password that counts now.
    #[must_use]
    pub fn knows(&self, owner: DeviceOwner, client: &Client) -> bool {
        self.device(owner, client).is_some()
    }

    fn device(&self, owner: DeviceOwner, client: &Client) -> Option<Device> {
        self.0.devices.read(client.device.as_deref()?, owner, self.0.world.clock.now())
    }

    /// In the order in which they are taken, the same for all, so that no two attempts wait for each other.
    async fn buckets(&self, target: Target<'_>, client: &Client) -> Result<Vec<Bucket>, DatabaseError> {
        let (name, owner) = match target {
            Target::Own(user) => return Ok(vec![self.bucket("own", user.as_uuid().as_bytes(), ACCOUNT)]),
            Target::Account(name, owner) => (name, owner),
        };
        let consecutive = self.bucket("consecutive", name.as_bytes(), CONSECUTIVE);
        if let Some(device) = owner.and_then(|owner| self.device(owner, client)) {
            let devices = self.bucket("devices", name.as_bytes(), DEVICES);
            return Ok(vec![self.bucket("device", &device.id, ACCOUNT), devices, consecutive]);
        }
        let account = self.bucket("account", name.as_bytes(), ACCOUNT);
        let Some(ip) = client.ip else { return Ok(vec![account, consecutive]) };
        let place = network(ip).to_string();
        let address = self.bucket("address", place.as_bytes(), ADDRESS);
        if self.is_familiar(owner.map(|owner| owner.user), ip).await? {
            let here = self.bucket("account-at", format!("{place} {name}").as_bytes(), ACCOUNT);
            let devices = self.bucket("devices", name.as_bytes(), DEVICES);
            return Ok(vec![address, here, devices, consecutive]);
        }
        Ok(vec![address, account, consecutive])
    }

    /// Also asked for an unknown e-mail address, whose answer must take as long.
    async fn is_familiar(&self, user: Option<UserId>, ip: IpAddr) -> Result<bool, DatabaseError> {
        let (user, place) = (user.unwrap_or(UserId::from(uuid::Uuid::nil())), network(ip));
        self.0.world.db.run(move |connection| Box::pin(store::has_session_at(connection, user, place))).await
    }

    fn bucket(&self, sort: &str, what: &[u8], limit: Limit) -> Bucket {
        let mut context = hmac::Context::with_key(&self.0.buckets);
        context.update(sort.as_bytes());
        context.update(&[0]);
        context.update(what);
        let digest = Digest32::from_slice(context.sign().as_ref()).unwrap_or_else(|| crate::kernel::sha256(what));
        Bucket { digest, limit, is_emptied: limit != ADDRESS }
    }
}

impl Target<'_> {
    fn user(&self) -> Option<UserId> {
        match self {
            Self::Account(_, owner) => owner.map(|owner| owner.user),
            Self::Own(user) => Some(*user),
        }
    }

    fn caller(&self, client: &Client) -> Caller {
        match self {
            Self::Account(..) => Caller::anonymous(client),
            Self::Own(user) => Caller::user(*user, client),
        }
    }
}

/// An attempt that is about to be counted.
struct Counted {
    buckets: Vec<Bucket>,
    user: Option<UserId>,
}

/// Which limit refuses an attempt, and for how long.
struct Refusal {
    limit: Limit,
    wait: Duration,
}

impl Counted {
    /// Takes from each bucket, or from none.
    async fn take(self, mut work: Work<'_>) -> Result<Option<Refusal>, DatabaseError> {
        for bucket in &self.buckets {
            // A flood of refused guesses takes no lock and delays no request.
            if let Some(wait) = store::wait_left(work.connection, bucket).await? {
                return self.refuse(&mut work, bucket, wait).await.map(Some);
            }
        }
        let mut taken = Vec::new();
        for bucket in &self.buckets {
            if !store::take(work.connection, bucket, FORGET).await? {
                let wait = store::wait_left(work.connection, bucket).await?;
                let wait = wait.unwrap_or(store::Wait { left: LEAST_WAIT, is_reported: true });
                store::settle(work.connection, Vec::new(), taken).await?;
                return self.refuse(&mut work, bucket, wait).await.map(Some);
            }
            taken.push(bucket.clone());
        }
        Ok(None)
    }

    /// One event for each wait, however many attempts it refuses.
    async fn refuse(&self, work: &mut Work<'_>, bucket: &Bucket, wait: store::Wait) -> Result<Refusal, DatabaseError> {
        if !wait.is_reported && store::mark_reported(work.connection, bucket).await? {
            // An address is refused for every account.
            let user = self.user.filter(|_| bucket.limit != ADDRESS);
            let details = json!({ "limit": bucket.limit.name, "wait_seconds": wait.left.as_secs() });
            work.record(audit::Kind::GuessingLimited, user, details).await?;
        }
        Ok(Refusal { limit: bucket.limit, wait: wait.left })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}
