//! What a signed-in person sees and does of their own: their name, their password, their sessions.

mod api;
mod change_password;
mod pages;

pub use api::routes as api_routes;
pub use change_password::{PasswordChange, change_password};
pub use pages::routes as page_routes;
