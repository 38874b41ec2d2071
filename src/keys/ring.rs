use super::{
    KeyId, KeyView, KeysError,
    generate::{assemble, generate},
    model::{self, SigningKey},
    seen::SeenTokens,
    store::{self, StoredKey},
};
use crate::{
    audit::{self, About},
    config::SigningAlgorithm,
    kernel::{Duration, MasterKeys, Moment, Operator, SealingKeys, WrongMasterKey},
    postgres::{Channel, Connector, DatabaseError},
    work::Caller,
    world::World,
};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use serde_json::{Value, json};
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

/// What private keys at rest are sealed for; each key's id is authenticated with it.
const SEALING: &str = "heirloom/signing-key-sealing/v1";
/// A new key is published for so long before it signs, so that every instance and every verifier knows it by then.
const PUBLISHED_BEFORE_SIGNING: Duration = Duration::from_secs(45);
/// An old key stays published for so long after its last token has expired.
const SLACK: Duration = Duration::from_mins(2);

/// The keys room: the ring of signing keys in memory, and the issuer and audience of access tokens.
#[derive(Clone)]
pub struct Keys(Arc<Room>);

struct Room {
    world: World,
    sealing: SealingKeys,
    issuer: String,
    audience: String,
    /// Services that have tokens of their own.
    services: Vec<String>,
    claims_name: String,
    ring: RwLock<Ring>,
    seen: SeenTokens,
}

type Ring = Arc<[Arc<SigningKey>]>;

impl Keys {
    /// Loads the ring; generates a key if there is none of the configured algorithm.
    ///
    /// # Errors
    /// When the keys cannot be read, decrypted or generated.
    pub async fn open(world: World, master_keys: &MasterKeys) -> Result<Self, KeysError> {
        let keys = Self::empty(world, master_keys);
        keys.ensure_signer().await?;
        Ok(keys)
    }

