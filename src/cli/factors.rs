//! `heirloom user factors` and `heirloom user reset-factors`.

use super::{
    error::CliError,
    in_house::{find, in_house},
    output::{Output, time},
};
use crate::{
    admin::{FactorsReset, reset_factors},
    app::House,
    config::Config,
    kernel::Operator,
    sessions::FreshAuthority,
};
use clap::Subcommand;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub enum FactorsCommand {
    /// Show what second factors a user has
    Factors {
        /// E-mail address or id
        user: String,
    },
    /// Remove all second factors of a user who has lost them; revokes all sessions of the user
    ResetFactors {
        /// E-mail address or id
        user: String,
    },
}

impl FactorsCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<(), CliError> {
        match self {
            Self::Factors { user } => in_house(config, async |house| show(house, &user, output).await).await,
            Self::ResetFactors { user } => in_house(config, async |house| reset(house, &user, output).await).await,
        }
    }
}

/// Shows what second factors a user has.
async fn show(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let factors = house.factors.of(user.id).await?.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))?;
    let (since, passkeys, left) = (factors.totp_since, factors.passkeys, factors.recovery_codes_left);
    let shown =
        json!({ "totp": since.is_some(), "totp_since": since, "passkeys": passkeys, "recovery_codes_left": left });
    output.say(&shown, || {
        let app = since.map_or_else(|| "no".to_owned(), |since| format!("since {}", time(since)));
        format!("authenticator app   {app}\npasskeys            {passkeys}\nrecovery codes left {left}")
    })
}

/// Removes all second factors of a user, and revokes their sessions.
async fn reset(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let by = FreshAuthority::from(Operator::at_the_command_line());
    match reset_factors(&house.sessions, &by, user.id).await? {
        FactorsReset::Done { removed } => output.say(&json!({ "removed": removed }), || match removed {
            0 => "The user has no second factor. Nothing was changed.".to_owned(),
            removed => format!("Second factors removed: {removed}. All sessions of the user are revoked."),
        }),
        FactorsReset::NotFound => Err(CliError::NoSuchUser(who.to_owned())),
        FactorsReset::Own | FactorsReset::NotFresh => Err(CliError::not_permitted()),
    }
}
