use super::{
    ask::confirm,
    error::CliError,
    in_house::{find, in_house},
    output::{Output, time},
};
use crate::{
    app::House,
    config::Config,
    identity::BlockReason,
    kernel::{Operator, SessionId, canonical_uuid},
    sessions::{Authority, EntryName, EveryoneRevoked, FreshAuthority, SessionFilter, SessionState, SessionView},
};
use clap::{Args, Subcommand};
use heirloom_terminal::table;
use serde_json::json;
use uuid::Uuid;

/// Characters of a device's name that are shown.
const DEVICE_CHARACTERS: usize = 40;

#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List live sessions, newest first
    List {
        /// Only sessions of this user (e-mail address or id)
        #[arg(long)]
        user: Option<String>,
        /// Include revoked and expired sessions
        #[arg(long)]
        all: bool,
    },
    /// Revoke sessions; takes effect at once, on every instance
    Revoke {
        #[command(flatten)]
        whose: Whose,
        /// The reason, for the audit log
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask for confirmation with --everyone
        #[arg(long)]
        yes: bool,
    },
    /// Print how the stream of revocations names a session or a user
    Digest(Digest),
}

#[derive(Debug, Args)]
pub struct Digest {
    /// The id of the session or of the user
    #[arg(value_parser = canonical_uuid)]
    id: Uuid,
}

impl Digest {
    /// Needs neither options nor a database.
    pub fn print(&self, output: Output) -> Result<(), CliError> {
        let name = EntryName::of(self.id);
        output.say(&json!({ "digest": name }), || name.to_string())
    }
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Whose {
    /// Only this session (id)
    #[arg(long)]
    session: Option<SessionId>,
    /// All sessions of this user (e-mail address or id)
    #[arg(long)]
    user: Option<String>,
    /// All sessions of all users; asks for confirmation at a terminal
    #[arg(long)]
    everyone: bool,
}

impl SessionsCommand {
    pub async fn run(self, config: Config, output: Output) -> Result<(), CliError> {
        match self {
            Self::List { user, all } => {
                in_house(config, async |house| list(house, user.as_deref(), all, output).await).await
            }
            Self::Revoke { whose, reason, yes } => {
                let reason = BlockReason::parse(reason.as_deref().unwrap_or_default());
                let reason = reason.map_err(CliError::not_allowed("--reason"))?;
                if whose.everyone && !yes {
                    confirm("This signs every user out, on every device.", "everyone")?;
                }
                in_house(config, async |house| revoke(house, whose, reason, output).await).await
            }
            Self::Digest(digest) => digest.print(output),
        }
    }
}

async fn revoke(house: &House, whose: Whose, reason: Option<BlockReason>, output: Output) -> Result<(), CliError> {
    let by = Authority::from(Operator::at_the_command_line());
    let revoked = if let Some(session) = whose.session {
        let ended = house.sessions.revoke(&by, session, reason).await?;
        ended.ok_or_else(|| CliError::Refused(format!("there is no session {session}")))?
    } else if let Some(user) = whose.user {
        let user = find(house, &user).await?;
        house.sessions.revoke_user(&by, user.id, reason).await?
    } else {
        let by = FreshAuthority::from(Operator::at_the_command_line());
        match house.sessions.revoke_everyone(&by, reason).await? {
            EveryoneRevoked::Revoked(live) => live,
            EveryoneRevoked::NotFresh => return Err(CliError::not_permitted()),
        }
    };
    output.say(&json!({ "revoked": revoked }), || format!("Sessions revoked: {revoked}."))
}

async fn list(house: &House, user: Option<&str>, all: bool, output: Output) -> Result<(), CliError> {
    let user = match user {
        Some(user) => Some(find(house, user).await?.id),
        None => None,
    };
    let filter = SessionFilter { user, state: (!all).then_some(SessionState::Live) };
    let sessions = house.sessions.list_all(filter).await?;
    output.say(&json!({ "items": sessions }), || {
        let headings = ["ID", "USER", "STATE", "DEVICE", "ADDRESS", "LAST USED", "EXPIRES", "GENERATION"];
        table(&headings, &sessions.iter().map(row).collect::<Vec<_>>())
    })
}

fn row(session: &SessionView) -> Vec<String> {
    let device = session.device_name.as_ref().or(session.user_agent.as_ref()).map_or("-", String::as_str);
    vec![
        session.id.to_string(),
        session.user_id.to_string(),
        session.state.name().to_owned(),
        device.chars().take(DEVICE_CHARACTERS).collect(),
        session.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string()),
        time(session.last_used_at),
        time(session.expires_at),
        session.generation.to_string(),
    ]
}
