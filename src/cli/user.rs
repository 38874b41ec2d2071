use super::{
    ask::confirm,
    error::CliError,
    factors::FactorsCommand,
    identities::IdentitiesCommand,
    in_house::{find, in_house, in_new_house},
    invite::{Invite, invite},
    output::{Output, time},
    password::read_new,
};
use crate::{
    admin::{
        PasswordSet, RoleChange, Rooms, UserChange, UserChanged, UserDeleted, change_user, delete_user, personal_data,
        set_password,
    },
    app::House,
    config::Config,
    identity::{BlockReason, DisplayName, EmailAddress, Role, Roles},
    kernel::{Operator, PageRequest},
    lifecycle::Requested,
    passwords::Password,
    sessions::{Authority, FreshAuthority},
    users::{Blocking, NewUser, Registration, User, UserFilter, UserStatus, UserView},
};
use clap::{Args, Subcommand, ValueEnum};
use heirloom_terminal::{printable, table};
use serde_json::{Value, json};

/// Users fetched per query.
const PAGE: u32 = 200;

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Create a user, even if registration is closed; the password comes from standard input
    Add(Add),
    /// Invite a user: the email of a running server leads to the account; also if registration is closed
    Invite(Invite),
    /// List users, newest first
    List {
        /// Only active users, or only blocked ones
        #[arg(long)]
        status: Option<Status>,
    },
    /// Show one user
    Show {
        /// E-mail address or id
        user: String,
        /// Everything stored about the user, as JSON: account, connected providers, sessions, emails, audit events
        #[arg(long)]
        all: bool,
    },
    /// Block a user; revokes all their sessions
    Block {
        /// E-mail address or id
        user: String,
        /// The reason
        #[arg(long)]
        reason: Option<String>,
    },
    /// Unblock a user
    Unblock {
        /// E-mail address or id
        user: String,
    },
    /// Set a password, from standard input; revokes all sessions of the user
    SetPassword {
        /// E-mail address or id
        user: String,
    },
    /// Record that a user reads their address
    Verify {
        /// E-mail address or id
        user: String,
    },
    /// Send a user the email that leads to a new password; a running server sends it
    SendReset {
        /// E-mail address or id
        user: String,
    },
    #[command(flatten)]
    OfFactors(FactorsCommand),
    #[command(flatten)]
    OfIdentities(IdentitiesCommand),
    /// Delete a user, their sessions and all data about them. Audit events stay, with the id only
    Delete {
        /// E-mail address or id
        user: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Grant a role
    Grant {
        /// E-mail address or id
        user: String,
        /// The role, such as `admin`
        role: String,
    },
    /// Remove a role
    #[command(alias = "ungrant")]
    RemoveRole {
        /// E-mail address or id
        user: String,
        /// The role, such as `admin`
        role: String,
    },
}

#[derive(Debug, Args)]
pub struct Add {
    /// E-mail address
    email: String,
    /// Display name
    #[arg(long)]
    name: Option<String>,
    /// Grant the role `admin`
    #[arg(long)]
    admin: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Status {
    Active,
    Blocked,
}

impl From<Status> for UserStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Active => Self::Active,
            Status::Blocked => Self::Blocked,
        }
    }
}

