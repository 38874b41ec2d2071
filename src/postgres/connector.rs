use super::{
    Database, DatabaseError, MigrateError, Migrations, Pooling, Probe, RoleNames,
    application_name::named,
    grants,
    migrate::{history, migrate},
    pooling,
    primary::{NoPrimary, Primary},
    roles,
    survey::{survey, survey_owner},
};
use crate::{
    config::{DatabaseOptions, DatabaseUrl},
    kernel::Duration,
};
use sqlx::{
    ConnectOptions, Connection, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tracing::log::LevelFilter;

/// The channel on which a listening connection tests that it receives notifications.
const GREETING: &str = "heirloom_greeting";
/// The timeout for opening a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// Ways to the database: through the pooler, if there is one, and around it; where several hosts are named, to the one
/// that was last seen to accept writes.
#[derive(Debug, Clone)]
pub struct Connector {
    pooled: DatabaseUrl,
    direct: DatabaseUrl,
    owner: DatabaseUrl,
    /// Whether it was named by itself, and may lead elsewhere.
    is_owner_named: bool,
    /// The role to go on as there, if it is known.
    owner_role: Option<String>,
    primary: Primary,
}

/// The ways to the private Postgres.
#[derive(Debug, Clone)]
pub struct OwnDatabase {
    /// As the role of requests.
    pub runtime: PgConnectOptions,
    /// As the owner of the tables.
    pub owner: PgConnectOptions,
}

impl Connector {
    /// The ways that the options name, or those to the private Postgres.
    #[must_use]
    pub fn new(options: &DatabaseOptions, private: Option<OwnDatabase>) -> Self {
        let (runtime, owner) = private.map(|own| (own.runtime.into(), own.owner.into())).unzip();
        let pooled = options.url.clone().or(runtime);
        let pooled = pooled.unwrap_or_else(|| PgConnectOptions::new_without_pgpass().into());
        let direct = options.direct_url.clone().unwrap_or_else(|| pooled.clone());
        let owner = options.owner_url.clone().or(owner).unwrap_or_else(|| direct.clone());
        let is_owner_named = options.owner_url.is_some();
        Self { pooled, direct, owner, is_owner_named, owner_role: None, primary: Primary::default() }
    }

    /// The role that the server signs in with, if another one owns the tables.
    #[must_use]
    pub fn runtime_role(&self) -> Option<String> {
        let (pooled, owner) = (self.pooled(), self.current(&self.owner));
        (pooled.get_username() != owner.get_username()).then(|| pooled.get_username().to_owned())
    }

    /// For the pool.
    #[must_use]
    pub fn pooled(&self) -> PgConnectOptions {
        self.current(&self.pooled)
    }

    /// Whether there is more than one host to choose from.
    #[must_use]
    pub fn has_choice(&self) -> bool {
        self.pooled.hosts().len() > 1
    }

    /// Where there are several hosts, asks all at once and takes the one that was promoted last.
    ///
    /// # Errors
    /// When none accepts writes.
    pub async fn find_primary(&self) -> Result<(), NoPrimary> {
        self.primary.find_among(&self.pooled).await
    }

    /// The same, as the owner: the role in `DATABASE_URL` need not exist yet.
    ///
    /// # Errors
    /// As [`Connector::find_primary`].
    pub async fn find_primary_as_owner(&self) -> Result<(), NoPrimary> {
        self.primary.find_among(&self.owner).await
    }

    /// Which of the hosts is the primary. Another number: it has moved.
    #[must_use]
    pub fn primary_position(&self) -> usize {
        self.primary.position()
    }

    fn current(&self, url: &DatabaseUrl) -> PgConnectOptions {
        let hosts = url.hosts();
        let current = hosts.get(self.primary.position()).or(hosts.first());
        current.cloned().unwrap_or_else(PgConnectOptions::new_without_pgpass)
    }

    /// The current host, around the pooler.
    fn around(&self, usual_name: &str) -> PgConnectOptions {
        named(self.current(&self.direct), usual_name)
    }

    /// What lies between the pool and Postgres.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn pooling(&self) -> Result<Pooling, DatabaseError> {
        tokio::time::timeout(CONNECT, pooling(self.pooled())).await.map_err(|_elapsed| DatabaseError::TooSlow)?
    }

    /// A connection of one's own, around the pooler: for LISTEN, migrations and session locks.
    ///
    /// # Errors
    /// When the database does not let us in within five seconds.
    pub async fn direct(&self) -> Result<PgConnection, DatabaseError> {
        self.connect(self.around("heirloom direct")).await
    }

    /// A connection as the role that owns the tables, or as the one that is to own them.
    async fn owner(&self) -> Result<PgConnection, DatabaseError> {
        let mut connection = self.connect(named(self.current(&self.owner), "heirloom migrations")).await?;
        roles::become_owner(&mut connection, self.owner_role.as_deref()).await?;
        Ok(connection)
    }

    async fn connect(&self, options: PgConnectOptions) -> Result<PgConnection, DatabaseError> {
        // What is done over it may take its time.
        let options = options.log_slow_statements(LevelFilter::Off, Duration::ZERO);
        let connecting = tokio::time::timeout(CONNECT, options.connect());
        Ok(connecting.await.map_err(|_elapsed| DatabaseError::TooSlow)??)
    }

    /// A connection of one's own that sees the database as of one moment, and changes nothing.
    ///
    /// # Errors
    /// As [`Connector::direct`].
    pub async fn snapshot(&self) -> Result<PgConnection, DatabaseError> {
        let mut connection = self.direct().await?;
        sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").execute(&mut connection).await?;
        Ok(connection)
    }

    /// A dedicated connection that listens on these channels and receives notifications sent through the pool.
    ///
    /// # Errors
    /// As [`Connector::direct`]; [`DatabaseError::Deaf`] if what is said through the pool does not arrive.
    pub async fn listen(&self, channels: &[&str]) -> Result<PgListener, DatabaseError> {
        let options = self.around("heirloom listener");
        let pool =
            PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).acquire_timeout(CONNECT);
        let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
        // The caller must notice a lost connection: it has to load what it missed before it continues.
        listener.eager_reconnect(false);
        listener.listen_all(channels.iter().copied().chain([GREETING])).await?;
        let heard = tokio::time::timeout(CONNECT, self.greet(&mut listener));
        heard.await.map_err(|_elapsed| DatabaseError::Deaf)??;
        Ok(listener)
    }

    /// Waits for a word of our own, said through the pool: `HEIRLOOM_DATABASE_URL_DIRECT` may lead to another database.
    async fn greet(&self, listener: &mut PgListener) -> Result<(), DatabaseError> {
        let own = "SELECT pid || ' since ' || backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
        let word: String = sqlx::query_scalar(own).fetch_one(&mut *listener).await?;
        let mut pooled = named(self.pooled(), "heirloom probe").connect().await?;
        // Not prepared: a pooler may be in between.
        let said =
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("NOTIFY {GREETING}, '{word}'"))).execute(&mut pooled).await;
        drop(pooled.close().await);
        said?;
        while let Some(heard) = listener.try_recv().await? {
            if heard.channel() == GREETING && heard.payload() == word {
                return Ok(());
            }
        }
        Err(DatabaseError::Deaf)
    }

    /// Creates the roles that are missing; migrations then run as the owner.
    ///
    /// # Errors
    /// When the database fails, or we lack a right that is needed.
    pub async fn create_roles(&mut self, names: &RoleNames) -> Result<(), MigrateError> {
        let mut connection = self.connect(named(self.current(&self.owner), "heirloom migrations")).await?;
        let owner = roles::create(&mut connection, names).await?;
        tracing::info!(owner, runtime = names.runtime, "postgres.roles_set_up");
        self.owner_role = Some(owner);
        Ok(())
    }

    /// Lets this role do what a server does.
    ///
    /// # Errors
    /// When the database fails, or we are not the owner.
    pub async fn let_serve(&self, role: &str) -> Result<(), MigrateError> {
        Ok(grants::grant(&mut self.owner().await?, role).await?)
    }

    /// Applies missing migrations and reports which; lets the server's role do what it needs, and sets for how long
    /// months of the audit log are kept at least.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn migrate(&self, audit_retention: Duration) -> Result<Vec<String>, MigrateError> {
        let mut connection = self.owner().await?;
        let applied = migrate(&mut connection, async || self.owner().await).await?;
        if roles::owns(&mut connection).await? {
            roles::keep_months_for(&mut connection, audit_retention).await?;
            grants::grant_all(&mut connection, self.runtime_role()).await?;
        }
        for name in &applied {
            tracing::info!(migration = name, "postgres.migrated");
        }
        Ok(applied)
    }

    /// Looks at everything in the database that a start depends on. Changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn survey(&self, migrations: Migrations) -> Result<Vec<Probe>, MigrateError> {
        let mut connection = self.direct().await?;
        if self.is_owner_named
            && migrations == Migrations::Apply
            && let Some(elsewhere) = Box::pin(self.survey_owner(&mut connection)).await?
        {
            return Ok(vec![elsewhere]);
        }
        let is_owners = migrations == Migrations::Apply && self.runtime_role().is_some();
        if is_owners && !history(&mut connection).await?.is_complete() {
            return self.survey_as_owner().await;
        }
        let owner_grants = is_owners && Box::pin(self.owner_owns()).await?;
        survey(&mut connection, migrations, owner_grants).await
    }

    async fn owner_owns(&self) -> Result<bool, MigrateError> {
        Ok(roles::owns(&mut self.owner().await?).await?)
    }

    async fn survey_owner(&self, ours: &mut PgConnection) -> Result<Option<Probe>, MigrateError> {
        Ok(survey_owner(ours, &mut self.owner().await?).await)
    }

    /// The same, as the owner, for migrations.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn survey_as_owner(&self) -> Result<Vec<Probe>, MigrateError> {
        survey(&mut self.owner().await?, Migrations::Apply, false).await
    }
}

/// How often the hosts are asked where there is a choice.
const LOOK: Duration = Duration::from_secs(1);

/// Keeps the pool on the primary, permanently. With one host there is nothing to do: a host that moves is found again by
/// connecting.
pub async fn keep_to_primary(db: Database, connector: Connector) {
    while connector.has_choice() {
        tokio::time::sleep(LOOK).await;
        let before = connector.primary_position();
        if let Err(error) = connector.find_primary().await {
            tracing::error!(%error, "postgres.no_primary");
        } else if connector.primary_position() != before {
            db.turn_to(connector.pooled());
            tracing::warn!(host = connector.pooled().get_host(), "postgres.primary_found");
        }
    }
}
