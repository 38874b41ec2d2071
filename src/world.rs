//! What every verb may use: above the ground floor, below the rooms.

use crate::{
    config::Config,
    kernel::{Clock, Entropy, MacKeys, Metrics},
    postgres::{Database, Notifications},
};
use std::sync::Arc;

/// What a verb may ask of the world outside: the database, the time, chance, and how it was told to behave.
#[derive(Clone, Debug)]
pub struct World {
    /// Postgres.
    pub db: Database,
    /// The database's clock.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// What vouches for the events of the audit log.
    pub audit_keys: MacKeys,
    /// Sends and reads what instances notify each other of.
    pub notifications: Notifications,
    /// What is counted.
    pub metrics: Metrics,
    /// The options, read once at the start.
    pub config: Arc<Config>,
}