impl UserCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<(), CliError> {
        match self {
            Self::Add(wanted) => {
                let new = wanted.parse()?;
                in_new_house(config, async |house| add(house, new, output).await).await
            }
            Self::List { status } => in_new_house(config, async |house| list(house, status, output).await).await,
            Self::Show { user, all: true } => in_house(config, async |house| show_all(house, &user).await).await,
            Self::Show { user, all: false } => in_house(config, async |house| look(house, &user, output).await).await,
            Self::Block { user, reason } => {
                let reason = BlockReason::parse(reason.as_deref().unwrap_or_default());
                let blocking = Blocking::Block(reason.map_err(CliError::not_allowed("--reason"))?);
                in_house(config, async |house| block(house, &user, blocking, output).await).await
            }
            Self::Unblock { user } => {
                in_house(config, async |house| block(house, &user, Blocking::Unblock, output).await).await
            }
            Self::SetPassword { user } => {
                let password = read_new()?;
                in_house(config, async |house| new_password(house, &user, password, output).await).await
            }
            Self::Invite(wanted) => {
                let new = wanted.parse()?;
                in_house(config, async |house| invite(house, new, output).await).await
            }
            Self::Verify { user } => in_house(config, async |house| verify(house, &user, output).await).await,
            Self::SendReset { user } => in_house(config, async |house| send_reset(house, &user, output).await).await,
            Self::OfFactors(command) => Box::pin(command.run(config, output)).await,
            Self::OfIdentities(command) => Box::pin(command.run(config, output)).await,
            Self::Delete { user, yes } => {
                if !yes {
                    confirm("This deletes a user permanently.", &user)?;
                }
                in_house(config, async |house| delete(house, &user, output).await).await
            }
            Self::Grant { user, role } => {
                let role = Role::parse(&role).map_err(CliError::not_allowed("ROLE"))?;
                in_house(config, async |house| change_role(house, &user, RoleChange::Grant(role), output).await).await
            }
            Self::RemoveRole { user, role } => {
                let role = Role::parse(&role).map_err(CliError::not_allowed("ROLE"))?;
                in_house(config, async |house| change_role(house, &user, RoleChange::Remove(role), output).await).await
            }
        }
    }
}

impl Add {
    /// Reads the password last, after every other argument is known to be valid.
    fn parse(self) -> Result<NewUser, CliError> {
        let email = EmailAddress::parse(&self.email).map_err(CliError::not_allowed("EMAIL"))?;
        let name =
            DisplayName::parse(self.name.as_deref().unwrap_or_default()).map_err(CliError::not_allowed("--name"))?;
        let roles = if self.admin { Roles::default().with(Role::admin()).map_err(refused)? } else { Roles::default() };
        Ok(NewUser { email, password: read_new()?, name, roles })
    }
}

async fn add(house: &House, new: NewUser, output: Output) -> Result<(), CliError> {
    match house.accounts.register(new, Operator::at_the_command_line().into()).await? {
        Registration::Registered(user) => show(&user, output),
        Registration::EmailTaken => Err(CliError::Refused("a user with this address already exists".to_owned())),
        Registration::PasswordRefused(error) => Err(refused(error)),
    }
}

async fn list(house: &House, status: Option<Status>, output: Output) -> Result<(), CliError> {
    let filter = UserFilter { status: status.map(UserStatus::from), ..UserFilter::default() };
    let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let (mut users, mut after) = (Vec::<User>::new(), None);
    loop {
        let page = house.accounts.list(filter.clone(), PageRequest { after, limit: PAGE }).await?;
        let is_last = page.len() <= limit;
        users.extend(page.into_iter().take(limit));
        after = users.last().map(|user| user.id.as_uuid());
        if is_last {
            break;
        }
    }
    output.say(&json!({ "items": users.iter().map(view).collect::<Vec<_>>() }), || {
        let headings = ["ID", "E-MAIL", "NAME", "ROLES", "BLOCKED", "SESSIONS", "LAST SIGN-IN"];
        table(&headings, &users.iter().map(row).collect::<Vec<_>>())
    })
}

async fn new_password(house: &House, who: &str, password: Password, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    match set_password(rooms(house), Operator::at_the_command_line(), &user, password).await? {
        PasswordSet::NotFound => Err(CliError::NoSuchUser(who.to_owned())),
        PasswordSet::Refused(error) => Err(refused(error)),
        PasswordSet::Set(revoked) => {
            output.say(&json!({ "revoked": revoked }), || format!("The password is set. Sessions revoked: {revoked}."))
        }
    }
}

async fn block(house: &House, who: &str, blocking: Blocking, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    change(house, &user, UserChange { blocking: Some(blocking), ..UserChange::default() }, output).await
}

async fn look(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    show(&find(house, who).await?, output)
}

async fn verify(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    if !house.lifecycle.vouch_for_email(Operator::at_the_command_line(), user.id).await? {
        return Err(no_address());
    }
    show(&find(house, who).await?, output)
}

async fn send_reset(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    match house.lifecycle.send_reset(&Authority::from(Operator::at_the_command_line()), &user).await? {
        None => Err(no_address()),
        Some(Requested::Accepted(_)) => {
            output.say(&json!({ "requested": user.id }), || "A running server sends the email.".to_owned())
        }
        Some(Requested::Limited { wait }) => {
            let seconds = wait.as_secs();
            Err(CliError::Refused(format!("too many emails were requested for this address: wait {seconds} seconds")))
        }
    }
}

