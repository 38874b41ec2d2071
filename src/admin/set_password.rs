use crate::{
    audit,
    kernel::{Actor, Client},
    mail,
    passwords::{Password, PasswordError},
    sessions::{self, EndReason, Sessions},
    users::{self, Accounts, AccountsError, User},
};
use serde_json::json;

/// What became of a password set by an operator.
#[must_use]
#[derive(Debug)]
pub enum PasswordSet {
    /// Set; so many live sessions of theirs have ended.
    Set(u64),
    /// It is too easy to guess.
    Refused(PasswordError),
}

/// Sets a person's password and ends all their sessions. At the command line only: an administrator in the console may
/// not choose people's passwords (ASVS 5, 6.4.6).
///
/// # Errors
/// When the database fails or the hashing threads have too much to do.
pub async fn set_password(
    (accounts, sessions): (&Accounts, &Sessions),
    user: &User,
    password: Password,
    client: &Client,
) -> Result<PasswordSet, AccountsError> {
    let context = accounts.context_of(&user.email, user.name.as_deref());
    let hash = match accounts.new_password(password, context).await? {
        Ok(hash) => hash,
        Err(refused) => return Ok(PasswordSet::Refused(refused)),
    };
    let (world, client, id) = (sessions.world().clone(), client.clone(), user.id);
    let done = sessions.world().db.transaction(move |connection| {
        Box::pin(async move {
            users::set_password(connection, id, None, &hash).await?;
            let ended = sessions::end_all_of(connection, &world, id, None, &EndReason::PasswordChanged).await?;
            let (kind, details) = (audit::Kind::PasswordChanged, json!({ "sessions": ended.live() }));
            let event =
                audit::Event { kind, actor: Actor::Operator, user: Some(id), session: None, client: &client, details };
            let now = world.clock.now();
            audit::record(connection, now, &world, &event).await?;
            mail::tell(connection, (&world, now), id, mail::Notice::PasswordChanged, &client).await?;
            Ok(ended)
        })
    });
    let ended = done.await?;
    sessions.learn(&ended);
    Ok(PasswordSet::Set(ended.live()))
}
