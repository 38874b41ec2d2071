use super::{error::CliError, output::Output, output::time};
use crate::{
    app::House,
    identity::{DisplayName, EmailAddress, Role, Roles},
    kernel::Operator,
    lifecycle::{Invitation, Inviting, NewInvitation},
    sessions::FreshAuthority,
};
use clap::Args;
use serde_json::json;

#[derive(Debug, Args)]
pub struct Invite {
    /// E-mail address
    email: String,
    /// Display name, unless the user types another
    #[arg(long)]
    name: Option<String>,
    /// A role that the user has from the start, such as `admin`; may be repeated
    #[arg(long)]
    role: Vec<String>,
}

impl Invite {
    pub fn parse(self) -> Result<(NewInvitation, Roles), CliError> {
        let email = EmailAddress::parse(&self.email).map_err(CliError::not_allowed("EMAIL"))?;
        let name =
            DisplayName::parse(self.name.as_deref().unwrap_or_default()).map_err(CliError::not_allowed("--name"))?;
        let add = |roles: Roles, role: &String| roles.with(Role::parse(role)?);
        let roles = self.role.iter().try_fold(Roles::default(), add).map_err(CliError::not_allowed("--role"))?;
        Ok((NewInvitation { email, name }, roles))
    }
}

pub async fn invite(house: &House, (new, roles): (NewInvitation, Roles), output: Output) -> Result<(), CliError> {
    let by = FreshAuthority::from(Operator::at_the_command_line());
    match house.lifecycle.invite_with_roles(&by, new, roles).await? {
        Inviting::Invited(invitation) => say(&invitation, output),
        Inviting::EmailTaken => Err(CliError::Refused("a user with this address already exists".to_owned())),
        Inviting::Limited { wait, .. } => {
            let seconds = wait.as_secs();
            Err(CliError::Refused(format!("too many emails were requested: wait {seconds} seconds")))
        }
        Inviting::NotFresh => Err(CliError::not_permitted()),
    }
}

fn say(invitation: &Invitation, output: Output) -> Result<(), CliError> {
    let Invitation { id, email, name, roles, created_at, expires_at, .. } = invitation;
    let document = json!({ "id": id, "email": email, "name": name, "roles": roles, "created_at": created_at, "expires_at": expires_at });
    output.say(&json!({ "invitation": document }), || {
        format!("A running server sends the email. Its link works until {}.", time(*expires_at))
    })
}
