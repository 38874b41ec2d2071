use super::{
    CliError, find,
    output::{Output, table},
};
use crate::{
    accounts::BlockReason,
    app::House,
    kernel::{Client, SessionId},
    sessions::{EndReason, SessionFilter, SessionState, SessionView},
    web::PageRequest,
};
use clap::{ArgGroup, Subcommand};
use serde_json::json;
use std::io::{self, BufRead, IsTerminal, Write};

/// Sessions fetched at once.
const PAGE: u32 = 200;

#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// Live sessions, newest first
    List {
        /// Only this user's (e-mail address or id)
        #[arg(long)]
        user: Option<String>,
        /// Also those that have ended or expired
        #[arg(long)]
        all: bool,
    },
    /// End sessions; their access tokens die at once, on every instance
    #[command(group = ArgGroup::new("whose").required(true).args(["session", "user", "everyone"]))]
    Revoke {
        /// This session (id)
        #[arg(long)]
        session: Option<SessionId>,
        /// All of this user's (e-mail address or id)
        #[arg(long)]
        user: Option<String>,
        /// Everybody's
        #[arg(long)]
        everyone: bool,
        /// Why, for the record
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask before ending everybody's
        #[arg(long)]
        yes: bool,
    },
}

impl SessionsCommand {
    pub async fn run(self, house: &House, output: Output) -> Result<(), CliError> {
        match self {
            Self::List { user, all } => list(house, user.as_deref(), all, output).await,
            Self::Revoke { session, user, everyone: _, reason, yes } => {
                let reason = BlockReason::parse(reason.as_deref().unwrap_or_default());
                let reason = reason.map_err(|error| CliError::Refused(error.to_string()))?;
                let by = (None, EndReason::Admin(reason.map(|reason| reason.as_str().to_owned())));
                let client = Client::command_line();
                let revoked = match (session, user) {
                    (Some(session), _) => {
                        let ended = house.sessions.end(session, None, by, &client).await?;
                        ended.ok_or_else(|| CliError::Refused(format!("there is no session {session}")))?
                    }
                    (None, Some(user)) => {
                        let user = find(house, &user).await?;
                        house.sessions.end_all(user.id, None, by, &client).await?
                    }
                    (None, None) => {
                        confirm(yes)?;
                        house.sessions.end_everyone(by, &client).await?
                    }
                };
                output.say(&json!({ "revoked": revoked }), || format!("Ended {revoked} live sessions."));
                Ok(())
            }
        }
    }
}

async fn list(house: &House, user: Option<&str>, all: bool, output: Output) -> Result<(), CliError> {
    let user = match user {
        Some(user) => Some(find(house, user).await?.id),
        None => None,
    };
    let filter = SessionFilter { user, state: (!all).then_some(SessionState::Live) };
    let (mut sessions, mut after) = (Vec::new(), None);
    loop {
        let page = house.sessions.list(filter, PageRequest { after, limit: PAGE }).await?;
        let more = page.len() > usize::try_from(PAGE).unwrap_or(usize::MAX);
        sessions.extend(page.into_iter().take(usize::try_from(PAGE).unwrap_or(usize::MAX)));
        after = sessions.last().map(|session: &SessionView| session.id.as_uuid());
        if !more {
            break;
        }
    }
    output.say(&json!({ "items": sessions }), || {
        let headings = ["ID", "USER", "STATE", "DEVICE", "ADDRESS", "LAST USED", "EXPIRES", "GENERATION"];
        table(&headings, &sessions.iter().map(row).collect::<Vec<_>>())
    });
    Ok(())
}

fn row(session: &SessionView) -> Vec<String> {
    let device = session.device_name.as_ref().or(session.user_agent.as_ref()).map_or("-", String::as_str);
    vec![
        session.id.to_string(),
        session.user_id.to_string(),
        session.state.name().to_owned(),
        device.chars().take(40).collect(),
        session.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string()),
        session.last_used_at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        session.expires_at.format("%Y-%m-%d %H:%M:%SZ").to_string(),
        session.generation.to_string(),
    ]
}

/// Asks a person; a program that calls us has made up its mind.
fn confirm(yes: bool) -> Result<(), CliError> {
    if yes || !io::stdin().is_terminal() {
        return Ok(());
    }
    let mut terminal = io::stderr();
    let asked = write!(terminal, "This signs everybody out, on every device. Type `everyone` to go on: ");
    asked.and_then(|()| terminal.flush()).map_err(CliError::Input)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(CliError::Input)?;
    if answer.trim() == "everyone" { Ok(()) } else { Err(CliError::Refused("nothing was done".to_owned())) }
}
