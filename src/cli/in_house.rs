use super::error::CliError;
use crate::{
    app::{House, migrations_of_commands},
    audit,
    config::Config,
    kernel::UserId,
    users::User,
};
use private_postgres::Tenant;

/// Opens the house for a command, and closes it whether the command succeeds or fails. Commands ask their questions
/// before this, so that cancelling at a prompt leaves no private Postgres running.
pub async fn in_house(config: Config, work: impl AsyncFnOnce(&House) -> Result<(), CliError>) -> Result<(), CliError> {
    let migrations = migrations_of_commands(&config);
    let house = House::open(config, Tenant::Command, migrations).await?;
    let done = work(&house).await;
    Box::pin(audit::settle(&house.world)).await;
    let closed = house.close().await;
    done?;
    Ok(closed?)
}

/// A user by e-mail address or id.
pub async fn find(house: &House, who: &str) -> Result<User, CliError> {
    let found = match who.parse::<UserId>() {
        Ok(id) => house.accounts.lookup(id).await?,
        Err(_) => house.accounts.find_by_email(who).await?,
    };
    found.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))
}
