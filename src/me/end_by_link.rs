use crate::{
    audit,
    kernel::{Actor, Client},
    mail::{self, Mail},
    postgres::DatabaseError,
    sessions::{self, EndReason, Sessions},
};
use serde_json::json;

/// What became of a letter's link.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkUse {
    /// So many live sessions were ended.
    Ended(u64),
    /// It is no link of ours, it is over, or it was used before.
    Over,
}

/// Whether a letter's link would end sessions.
///
/// # Errors
/// When the database fails.
pub async fn link_works((mail, sessions): (&Mail, &Sessions), text: &str) -> Result<bool, DatabaseError> {
    let Some(letter) = mail.letter_of_link(text) else { return Ok(false) };
    let user = sessions.world().db.run(move |connection| Box::pin(mail::look_up_link(connection, letter)));
    Ok(user.await?.is_some())
}

/// Ends all sessions of the person to whom the letter went, and uses its link up, in one transaction.
///
/// # Errors
/// When the database fails: then the link is as good as before.
pub async fn end_by_link(
    (mail, sessions): (&Mail, &Sessions),
    text: &str,
    client: &Client,
) -> Result<LinkUse, DatabaseError> {
    let Some(letter) = mail.letter_of_link(text) else { return Ok(LinkUse::Over) };
    let (world, client) = (sessions.world().clone(), client.clone());
    let ended = sessions.world().db.transaction(move |connection| {
        Box::pin(async move {
            let Some(user) = mail::use_link(connection, letter).await? else { return Ok(None) };
            let ended = sessions::end_all_of(connection, &world, user, None, &EndReason::EndedByUser).await?;
            let event = audit::Event {
                kind: audit::Kind::SessionsEnded,
                actor: Actor::User(user),
                user: Some(user),
                session: None,
                client: &client,
                details: json!({ "reason": EndReason::EndedByUser.text(), "sessions": ended.live(), "by_link": true }),
            };
            audit::record(connection, world.clock.now(), &world, &event).await?;
            Ok(Some(ended))
        })
    });
    let Some(ended) = ended.await? else { return Ok(LinkUse::Over) };
    sessions.learn(&ended);
    Ok(LinkUse::Ended(ended.live()))
}
