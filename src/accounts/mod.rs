//! People and their passwords.
//!
//! Checking a password (`credentials.rs`; ASVS 5 §6.3.8): an unknown address costs the same time as a wrong password
//! and gets the same answer; the hashing has threads of its own and a bounded queue (`hashing.rs`), so that a flood of
//! sign-ins slows no refresh.
//!
//! What ends sessions (block, password change) is composed above, in the rooms that know sessions: this room offers the
//! statements, to be used in their transaction.

mod api;
mod claims;
mod credentials;
mod email;
mod hashing;
mod model;
mod moving;
mod password;
mod register;
mod roles;
mod room;
mod store;
mod text;

pub use api::{Refused, UserAnswer, UserView, too_many_attempts};
pub use claims::{ClaimsError, CustomClaims};
pub use credentials::{Credentials, PasswordCheck};
pub use email::{EmailAddress, EmailError};
pub use hashing::HashingError;
pub use model::{AccessChange, AccountRest, Blocking, User, UserCounts, UserFilter, UserStatus};
pub use moving::{Batch, Batches, Export, FileError, Format, Newcomer, RowRefused};
pub use password::{HashRefused, Password, PasswordError, PasswordHash};
pub use register::{NewUser, Registration};
pub use roles::{Role, RoleError, Roles};
pub use room::{Accounts, AccountsError};
pub use store::{change_access, delete, lock_admins, lookup as lookup_in, other_admins, set_blocked, set_password};
pub use text::{BlockReason, DeviceName, PersonName, TextError};
