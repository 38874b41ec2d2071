//! What signed-in users see and change about themselves: display name, password, sessions, second factors, accounts
//! at other providers, account events.

mod account;
mod api;
mod change_password;
mod end_by_link;
mod events;
mod factor_recovery;
mod factors;
mod identities;
mod pages;
mod trusted_devices;

pub use api::{described, routes as api_routes};
pub use change_password::{PasswordChange, Passwords, change_password, set_first_password};
pub use pages::{page_samples, routes as page_routes};
