use super::{Clock, Entropy, Metrics};
use crate::{config::Config, postgres::Database};
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
    /// What is counted.
    pub metrics: Metrics,
    /// The options, read once at the start.
    pub config: Arc<Config>,
}