    /// Whether the database holds signing keys already: then there is a master key that decrypts them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn are_in(connector: &Connector) -> Result<bool, DatabaseError> {
        store::is_in_use(&mut connector.direct().await?).await
    }

    /// Checks that the master key decrypts all signing keys, and returns their number. Changes nothing.
    ///
    /// # Errors
    /// When the keys cannot be read or opened.
    pub async fn probe(world: World, master_keys: &MasterKeys) -> Result<usize, KeysError> {
        let keys = Self::empty(world, master_keys);
        let stored = keys.0.world.db.run(|connection| Box::pin(store::published(connection))).await?;
        for key in &stored {
            let opened = keys.0.sealing.open(key.id.0.as_bytes(), &key.sealed);
            drop(opened.map_err(|WrongMasterKey| KeysError::WrongMasterKey(key.id.clone()))?);
        }
        Ok(stored.len())
    }

    fn empty(world: World, master_keys: &MasterKeys) -> Self {
        let options = &world.config.tokens;
        let public_url = world.config.http.public_url.to_string();
        let room = Room {
            sealing: SealingKeys::new(master_keys, SEALING),
            audience: options.audience.clone().unwrap_or_else(|| public_url.clone()),
            services: options.audiences.clone(),
            claims_name: options.claims_name.clone().unwrap_or_else(|| format!("{public_url}/claims")),
            issuer: public_url,
            ring: RwLock::new(Arc::new([])),
            seen: SeenTokens::new(),
            world,
        };
        Self(Arc::new(room))
    }

    /// Reads the ring again: other instances create keys too.
    ///
    /// # Errors
    /// When the keys cannot be read or opened; the ring in memory is then as before.
    pub async fn reload(&self) -> Result<(), KeysError> {
        let stored = self.0.world.db.run(|connection| Box::pin(store::published(connection))).await?;
        let mut ring = Vec::with_capacity(stored.len());
        for key in stored {
            ring.push(Arc::new(self.assemble(key).await?));
        }
        *self.0.ring.write().unwrap_or_else(PoisonError::into_inner) = ring.into();
        Ok(())
    }

    /// Makes a new key, which is published at once and signs soon; the key before it stays published until its last
    /// token has expired.
    ///
    /// # Errors
    /// When the key cannot be generated or written.
    pub async fn rotate(&self, operator: Operator) -> Result<KeyId, KeysError> {
        self.replace(operator.into()).await
    }

    async fn replace(&self, caller: Caller) -> Result<KeyId, KeysError> {
        let now = self.0.world.clock.now();
        let id = self.add(now, now + PUBLISHED_BEFORE_SIGNING, caller).await?;
        self.reload().await?;
        Ok(id)
    }

    /// Reads the ring again, and rotates when the newest key has reached its age. Of several instances one adds the
    /// key: the others find that it is no longer the successor of the key they know.
    async fn refresh(&self) -> Result<(), KeysError> {
        self.reload().await?;
        let oldest = self.0.world.clock.now() - self.0.world.config.tokens.signing_key_rotation;
        if self.ring().iter().all(|key| key.signs_from <= oldest) {
            self.replace(Caller::server()).await?;
        }
        Ok(())
    }

    /// Notes for the metrics that the ring was read now, and how long ago a key was last added.
    fn observe(&self) {
        let world = self.world();
        let uptime = world.clock.uptime();
        world.metrics.task_seen("signing_keys", RELOAD_EVERY, Duration::ZERO, uptime);
        if let Some(newest) = self.ring().iter().map(|key| key.created_at).max() {
            let (rotation, age) = (world.config.tokens.signing_key_rotation, world.clock.now() - newest);
            world.metrics.task_seen("signing_key_rotation", rotation, age.to_std().unwrap_or_default(), uptime);
        }
    }

    /// What an operator sees of the keys, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<KeyView> {
        let ring = self.ring();
        let signer = model::signer(&ring, self.0.world.clock.now()).map(|key| key.id.clone());
        let view = |key: &Arc<SigningKey>| KeyView {
            id: key.id.clone(),
            algorithm: model::name(key.algorithm),
            signs: Some(&key.id) == signer.as_ref(),
            created_at: key.created_at,
            signs_from: key.signs_from,
        };
        ring.iter().map(view).collect()
    }

    /// The public keys, as published (RFC 7517 §5).
    #[must_use]
    pub fn published(&self) -> JwkSet {
        JwkSet { keys: self.ring().iter().map(|key| Jwk::clone(&key.published)).collect() }
    }

    /// Whether the ring has a key of this id.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.ring().iter().any(|key| key.id.0 == id)
    }

    pub(super) fn ring(&self) -> Ring {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn seen(&self) -> &SeenTokens {
        &self.0.seen
    }

    pub(super) fn world(&self) -> &World {
        &self.0.world
    }

    /// `iss` of everything that is signed: the public URL.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub(super) fn audience(&self) -> &str {
        &self.0.audience
    }

    /// The audiences of services that have tokens of their own.
    pub(super) fn services(&self) -> &[String] {
        &self.0.services
    }

    pub(super) fn claims_name(&self) -> &str {
        &self.0.claims_name
    }

    /// After this there is a key of the configured algorithm that signs, now or soon.
    async fn ensure_signer(&self) -> Result<(), KeysError> {
        self.reload().await?;
        let (wanted, now) = (self.0.world.config.tokens.signing_algorithm, self.0.world.clock.now());
        let ring = self.ring();
        if ring.iter().max_by_key(|key| key.signs_from).is_some_and(|newest| newest.algorithm == wanted) {
            return Ok(());
        }
        let signs_from = if ring.is_empty() { now } else { now + PUBLISHED_BEFORE_SIGNING };
        self.add(now, signs_from, Caller::server()).await?;
        self.reload().await
    }

    async fn add(&self, now: Moment, signs_from: Moment, caller: Caller) -> Result<KeyId, KeysError> {
        let algorithm = self.0.world.config.tokens.signing_algorithm;
        let (key, sealed) = self.make(algorithm, now, signs_from).await?;
        let id = key.id.clone();
        let newest = self.ring().iter().max_by_key(|key| (key.signs_from, key.id.clone())).map(|key| key.id.clone());
        let predecessors_retire_at = signs_from + self.0.world.config.tokens.access_token_ttl + SLACK;
        let stored = StoredKey { sealed, ..StoredKey::of(&key) };
        let details = event_details(&key);
        let added = self.0.world.transaction(caller, move |mut work| {
            Box::pin(async move {
                let name = vec![stored.id.to_string()];
                if !store::add(work.connection, stored, newest, predecessors_retire_at).await? {
                    return Ok(());
                }
                work.notify(Channel::SigningKeys, &name).await?;
                work.record(audit::Kind::SigningKeyAdded, About::NOBODY, details).await
            })
        });
        added.await?;
        tracing::info!(key.id = %id, key.algorithm = model::name(algorithm), %signs_from, "keys.added");
        Ok(id)
    }

    /// RSA takes a while to generate, so that this is done off the event loop.
    async fn make(
        &self,
        algorithm: SigningAlgorithm,
        now: Moment,
        signs_from: Moment,
    ) -> Result<(SigningKey, Vec<u8>), KeysError> {
        let generated = tokio::task::spawn_blocking(move || generate(algorithm)).await;
        let pem = generated.map_err(DatabaseError::Lost)??;
        let key = assemble(algorithm, pem.as_bytes(), now, signs_from)?;
        let sealed = self.0.sealing.seal(key.id.0.as_bytes(), pem.as_bytes(), &self.0.world.rng);
        let sealed = sealed.map_err(|WrongMasterKey| KeysError::Generation)?;
        Ok((key, sealed))
    }

    /// Opens a stored key; one sealed under a previous master key is sealed again under the current one.
    async fn assemble(&self, stored: StoredKey) -> Result<SigningKey, KeysError> {
        let opened = self.0.sealing.open(stored.id.0.as_bytes(), &stored.sealed);
        let opened = opened.map_err(|WrongMasterKey| KeysError::WrongMasterKey(stored.id.clone()))?;
        if opened.is_sealed_under_a_previous_key {
            let sealed = self.0.sealing.seal(stored.id.0.as_bytes(), &opened.plaintext, &self.0.world.rng);
            let (id, sealed) = (stored.id.clone(), sealed.map_err(|WrongMasterKey| KeysError::Generation)?);
            self.0.world.db.run(move |connection| Box::pin(store::seal_anew(connection, id, sealed))).await?;
        }
        assemble(stored.algorithm, &opened.plaintext, stored.created_at, stored.signs_from)
    }
}

fn event_details(key: &SigningKey) -> Value {
    json!({ "key": key.id.to_string(), "algorithm": model::name(key.algorithm), "signs_from": key.signs_from })
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ring().iter()).finish()
    }
}

/// How often the ring is read again if no notification of a new key arrives. A new key is published for longer than this
/// before it signs.
const RELOAD_EVERY: Duration = Duration::from_secs(15);

/// Keeps the ring up to date, permanently: other instances create keys too, and a key that has signed long enough is replaced. An
/// outage leaves it as it was.
pub async fn keep_ring(keys: Keys) {
    let mut done = Ok(());
    loop {
        match done {
            Ok(()) => keys.observe(),
            Err(error) => tracing::warn!(%error, "keys.reload_failed"),
        }
        tokio::time::sleep(RELOAD_EVERY).await;
        done = keys.refresh().await;
    }
}
