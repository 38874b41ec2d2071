//! Postgres: the pool and the migrations.

mod connector;
mod database;
mod error;
mod migrate;
mod notification;
mod pool;
mod pooling;

pub use connector::{Connector, keep_to_primary};
pub use database::{Database, Work, now};
pub use error::DatabaseError;
pub use migrate::{MigrateError, migrate, pending};
pub use notification::{Channel, Notification, Notifications};
pub use pooling::{Pooling, pooling};
