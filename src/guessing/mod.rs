//! Guessing passwords is bounded (ASVS 5 §6.3.1; NIST SP 800-63B-4 §3.2.2).
//!
//! 1. Before a password is verified, the attempt is counted in all its buckets by one statement, which also finds the
//!    account (`store.rs`): concurrent attempts, on any instance, are counted one after another.
//! 2. An exhausted bucket refuses until its wait has passed; waits grow to a quarter of an hour and are never permanent
//!    (`model.rs` holds the numbers).
//! 3. A right password empties the account's bucket and gives the address its attempt back. A sign-in does so in the
//!    statement that opens the session. A reset of the password empties the account's buckets.
//!
//! Whatever the device and the address, an account has at most a hundred wrong guesses one after another: sixty from where it
//! has never been seen, forty from near. Then each has one an hour.
//!
//! An attacker who guesses at an account exhausts its common bucket, and with it the sign-ins from places where the
//! account has never been seen. A device that signed in before (`device.rs`), and an address with a session of the
//! account, have buckets of their own: the user is not locked out.

mod device;
mod guard;
mod model;
mod store;

pub use device::{DEVICE_LIFETIME, DeviceOwner, DeviceToken};
pub use guard::{Admission, Attempt, Guard, GuessTarget};
pub use model::StoredPassword;

use crate::{kernel::Duration, postgres::DatabaseError, world::World};

/// How often expired buckets are deleted.
const EVERY: Duration = Duration::from_hours(1);

/// Deletes expired buckets. Returns how many.
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
