//! What every verb may use: above the ground floor, below the rooms.

use crate::{
    config::Config,
    kernel::{Clock, Highest, MacKeys, Metrics, Numbering, Rng},
    postgres::{Database, Notifications},
};
use std::sync::Arc;

/// What a function may use of the outside world: the database, the time, random bytes and the configuration.
#[derive(Clone, Debug)]
pub struct World {
    /// Postgres.
    pub db: Database,
    /// The database's clock.
    pub clock: Clock,
    /// Randomness.
    pub rng: Rng,
    /// What vouches for the events of the audit log.
    pub audit_keys: MacKeys,
    /// The highest end of the audit log's chain that this instance has seen.
    pub audit_head: Highest,
    /// Numbers the events that this instance records.
    pub audit_numbers: Numbering,
    /// Sends and reads what instances notify each other of.
    pub notifications: Notifications,
    /// What is counted.
    pub metrics: Metrics,
    /// The options, read once at the start.
    pub config: Arc<Config>,
}
