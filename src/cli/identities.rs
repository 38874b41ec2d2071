//! `heirloom user identities` and `heirloom user unlink`.

use super::{
    error::CliError,
    in_house::{find, in_house},
    output::{Output, time},
};
use crate::{
    admin::{IdentityRemoved, IdentityView, remove_identity},
    app::House,
    config::Config,
    kernel::Operator,
    sessions::FreshAuthority,
};
use clap::Subcommand;
use heirloom_terminal::table;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub enum IdentitiesCommand {
    /// Show with which accounts at other providers a user signs in
    Identities {
        /// E-mail address or id
        user: String,
    },
    /// Disconnect a user from a provider; revokes the sessions that were opened through it
    Unlink {
        /// E-mail address or id
        user: String,
        /// The provider's name, such as `kakao`
        provider: String,
    },
}

impl IdentitiesCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<(), CliError> {
        match self {
            Self::Identities { user } => in_house(config, async |house| show(house, &user, output).await).await,
            Self::Unlink { user, provider } => {
                in_house(config, async |house| unlink(house, &user, provider, output).await).await
            }
        }
    }
}

async fn show(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let identities = house.upstream.identities_of(user.id).await?;
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let rows: Vec<_> = identities
        .iter()
        .map(|one| {
            let last = or_dash(one.last_used_at.map(time));
            vec![one.provider.clone(), or_dash(one.email.clone()), time(one.created_at), last]
        })
        .collect();
    let views: Vec<_> = identities.into_iter().map(IdentityView::from).collect();
    output.say(&json!({ "items": views }), || table(&["PROVIDER", "E-MAIL THERE", "SINCE", "LAST USED"], &rows))
}

async fn unlink(house: &House, who: &str, provider: String, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let by = FreshAuthority::from(Operator::at_the_command_line());
    match remove_identity(&house.sessions, &by, user.id, provider.to_ascii_lowercase()).await? {
        IdentityRemoved::Done { revoked } => output.say(&json!({ "revoked": revoked }), || {
            format!("The user is disconnected from {provider}. Sessions revoked: {revoked}.")
        }),
        IdentityRemoved::NoUser => Err(CliError::NoSuchUser(who.to_owned())),
        IdentityRemoved::NotConnected => {
            Err(CliError::Refused(format!("the user is not connected to a provider named {provider}")))
        }
        IdentityRemoved::NotFresh => Err(CliError::not_permitted()),
    }
}