async fn delete(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    match delete_user(&house.sessions, Operator::at_the_command_line(), user.id).await? {
        UserDeleted::Deleted(revoked) => output.say(&json!({ "deleted": user.id, "revoked": revoked }), || {
            format!("Deleted {}. Sessions revoked: {revoked}.", user.id)
        }),
        UserDeleted::NotFound => Err(CliError::NoSuchUser(who.to_owned())),
        UserDeleted::LastAdmin => Err(last_admin()),
    }
}

/// Always JSON: the operator hands it to the user it is about.
async fn show_all(house: &House, who: &str) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let held = personal_data(rooms(house), Operator::at_the_command_line(), &house.connector, &user).await?;
    let held = held.ok_or_else(|| CliError::NoSuchUser(who.to_owned()))?;
    Output { json: true }.say(&held, String::new)
}

async fn change_role(house: &House, who: &str, role: RoleChange, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    change(house, &user, UserChange { role: Some(role), ..UserChange::default() }, output).await
}

async fn change(house: &House, user: &User, wanted: UserChange, output: Output) -> Result<(), CliError> {
    let by = FreshAuthority::from(Operator::at_the_command_line());
    match change_user(rooms(house), &by, user.id, wanted).await? {
        UserChanged::Changed(user) => show(&user, output),
        UserChanged::NotFound => Err(CliError::NoSuchUser(user.id.to_string())),
        UserChanged::RoleRefused(error) => Err(refused(error)),
        UserChanged::AccessTooLarge(error) => Err(refused(error)),
        UserChanged::LastAdmin => Err(last_admin()),
        UserChanged::NotFresh => Err(CliError::not_permitted()),
    }
}

fn rooms(house: &House) -> Rooms<'_> {
    Rooms { accounts: &house.accounts, sessions: &house.sessions }
}

fn last_admin() -> CliError {
    CliError::Refused("this is the last administrator: grant the role to another user first".to_owned())
}

fn no_address() -> CliError {
    CliError::Refused("this user has no address".to_owned())
}

fn refused(error: impl std::error::Error) -> CliError {
    CliError::Refused(error.to_string())
}

fn view(user: &User) -> Value {
    let mut view = json!(UserView::from(user));
    if let Some(view) = view.as_object_mut() {
        view.insert("blocked_reason".to_owned(), json!(user.blocked_reason));
        view.insert("claims".to_owned(), user.claims.clone());
        view.insert("live_sessions".to_owned(), json!(user.live_sessions));
    }
    view
}

fn show(user: &User, output: Output) -> Result<(), CliError> {
    output.say(&json!({ "user": view(user) }), || {
        let blocked = match (user.blocked_at, &user.blocked_reason) {
            (None, _) => "no".to_owned(),
            (Some(at), None) => format!("since {}", time(at)),
            (Some(at), Some(reason)) => format!("since {}: {reason}", time(at)),
        };
        let lines = [
            ("id", user.id.to_string()),
            ("e-mail", or_dash(user.email.as_ref().map(EmailAddress::as_str))),
            ("verified", user.email_verified_at.map_or_else(|| "no".to_owned(), |at| format!("since {}", time(at)))),
            ("name", or_dash(user.name.as_deref())),
            ("roles", or_dash(Some(user.roles.join(", ").as_str()))),
            ("claims", user.claims.to_string()),
            ("blocked", blocked),
            ("live sessions", user.live_sessions.to_string()),
            ("created", time(user.created_at)),
            ("last sign-in", user.last_login_at.map_or_else(|| "never".to_owned(), time)),
        ];
        lines.map(|(name, value)| format!("{name:14}{}", printable(&value))).join("\n")
    })
}

fn row(user: &User) -> Vec<String> {
    vec![
        user.id.to_string(),
        or_dash(user.email.as_ref().map(EmailAddress::as_str)),
        or_dash(user.name.as_deref()),
        or_dash(Some(user.roles.join(",").as_str())),
        if user.blocked_at.is_some() { "yes" } else { "no" }.to_owned(),
        user.live_sessions.to_string(),
        user.last_login_at.map_or_else(|| "never".to_owned(), time),
    ]
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}
