use super::error::CliError;
use crate::{
    app::{House, migrations_of_commands, private_settings},
    audit,
    config::{Config, names},
    kernel::UserId,
    users::User,
};
use private_postgres::{PrivatePostgres, Tenant};

/// Opens the house for a command, and closes it whether the command succeeds or fails. Commands ask their questions
/// before this, so that cancelling at a prompt leaves no private Postgres running.
///
/// # Errors
/// Those of the command; and where neither a database is named nor a private one exists. A new one would be empty: a command
/// that was run in the wrong folder, or without the server's options, would report success.
pub async fn in_house(config: Config, work: impl AsyncFnOnce(&House) -> Result<(), CliError>) -> Result<(), CliError> {
    let is_missing =
        config.database.url.is_none() && matches!(PrivatePostgres::exists(&private_settings(&config)), Ok(false));
    if is_missing {
        return Err(no_database(&config));
    }
    Box::pin(in_new_house(config, work)).await
}

/// The same for commands with which an installation may begin, or which show that it is empty: creates the private Postgres if there is none.
pub async fn in_new_house(
    config: Config,
    work: impl AsyncFnOnce(&House) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let migrations = migrations_of_commands(&config);
    let house = House::open(config, Tenant::Command, migrations).await?;
    let done = work(&house).await;
    Box::pin(audit::settle(&house.world)).await;
    let closed = house.close().await;
    done?;
    Ok(closed?)
}

fn no_database(config: &Config) -> CliError {
    CliError::Refused(format!(
        "there is no private PostgreSQL in {}, and {} is not set: run the command with the server's options (--env-file FILE), or \
         in the server's folder",
        config.database.data_dir.display(),
        names::DATABASE_URL
    ))
}

/// A user by e-mail address or id.
pub async fn find(house: &House, who: &str) -> Result<User, CliError> {
    let found = match who.parse::<UserId>() {
        Ok(id) => house.accounts.lookup(id).await?,
        Err(_) => house.accounts.find_by_email(who).await?,
    };
    found.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))
}
