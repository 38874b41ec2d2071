//! `heirloom user factors` and `heirloom user reset-factors`.

use super::{
    error::CliError,
    in_house::find,
    output::{Output, time},
};
use crate::{
    admin::{FactorsReset, reset_factors},
    app::House,
    kernel::Operator,
    sessions::FreshAuthority,
};
use serde_json::json;

/// Shows what second factors a user has.
pub async fn show_factors(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let factors = house.factors.of(user.id).await?.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))?;
    let (since, left) = (factors.totp_since, factors.recovery_codes_left);
    let shown = json!({ "totp": since.is_some(), "totp_since": since, "recovery_codes_left": left });
    output.say(&shown, || {
        let app = since.map_or_else(|| "no".to_owned(), |since| format!("since {}", time(since)));
        format!("authenticator app   {app}\nrecovery codes left {left}")
    })
}

/// Removes all second factors of a user, and revokes their sessions.
pub async fn reset(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let by = FreshAuthority::from(Operator::at_the_command_line());
    match reset_factors(&house.sessions, &by, user.id).await? {
        FactorsReset::Done { removed } => output.say(&json!({ "removed": removed }), || match removed {
            0 => "The user has no second factor. Nothing was changed.".to_owned(),
            removed => format!("Second factors removed: {removed}. All sessions of the user are revoked."),
        }),
        FactorsReset::NotFound => Err(CliError::NoSuchUser(who.to_owned())),
        FactorsReset::NotFresh => Err(CliError::not_permitted()),
    }
}
