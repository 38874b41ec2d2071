use crate::{
    audit,
    kernel::{Actor, Client},
    mail::{self, Mail},
    postgres::DatabaseError,
    sessions::{self, EndReason, Sessions},
    work::Caller,
};
use serde_json::json;

/// The outcome of using an email's link.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkUse {
    /// So many live sessions were revoked.
    Ended(u64),
    /// It is not a genuine link, it has expired, or it was used before.
    Over,
}

/// Whether an email's link would revoke sessions.
///
/// # Errors
/// When the database fails.
pub async fn link_works(mail: &Mail, sessions: &Sessions, text: &str) -> Result<bool, DatabaseError> {
    let Some(email) = mail.email_of_link(text) else { return Ok(false) };
    let user = sessions.world().db.run(move |connection| Box::pin(mail::look_up_link(connection, email)));
    Ok(user.await?.is_some())
}

/// Revokes all sessions of the email's recipient and marks its link as used, in one transaction.
///
/// # Errors
/// When the database fails: the link still works then.
pub async fn end_by_link(
    mail: &Mail,
    sessions: &Sessions,
    text: &str,
    client: &Client,
) -> Result<LinkUse, DatabaseError> {
    let Some(email) = mail.email_of_link(text) else { return Ok(LinkUse::Over) };
    let caller = Caller::anonymous(client);
    let ended = sessions.world().transaction(caller, move |mut work| {
        Box::pin(async move {
            let Some(user) = mail::use_link(work.connection, email).await? else { return Ok(None) };
            // Only the user has the link.
            work.caller.actor = Actor::User(user);
            let reason = EndReason::EndedByUser;
            let ended = sessions::end_all_of(&mut work, user, None, &reason).await?;
            let details = json!({ "reason": reason.text(), "sessions": ended.live(), "by_link": true });
            work.record(audit::Kind::SessionsEnded, user, details).await?;
            Ok(Some(ended))
        })
    });
    let Some(ended) = ended.await? else { return Ok(LinkUse::Over) };
    sessions.apply(&ended);
    Ok(LinkUse::Ended(ended.live()))
}
