use super::{
    Settings, StartError, StopError, Tenant,
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

/// How often the server looks whether Postgres still lives.
const WATCH: Duration = Duration::from_secs(1);
/// How long it waits after it could not start it again.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The private Postgres, running, and our right to use it.
///
/// Dropped without [`PrivatePostgres::stop`], as in a crash, it leaves Postgres running: the next who comes takes it
/// over.
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
        cluster.ensure_running(&turn).await?;
        let residence = locks.move_in(&turn, server)?;
        let is_stopping = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { cluster, locks, residence, is_stopping }) })
    }

    /// Whether there is a cluster to start. Where there is none, the server binaries to make one are there at least.
    /// Changes nothing.
    ///
    /// # Errors
    /// When the data directory cannot be read, or there are no binaries.
    pub fn is_made(settings: &Settings) -> Result<bool, StartError> {
        let data = Home::look(&settings.data_dir)?;
        binaries_for(settings, data.as_deref())?;
        Ok(data.is_some())
    }

    /// How to connect.
    #[must_use]
    pub fn connect_options(&self) -> PgConnectOptions {
        self.inner.cluster.connect_options()
    }

    /// Leaves. Who leaves last stops Postgres and waits for it.
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

    /// Watches over Postgres, for ever: when it dies it is started again.
    ///
    /// Dropping this future is always safe: a start that has begun goes on by itself, and `stop` waits for its turn.
    pub async fn watch(&self) {
        loop {
            sleep(WATCH).await;
            if !self.inner.cluster.is_down() {
                continue;
            }
            let inner = Arc::clone(&self.inner);
            // A task of its own, so that a start that has begun ends well when this future is dropped.
            match tokio::spawn(async move { inner.revive().await }).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::error!(error = told(&error), "postgres.not_revived: it is tried again");
                    sleep(AFTER_FAILURE).await;
                }
                Err(error) => tracing::error!(error = told(&error), "postgres.not_revived: it is tried again"),
            }
        }
    }
}

impl Inner {
    async fn revive(&self) -> Result<(), StartError> {
        let turn = take_turn(&self.locks).await?;
        // In the meantime somebody else may have seen to it, or we have been told to stop.
        if self.is_stopping.load(Ordering::SeqCst) || !self.cluster.is_down() {
            return Ok(());
        }
        tracing::error!("postgres.died: the private PostgreSQL does not run any more, it is started again");
        self.cluster.ensure_running(&turn).await?;
        tracing::warn!("postgres.revived");
        Ok(())
    }
}

/// For the log, with its causes.
fn told<E: Error + 'static>(error: &E) -> &(dyn Error + 'static) {
    error
}

async fn take_turn(locks: &Locks) -> Result<Turn, StartError> {
    match locks.turn().await {
        Ok(turn) => Ok(turn),
        Err(NoTurn::TooLate) => Err(StartError::Busy { seconds: PATIENCE.as_secs() }),
        Err(NoTurn::Files(error)) => Err(error.into()),
    }
}
