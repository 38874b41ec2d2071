//! Assembles the rooms, listens, drains. The only room that knows every room.

mod background_tasks;
mod description;
mod error;
mod house;
mod pages;
mod prepare;
mod routes;
mod scrape;
mod server;

pub use crate::postgres::Migrations;
pub use description::description;
pub use error::AppError;
pub use house::{House, open_database, private_settings};
pub use pages::load as load_pages;
pub use prepare::{migrations_of_commands, prepare, prepare_roles};
pub use server::Application;
