//! The administrator's API and console. Every verb here is also a command of `heirloom`, and some are nothing else.

mod action;
mod api;
mod by_email;
mod change_user;
mod delete_user;
mod identities;
mod overview;
mod pages;
mod personal_data;
mod reads;
mod reset_factors;
mod rooms;
mod set_password;
mod view;

pub use api::{described, routes as api_routes};
pub use change_user::{RoleChange, UserChange, UserChanged, change_user};
pub use delete_user::{UserDeleted, delete_user};
pub use identities::{IdentityRemoved, IdentityView, remove_identity};
pub use overview::{Hour, Overview, overview};
pub use pages::{page_samples, routes as page_routes};
pub use personal_data::{AccountView, PersonalData, personal_data};
pub use reset_factors::{FactorsReset, reset_factors};
pub use rooms::Rooms;
pub use set_password::{PasswordSet, set_password};
