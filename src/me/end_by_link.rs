use crate::{
    audit,
    kernel::{Client, Duration, UserId},
    mail::{self, Mail},
    postgres::DatabaseError,
    sessions::{self, EndReason, Ended, Sessions},
    users::{Accounts, AccountsError, PasswordCheck},
    work::Caller,
};
use serde_json::json;
use uuid::Uuid;

/// The outcome of using an email's link.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkUse {
    /// So many live sessions were revoked.
    Ended(u64),
    /// It is not a genuine link, it has expired, or it was used before.
    Over,
    /// The password is missing. The link alone revokes nothing: programs that scan emails press every button.
    PasswordMissing,
    /// The password is another one.
    WrongPassword,
    /// Too many were wrong lately: this one was not checked.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// What the page behind an email's link needs.
pub struct LinkRooms<'a> {
    pub mail: &'a Mail,
    pub accounts: &'a Accounts,
    pub sessions: &'a Sessions,
}

impl LinkRooms<'_> {
    /// Whether an email's link would revoke sessions.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn link_works(&self, text: &str) -> Result<bool, DatabaseError> {
        match self.mail.email_of_link(text) {
            Some(email) => Ok(self.user_of(email).await?.is_some()),
            None => Ok(false),
        }
    }

    async fn user_of(&self, email: Uuid) -> Result<Option<UserId>, DatabaseError> {
        self.sessions.world().db.run(move |connection| Box::pin(mail::look_up_link(connection, email))).await
    }

    /// Revokes all sessions of the email's recipient, who has typed the password, and marks the link as used, in one
    /// transaction.
    ///
    /// # Errors
    /// When the database fails: the link still works then.
    pub async fn end_by_link(&self, text: &str, password: &str, client: &Client) -> Result<LinkUse, AccountsError> {
        let Some(email) = self.mail.email_of_link(text) else { return Ok(LinkUse::Over) };
        let Some(user) = self.user_of(email).await? else { return Ok(LinkUse::Over) };
        if password.is_empty() {
            return Ok(LinkUse::PasswordMissing);
        }
        match self.accounts.check_again(user, password, client).await? {
            PasswordCheck::Right(..) => {}
            PasswordCheck::Wrong => return Ok(LinkUse::WrongPassword),
            PasswordCheck::Limited { wait } => return Ok(LinkUse::Limited { wait }),
        }
        let Some(ended) = self.end(email, user, client).await? else { return Ok(LinkUse::Over) };
        self.sessions.apply(&ended);
        Ok(LinkUse::Ended(ended.live()))
    }

    async fn end(&self, email: Uuid, user: UserId, client: &Client) -> Result<Option<Ended>, DatabaseError> {
        let ended = self.sessions.world().transaction(Caller::user(user, client), move |mut work| {
            Box::pin(async move {
                let Some(user) = mail::use_link(work.connection, email).await? else { return Ok(None) };
                let reason = EndReason::EndedByUser;
                let ended = sessions::end_all_of(&mut work, user, None, &reason).await?;
                let details = json!({ "reason": reason.text(), "sessions": ended.live(), "by_link": true });
                work.record(audit::Kind::SessionsEnded, user, details).await?;
                Ok(Some(ended))
            })
        });
        ended.await
    }
}
