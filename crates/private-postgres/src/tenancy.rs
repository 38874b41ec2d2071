use super::{
    Role, Settings, StartError, StopError, Tenant, account,
    cluster::{Cluster, binaries_for},
    home::Home,
    locks::{Locks, NoTurn, PATIENCE, Residence, Turn},
};
use sqlx::postgres::PgConnectOptions;
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::sleep;

/// How often the server checks that Postgres runs.
const WATCH: Duration = Duration::from_secs(1);
/// How long it waits after a failed restart.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The private Postgres, running, and our right to use it.
///
/// Dropped without [`PrivatePostgres::stop`], as in a crash, it leaves Postgres running: the next start takes it over.
#[derive(Debug)]
pub struct PrivatePostgres {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    cluster: Cluster,
    locks: Locks,
    residence: Residence,
    is_stopping: AtomicBool,
}

impl PrivatePostgres {
    /// Starts the cluster under the data directory, or joins the one that runs.
    ///
    /// # Errors
    /// What stands in the way, and what to do about it.
    pub async fn start(settings: &Settings, tenant: Tenant) -> Result<Self, StartError> {
        account::our_name()?;
        let home = Home::find(&settings.data_dir)?;
        let locks = Locks::of(&home.folder);
        let turn = take_turn(&locks).await?;
        let server = match tenant {
            Tenant::Server => {
                let in_use = |pid| StartError::InUse { pid, data_dir: settings.data_dir.clone() };
                Some(locks.become_server(&turn)?.map_err(in_use)?)
            }
            Tenant::Command => None,
        };
        let cluster = Cluster::open(settings, home, &turn).await?;
        cluster.start(&turn).await?;
        let residence = locks.move_in(&turn, server)?;
        let is_stopping = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { cluster, locks, residence, is_stopping }) })
    }

    /// Whether there is a cluster to start. Where there is none, whether one could be created. Changes nothing.
    ///
    /// # Errors
    /// What would prevent the start: the data directory, our account, the server binaries.
    pub fn exists(settings: &Settings) -> Result<bool, StartError> {
        account::our_name()?;
        let data = Home::look(&settings.data_dir)?;
        binaries_for(settings, data.as_deref())?;
        Ok(data.is_some())
    }

    /// How to connect as this role.
    #[must_use]
    pub fn connect_options(&self, role: Role) -> PgConnectOptions {
        self.inner.cluster.connect_options(role)
    }

    /// Leaves. The last tenant stops Postgres and waits for it.
    ///
    /// # Errors
    /// When it does not stop.
    pub async fn stop(self) -> Result<(), StopError> {
        let inner = &self.inner;
        inner.is_stopping.store(true, Ordering::SeqCst);
        let turn = match inner.locks.turn().await {
            Ok(turn) => turn,
            Err(NoTurn::TooLate) => return Err(StopError::Busy),
            Err(NoTurn::Files(error)) => return Err(error.into()),
        };
        if inner.locks.move_out(&turn, &inner.residence)? {
            inner.cluster.stop(&turn).await?;
        }
        Ok(())
    }

    /// Watches Postgres until dropped, and restarts it when it exits.
    ///
    /// Dropping this future is always safe: a start that has begun finishes by itself, and `stop` waits for its turn.
    pub async fn watch(&self) {
        loop {
            sleep(WATCH).await;
            if !self.inner.cluster.is_down() {
                continue;
            }
            let inner = Arc::clone(&self.inner);
            // A task of its own, so that a start that has begun finishes when this future is dropped.
            match tokio::spawn(async move { inner.restart().await }).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(error = with_causes(&error), "postgres.restart_failed: will retry");
                    sleep(AFTER_FAILURE).await;
                }
                Err(error) => tracing::error!(error = with_causes(&error), "postgres.restart_failed: will retry"),
            }
        }
    }
}

impl Inner {
    async fn restart(&self) -> Result<(), StartError> {
        let turn = take_turn(&self.locks).await?;
        // Meanwhile another process may have restarted it, or we may be stopping.
        if self.is_stopping.load(Ordering::SeqCst) || !self.cluster.is_down() {
            return Ok(());
        }
        tracing::error!("postgres.exited: restarting");
        self.cluster.start(&turn).await?;
        tracing::warn!("postgres.restarted");
        Ok(())
    }
}

/// For the log, with its causes.
fn with_causes<E: Error + 'static>(error: &E) -> &(dyn Error + 'static) {
    error
}

async fn take_turn(locks: &Locks) -> Result<Turn, StartError> {
    match locks.turn().await {
        Ok(turn) => Ok(turn),
        Err(NoTurn::TooLate) => Err(StartError::Busy { seconds: PATIENCE.as_secs() }),
        Err(NoTurn::Files(error)) => Err(error.into()),
    }
}
