//! Postgres: the pool and the migrations.

mod connector;
mod database;
mod error;
mod locks;
mod migrate;
mod migration_lock;
mod notification;
mod pool;
mod pooling;
mod survey;

pub use connector::{Connector, keep_to_primary};
pub use database::{Database, Unit, now};
pub use error::DatabaseError;
pub use locks::{Lock, lock, try_lock};
pub use migrate::MigrateError;
pub use notification::{Channel, Notification, Notifications};
pub use pooling::{Pooling, pooling};
pub use survey::{Migrations, Probe, ProbeVerdict, UnfitDatabase, refuse};
