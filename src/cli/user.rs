use super::{
    CliError, find,
    output::{Output, table},
    password::read_new,
};
use crate::{
    accounts::{
        AccessChange, BlockReason, Blocking, EmailAddress, NewUser, Password, PersonName, Registration, Role, Roles,
        User, UserFilter, UserView,
    },
    admin::{PasswordSet, UserChange, UserChanged, change_user, set_password},
    app::House,
    kernel::Client,
    web::PageRequest,
};
use clap::Subcommand;
use serde_json::{Value, json};

/// Users fetched at once.
const PAGE: u32 = 200;

#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Make an account; the password comes from standard input
    Add {
        /// E-mail address
        email: String,
        /// What to call the person
        #[arg(long)]
        name: Option<String>,
        /// Make them an administrator
        #[arg(long)]
        admin: bool,
    },
    /// Everybody, newest first
    List,
    /// One person
    Show {
        /// E-mail address or id
        user: String,
    },
    /// Block a person; all their sessions end
    Block {
        /// E-mail address or id
        user: String,
        /// Why
        #[arg(long)]
        reason: Option<String>,
    },
    /// Lift a block
    Unblock {
        /// E-mail address or id
        user: String,
    },
    /// Set a password, from standard input; all their sessions end
    SetPassword {
        /// E-mail address or id
        user: String,
    },
    /// Give a role
    Grant {
        /// E-mail address or id
        user: String,
        /// The role, such as `admin`
        role: String,
    },
    /// Take a role away
    Ungrant {
        /// E-mail address or id
        user: String,
        /// The role, such as `admin`
        role: String,
    },
}

impl UserCommand {
    pub async fn run(self, house: &House, output: Output) -> Result<(), CliError> {
        match self {
            Self::Add { email, name, admin } => add(house, &email, name.as_deref(), admin, output).await,
            Self::List => list(house, output).await,
            Self::Show { user } => {
                show(&find(house, &user).await?, output);
                Ok(())
            }
            Self::Block { user, reason } => {
                let reason = BlockReason::parse(reason.as_deref().unwrap_or_default()).map_err(refused)?;
                let blocking = Some(Blocking::Block(reason));
                change(house, &user, |_| Ok(UserChange { blocking, ..UserChange::default() }), output).await
            }
            Self::Unblock { user } => {
                let blocking = Some(Blocking::Unblock);
                change(house, &user, |_| Ok(UserChange { blocking, ..UserChange::default() }), output).await
            }
            Self::SetPassword { user } => new_password(house, &user, output).await,
            Self::Grant { user, role } => change(house, &user, |user| with_role(user, &role), output).await,
            Self::Ungrant { user, role } => change(house, &user, |user| without_role(user, &role), output).await,
        }
    }
}

async fn add(house: &House, email: &str, name: Option<&str>, admin: bool, output: Output) -> Result<(), CliError> {
    let email = EmailAddress::parse(email).map_err(refused)?;
    let name = PersonName::parse(name.unwrap_or_default()).map_err(refused)?;
    let password = Password::parse_new(&read_new()?).map_err(refused)?;
    let roles = if admin { Roles::default().with(Role::admin()).map_err(refused)? } else { Roles::default() };
    let new = NewUser { email, password, name, roles };
    match house.accounts.register(new, &Client::command_line()).await? {
        Registration::Registered(user) => {
            show(&user, output);
            Ok(())
        }
        Registration::EmailTaken => Err(CliError::Refused("there is a user of this address already".to_owned())),
        Registration::PasswordRefused(error) => Err(refused(error)),
    }
}

