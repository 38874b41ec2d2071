//! Guessing passwords is bounded (ASVS 5 §6.3.1; NIST SP 800-63B-4 §3.2.2).
//!
//! 1. Before a password is verified, the attempt is counted in the database, in one statement for each bucket
//!    (`store.rs`): what comes at the same time, on whatever instance, is counted one after another.
//! 2. A bucket that is used up refuses until its wait is over; waits grow to a quarter of an hour and never lock for good
//!    (`model.rs` holds the numbers).
//! 3. A right password empties the account's bucket and gives the address its attempt back.
//!
//! Whatever the device and the address, an account has at most a hundred wrong guesses one after another; then one an
//! hour.
//!
//! A stranger who guesses at an account uses up its common bucket, and with it the sign-ins from places that the account
//! has never been seen at. A device that signed in before (`device.rs`), and an address with a session of the account,
//! have buckets of their own: their owner is not shut out.

mod device;
mod guard;
mod model;
mod store;

pub use device::{DEVICE_LIFETIME, DeviceOwner, DeviceToken};
pub use guard::{Admission, Attempt, Guard, Target};

use crate::{kernel::Duration, postgres::DatabaseError, world::World};

/// How often what counts no more is forgotten.
const EVERY: Duration = Duration::from_hours(1);

/// Forgets what counts no more. Returns how many buckets that were.
///
/// # Errors
/// When the database fails.
pub async fn forget(world: &World) -> Result<u64, DatabaseError> {
    world.db.run(|connection| Box::pin(store::forget(connection, model::FORGET))).await
}

/// Removes old entries until the process stops. An outage is logged, and the work continues after it.
pub async fn keep_small(world: World) {
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = forget(&world).await {
            tracing::warn!(error = error.chain(), "guessing.forgetting_failed");
        }
    }
}
