//! Users: their accounts, and checking their passwords.
//!
//! Checking a password (`credentials.rs`; ASVS 5 §6.3.8): an unknown address costs the same time as a wrong password
//! and gets the same answer; the hashing has threads of its own and a bounded queue (`passwords/hashing.rs`), so that a
//! flood of sign-ins slows no refresh.
//!
//! What ends sessions (block, password change) is composed above, in the rooms that know sessions: this room offers the
//! statements, to be used in their transaction.

mod answer_time;
mod api;
mod codes;
mod credentials;
mod model;
mod register;
mod room;
mod search;
mod store;

pub use api::{Refused, UserAnswer, UserView, too_many_attempts, typed_device_name};
pub use credentials::PasswordCheck;
pub use model::{AccessChange, AccountRest, Blocking, Credentials, User, UserCounts, UserFilter, UserStatus};
pub use register::{NewUser, Registration};
pub use room::{Accounts, AccountsError};
pub use search::keep_searchable;
pub use store::{
    NewAccount, add, change_access, change_email, credentials_of, delete, forget_name, is_reserved, lock, lock_admins,
    lookup as lookup_in, other_admins, set_blocked, set_first_password, set_password, verify_email,
};
