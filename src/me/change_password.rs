use crate::{
    audit::{self, About},
    kernel::{Client, Duration},
    mail,
    passwords::{Password, PasswordError, QueueKey},
    sessions::{self, Confirmed, EndReason, Sessions},
    users::{self, Accounts, AccountsError, PasswordCheck},
    work::Caller,
};
use serde_json::json;
use std::fmt;

/// The outcome of a password change.
#[must_use]
#[derive(Debug)]
pub enum PasswordChange {
    /// Changed; every other session was revoked.
    Changed,
    /// The current password is another one.
    WrongPassword,
    /// Too many were wrong lately: this one was not looked at.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
    /// The new one is too easy to guess.
    Refused(PasswordError),
    /// The user has a second factor by now, and has not presented it; or the session was revoked meanwhile.
    NotConfirmed,
}

/// The password to replace, and its successor.
pub struct Passwords<'a> {
    /// As typed.
    pub current: &'a str,
    /// Not yet judged.
    pub new: Password,
}

impl fmt::Debug for Passwords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(…)")
    }
}

/// Changes the password of the signed-in user, and revokes all their other sessions, in one transaction: a
/// racing sign-in with the old password either comes first and is revoked too, or finds the password changed.
///
/// # Errors
/// When the database fails or the hashing threads have too much to do.
pub async fn change_password(
    accounts: &Accounts,
    sessions: &Sessions,
    confirmed: &Confirmed,
    passwords: Passwords<'_>,
    client: &Client,
) -> Result<PasswordChange, AccountsError> {
    let (Passwords { current, new }, signed_in) = (passwords, confirmed.signed_in());
    let credentials = match accounts.check_own(signed_in.user, current, client).await? {
        PasswordCheck::Right(credentials, _forgiven) => credentials,
        PasswordCheck::Wrong => return Ok(PasswordChange::WrongPassword),
        PasswordCheck::Limited { wait } => return Ok(PasswordChange::Limited { wait }),
    };
    let Some(user) = accounts.lookup(signed_in.user).await? else { return Ok(PasswordChange::WrongPassword) };
    let context = accounts.context_of(&user.email, user.name.as_deref());
    let hash = match accounts.new_password(new, context, QueueKey::from(client)).await? {
        Ok(hash) => hash,
        Err(refused) => return Ok(PasswordChange::Refused(refused)),
    };
    let (me, confirmed) = (signed_in.clone(), confirmed.clone());
    let changed = sessions.world().transaction(Caller::user(me.user, client), move |mut work| {
        Box::pin(async move {
            if !confirmed.lock(&mut work).await? {
                return Ok(Err(PasswordChange::NotConfirmed));
            }
            let checked = Some(credentials.password_version);
            if !users::set_password(work.connection, me.user, checked, &hash).await? {
                return Ok(Err(PasswordChange::WrongPassword));
            }
            let ended = sessions::end_all_of(&mut work, me.user, Some(me.session), &EndReason::PasswordChanged).await?;
            let about = About::session(me.user, me.session);
            work.record(audit::Kind::PasswordChanged, about, json!({ "sessions": ended.live() })).await?;
            work.enqueue_email(me.user, mail::Notification::PasswordChanged).await?;
            Ok(Ok(ended))
        })
    });
    Ok(match changed.await? {
        Ok(ended) => {
            sessions.apply(&ended);
            PasswordChange::Changed
        }
        Err(refused) => refused,
    })
}
