use super::{
    AppError,
    prepare::{prepare, refuse_unsafe_pooler},
};
use crate::{
    audit,
    config::{Config, master_key_at, master_key_beside},
    factors::Factors,
    http::Cursors,
    kernel::{Clock, Highest, MacKeys, MasterKeys, Metrics, Numbering, Rng},
    keys::Keys,
    lifecycle::Lifecycle,
    mail::Mail,
    postgres::{Connector, Database, Migrations, Notifications, OwnDatabase},
    sessions::Sessions,
    upstream::Upstream,
    users::Accounts,
    world::World,
};
use private_postgres::{PrivatePostgres, Role, Settings, Tenant};
use std::sync::Arc;

/// The rooms, without the front door: what the server and the commands share.
#[derive(Debug)]
pub struct House {
    /// Database, clock, random bytes, options.
    pub world: World,
    /// People.
    pub accounts: Accounts,
    /// Second factors.
    pub factors: Factors,
    /// Signing keys.
    pub keys: Keys,
    /// Sessions.
    pub sessions: Sessions,
    /// Emails.
    pub mail: Mail,
    /// Other providers.
    pub upstream: Upstream,
    /// What is confirmed by email.
    pub lifecycle: Lifecycle,
    /// Makes and reads cursors of lists.
    pub cursors: Cursors,
    /// Connections of one's own, past the pool.
    pub connector: Connector,
    pub(super) private: Option<PrivatePostgres>,
}

impl House {
    /// Opens the rooms: finds or starts the database, migrates it, reads the keys.
    ///
    /// # Errors
    /// What stands in the way.
    pub async fn open(config: Config, tenant: Tenant, migrations: Migrations) -> Result<Self, AppError> {
        let (private, connector) = open_database(&config, tenant).await?;
        match Box::pin(Self::furnish(config, connector, migrations)).await {
            Ok(house) => Ok(Self { private, ..house }),
            Err(error) => {
                // Nobody else would stop it.
                if let Some(private) = private {
                    private.stop().await?;
                }
                Err(error)
            }
        }
    }

    async fn furnish(config: Config, connector: Connector, migrations: Migrations) -> Result<Self, AppError> {
        let (rng, clock) = (Rng::system(), Clock::start());
        let master_keys = master_keys(&config, &connector, &rng).await?;
        refuse_unsafe_pooler(&config, &connector).await?;
        drop(prepare(&config, &connector, migrations).await?);
        let db = Database::new(connector.pooled(), config.database.max_connections);
        clock.synchronize(db.now().await?);
        let audit_keys = MacKeys::new(&master_keys, audit::KEY_PURPOSE);
        let notifications = Notifications::new(&master_keys, rng.clone());
        let (metrics, config) = (Metrics::new(), Arc::new(config));
        let (audit_head, audit_numbers) = (Highest::default(), Numbering::default());
        let world = World { db, clock, rng, audit_keys, audit_head, audit_numbers, notifications, metrics, config };
        // Before the first signing key: after it, a chain without a tag is a forged one.
        audit::begin(&world).await?;
        let keys = Keys::open(world.clone(), &master_keys).await?;
        let accounts = Accounts::open(world.clone(), &master_keys)?;
        let factors = Factors::new(accounts.clone(), &master_keys);
        let sessions = Sessions::new(world.clone(), keys.clone(), factors.clone(), &master_keys);
        Ok(Self {
            lifecycle: Lifecycle::new(accounts.clone(), sessions.clone(), &master_keys),
            upstream: Upstream::new(world.clone(), &master_keys).map_err(AppError::Providers)?,
            factors,
            accounts,
            sessions,
            mail: Mail::open(world.clone(), &master_keys)?,
            cursors: Cursors::new(&master_keys),
            keys,
            world,
            connector,
            private: None,
        })
    }

    /// Closes the database's connections and leaves the private Postgres.
    ///
    /// # Errors
    /// When the private Postgres does not stop.
    pub async fn close(self) -> Result<(), AppError> {
        self.world.db.close().await;
        match self.private {
            Some(private) => Ok(private.stop().await?),
            None => Ok(()),
        }
    }
}

/// The master keys: those of the options, or the one beside the private Postgres, which is created only where nothing was
/// sealed yet.
async fn master_keys(config: &Config, connector: &Connector, rng: &Rng) -> Result<MasterKeys, AppError> {
    if let Some(keys) = &config.master_keys {
        return Ok(keys.clone());
    }
    // Before the file: another process that starts at this moment creates the master key first, then signing keys.
    let is_in_use = Keys::are_in(connector).await?;
    let data_dir = &config.database.data_dir;
    Ok(if is_in_use { master_key_at(data_dir)? } else { master_key_beside(data_dir, rng)? })
}

/// Finds the database, or starts the private one.
///
/// # Errors
/// When the private one does not start.
pub async fn open_database(config: &Config, tenant: Tenant) -> Result<(Option<PrivatePostgres>, Connector), AppError> {
    if config.database.url.is_some() {
        return Ok((None, Connector::new(&config.database, None)));
    }
    let private = PrivatePostgres::start(&private_settings(config), tenant).await?;
    let (runtime, owner) = (private.connect_options(Role::Runtime), private.connect_options(Role::Owner));
    let connector = Connector::new(&config.database, Some(OwnDatabase { runtime, owner }));
    Ok((Some(private), connector))
}

/// Where the private Postgres lives that is used when no other is named.
#[must_use]
pub fn private_settings(config: &Config) -> Settings {
    Settings {
        data_dir: config.database.data_dir.clone(),
        binaries: config.database.binaries.clone(),
        search_path: config.database.search_path.clone(),
    }
}
