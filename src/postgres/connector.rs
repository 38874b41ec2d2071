use super::{DatabaseError, MigrateError, Pooling, migrate, pending, pooling};
use crate::{
    config::{DatabaseOptions, DatabaseUrl},
    kernel::Duration,
};
use sqlx::{
    ConnectOptions, PgConnection,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// Ways to the database: through the pooler, if there is one, and around it.
#[derive(Debug, Clone)]
pub struct Connector {
    pooled: DatabaseUrl,
    direct: DatabaseUrl,
}

impl Connector {
    /// The ways that the options name, or the one to the private Postgres.
    #[must_use]
    pub fn new(options: &DatabaseOptions, private: Option<PgConnectOptions>) -> Self {
        let own = private.map(DatabaseUrl);
        let pooled = options.url.clone().or(own).unwrap_or_else(|| DatabaseUrl(PgConnectOptions::new_without_pgpass()));
        let direct = options.direct_url.clone().unwrap_or_else(|| pooled.clone());
        Self { pooled, direct }
    }

    /// For the pool.
    #[must_use]
    pub fn pooled(&self) -> PgConnectOptions {
        self.pooled.0.clone()
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
        let options = self.direct.0.clone().application_name("heirloom").extra_float_digits(None);
        let connecting = tokio::time::timeout(CONNECT, options.connect());
        Ok(connecting.await.map_err(|_elapsed| DatabaseError::TooSlow)??)
    }

    /// A connection of one's own that listens on these channels.
    ///
    /// # Errors
    /// As [`Connector::direct`].
    pub async fn listen(&self, channels: &[&str]) -> Result<PgListener, DatabaseError> {
        let options = self.direct.0.clone().application_name("heirloom listener").extra_float_digits(None);
        let pool =
            PgPoolOptions::new().max_connections(1).max_lifetime(None).idle_timeout(None).acquire_timeout(CONNECT);
        let mut listener = PgListener::connect_with(&pool.connect_lazy_with(options)).await?;
        // A lost connection is ours to notice: what was missed must be loaded before we go on.
        listener.eager_reconnect(false);
        listener.listen_all(channels.iter().copied()).await?;
        Ok(listener)
    }

    /// Applies missing migrations and says which.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn migrate(&self) -> Result<Vec<String>, MigrateError> {
        let applied = migrate(&mut self.direct().await?).await?;
        for name in &applied {
            tracing::info!(migration = name, "postgres.migrated");
        }
        Ok(applied)
    }

    /// Which migrations are missing. Changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn missing_migrations(&self) -> Result<Vec<String>, MigrateError> {
        pending(&mut self.direct().await?).await
    }
}