async fn list(house: &House, output: Output) -> Result<(), CliError> {
    let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
    let (mut users, mut after) = (Vec::<User>::new(), None);
    loop {
        let page = house.accounts.list(UserFilter::default(), PageRequest { after, limit: PAGE }).await?;
        let more = page.len() > limit;
        users.extend(page.into_iter().take(limit));
        after = users.last().map(|user| user.id.as_uuid());
        if !more {
            break;
        }
    }
    output.say(&json!({ "items": users.iter().map(view).collect::<Vec<_>>() }), || {
        let headings = ["ID", "E-MAIL", "NAME", "ROLES", "BLOCKED", "SESSIONS", "LAST SIGN-IN"];
        table(&headings, &users.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

async fn new_password(house: &House, who: &str, output: Output) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let password = Password::parse_new(&read_new()?).map_err(refused)?;
    let rooms = (&house.accounts, &house.sessions);
    match set_password(rooms, &user, password, &Client::command_line()).await? {
        PasswordSet::Refused(error) => Err(refused(error)),
        PasswordSet::Set(revoked) => {
            output.say(&json!({ "revoked": revoked }), || format!("Set; {revoked} live sessions ended."));
            Ok(())
        }
    }
}

async fn change(
    house: &House,
    who: &str,
    wanted: impl FnOnce(&User) -> Result<UserChange, CliError>,
    output: Output,
) -> Result<(), CliError> {
    let user = find(house, who).await?;
    let rooms = (&house.accounts, &house.sessions);
    match change_user(rooms, None, user.id, wanted(&user)?, &Client::command_line()).await? {
        UserChanged::Changed(user) => {
            show(&user, output);
            Ok(())
        }
        UserChanged::NotFound => Err(CliError::NoSuchUser(who.to_owned())),
        UserChanged::LastAdmin => {
            Err(CliError::Refused("this is the last administrator: make somebody else one first".to_owned()))
        }
    }
}

fn with_role(user: &User, role: &str) -> Result<UserChange, CliError> {
    let role = Role::parse(role).map_err(refused)?;
    let roles = Roles::parse(&user.roles).and_then(|roles| roles.with(role)).map_err(refused)?;
    Ok(UserChange { access: AccessChange { roles: Some(roles), claims: None }, blocking: None })
}

fn without_role(user: &User, role: &str) -> Result<UserChange, CliError> {
    let role = Role::parse(role).map_err(refused)?;
    let roles = Roles::parse(&user.roles).map_err(refused)?.without(&role);
    Ok(UserChange { access: AccessChange { roles: Some(roles), claims: None }, blocking: None })
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

fn show(user: &User, output: Output) {
    output.say(&json!({ "user": view(user) }), || {
        let time = |at: Option<crate::kernel::Moment>| at.map_or_else(|| "never".to_owned(), |at| at.to_rfc3339());
        let blocked = match (user.blocked_at, &user.blocked_reason) {
            (None, _) => "no".to_owned(),
            (Some(at), None) => format!("since {}", at.to_rfc3339()),
            (Some(at), Some(reason)) => format!("since {}: {reason}", at.to_rfc3339()),
        };
        let lines = [
            ("id", user.id.to_string()),
            ("e-mail", user.email.as_str().to_owned()),
            ("name", user.name.clone().unwrap_or_else(|| "-".to_owned())),
            ("roles", if user.roles.is_empty() { "-".to_owned() } else { user.roles.join(", ") }),
            ("blocked", blocked),
            ("live sessions", user.live_sessions.to_string()),
            ("made", user.created_at.to_rfc3339()),
            ("last sign-in", time(user.last_login_at)),
        ];
        lines.map(|(name, value)| format!("{name:14}{value}")).join("\n")
    });
}

fn row(user: &User) -> Vec<String> {
    vec![
        user.id.to_string(),
        user.email.as_str().to_owned(),
        user.name.clone().unwrap_or_else(|| "-".to_owned()),
        if user.roles.is_empty() { "-".to_owned() } else { user.roles.join(",") },
        if user.blocked_at.is_some() { "yes" } else { "no" }.to_owned(),
        user.live_sessions.to_string(),
        user.last_login_at.map_or_else(|| "never".to_owned(), |at| at.format("%Y-%m-%d %H:%M:%SZ").to_string()),
    ]
}
