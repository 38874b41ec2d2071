//! Postgres: the pool and the migrations.

mod application_name;
mod connector;
mod database;
mod error;
mod grants;
mod locks;
mod migrate;
mod migrate_error;
mod migration_lock;
mod notification;
mod pool;
mod pooling;
mod primary;
mod roles;
mod scram;
mod survey;
mod used_tickets;

pub use connector::{Connector, OwnDatabase, keep_to_primary};
pub use database::{Database, Locks, Unit, now};
pub use error::DatabaseError;
pub use locks::{Lock, lock, try_lock};
pub use migrate_error::MigrateError;
pub use notification::{Channel, Notifications, ReceivedNotification};
pub use pool::ACQUIRE;
pub use pooling::{NO_LIMITS, Pooling, pooling};
pub use primary::NoPrimary;
pub use roles::{RoleNames, RolesError};
pub use survey::{Migrations, Probe, ProbeVerdict, UnfitDatabase, refuse};
pub use used_tickets::{is_redeemed, redeem, sweep_used_tickets};
