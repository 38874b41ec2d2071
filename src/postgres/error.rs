use std::error::Error;

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The connection, the pool or a statement failed.
    #[error("the database failed")]
    Sqlx(#[from] sqlx::Error),
    /// Others held a lock for too long.
    #[error(
        "a lock was not free in time; end what holds it, for example with `SELECT pg_terminate_backend(…)`. \
         Locks on tables are held by {}", .holders.as_deref().unwrap_or("processes that are not known")
    )]
    Locked {
        /// Processes of Postgres, with their roles. None: it did not say, and the question may be under way yet.
        holders: Option<String>,
        /// What Postgres answered.
        #[source]
        source: sqlx::Error,
    },
    /// There was no answer in time. The statement must not take effect later: see `Database`.
    #[error("the database did not answer in time")]
    TooSlow,
    /// The listening connection leads to another database than the pool.
    #[error(
        "a NOTIFY sent through DATABASE_URL did not arrive through HEIRLOOM_DATABASE_URL_DIRECT: do both point to the same database, the latter bypassing the pooler?"
    )]
    Deaf,
    /// The connection leads to a host that another one has replaced.
    #[error("another host is the primary now")]
    Moved,
    /// Another request did the same at the same moment. Nothing of this one is kept; the next attempt finds what it did.
    #[error("another request did the same at the same moment: {0}")]
    Raced(&'static str),
    /// A row is inconsistent.
    #[error("the database contains an inconsistent row: {0}")]
    Nonsense(&'static str),
    /// The unit of work ended without a result.
    #[error("the unit of work ended without a result")]
    Lost(#[source] tokio::task::JoinError),
}

impl DatabaseError {
    /// Whether this is a temporary outage and not a bug.
    ///
    /// By SQLSTATE class: 08 connection, 0A000 a plan from before a migration, 25006 read-only, 28 and 3D not let in, 40 rolled back, 53 out of resources,
    /// 55 not available (lock timeout), 57 operator intervention (statement timeout, shutdown), 58 system error.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::TooSlow | Self::Moved | Self::Locked { .. } | Self::Raced(_) => true,
            Self::Deaf | Self::Nonsense(_) | Self::Lost(_) => false,
            Self::Sqlx(error) => match error {
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed => true,
                sqlx::Error::Database(error) => error.code().is_some_and(|code| is_outage_state(&code)),
                _ => false,
            },
        }
    }

    /// Whether the connection was lost, so that the outcome of the statement is unknown.
    #[must_use]
    pub fn is_lost_connection(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) => true,
            // 57P01 admin_shutdown, 57P02 crash_shutdown, 08* connection exceptions.
            Self::Sqlx(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| matches!(code.as_ref(), "57P01" | "57P02") || code.starts_with("08"))
            }
            _ => false,
        }
    }

    /// Whether the connection should not be used again: it is lost or slow, has a statement under way, leads to a standby (25006 read-only), as
    /// after a fail-over, or holds a statement that was prepared before a migration (0A000 cached plan).
    #[must_use]
    pub fn spoils_connection(&self) -> bool {
        let is_stale = match self {
            Self::Sqlx(sqlx::Error::Database(error)) => matches!(error.code().as_deref(), Some("25006" | "0A000")),
            Self::Locked { holders: None, .. } => true,
            _ => false,
        };
        is_stale || matches!(self, Self::TooSlow) || self.is_lost_connection()
    }

    /// The error and all its causes, one after another: for the log, never for a client.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

fn is_outage_state(code: &str) -> bool {
    const CLASSES: [&str; 8] = ["08", "28", "3D", "40", "53", "55", "57", "58"];
    matches!(code, "25006" | "0A000") || CLASSES.iter().any(|class| code.starts_with(class))
}
