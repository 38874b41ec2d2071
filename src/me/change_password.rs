use crate::{
    audit::{self, About},
    kernel::{Client, Duration},
    mail,
    passwords::{Password, PasswordError, PasswordHash, QueueKey},
    postgres::DatabaseError,
    sessions::{self, Confirmed, EndReason, Fresh, Sessions, SignedIn},
    users::{self, Accounts, AccountsError, PasswordCheck},
    work::{Caller, Work},
};
use serde_json::json;
use std::fmt;

/// The outcome of a password change.
#[must_use]
#[derive(Debug)]
pub enum PasswordChange {
    /// Changed; every other session was revoked.
    Changed,
    /// The current password is another one; or there is one, and none was given.
    WrongPassword,
    /// Too many were wrong lately: this one was not looked at.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
    /// The new one is too easy to guess.
    Refused(PasswordError),
    /// The user has a second factor by now, and has not presented it; or the session was revoked meanwhile, or is not fresh any
    /// more.
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
    let replaced = Replaced::Checked(confirmed.clone(), credentials.password_version);
    replace(accounts, sessions, replaced, new, client).await
}

/// Sets the first password of a user who has none: in a fresh session, which could add a passkey too. Every other session is
/// revoked, as when a password is changed.
///
/// # Errors
/// When the database fails or the hashing threads have too much to do.
pub async fn set_first_password(
    accounts: &Accounts,
    sessions: &Sessions,
    fresh: &Fresh,
    new: Password,
    client: &Client,
) -> Result<PasswordChange, AccountsError> {
    replace(accounts, sessions, Replaced::Nothing(fresh.clone()), new, client).await
}

/// What a new password takes the place of.
#[derive(Clone)]
enum Replaced {
    /// The password of this version, which was right a moment ago.
    Checked(Confirmed, i32),
    /// None: there is no password.
    Nothing(Fresh),
}

impl Replaced {
    fn signed_in(&self) -> &SignedIn {
        match self {
            Self::Checked(confirmed, _) => confirmed.signed_in(),
            Self::Nothing(fresh) => fresh.signed_in(),
        }
    }

    /// Whether the session may still do it. Locks the user.
    async fn lock(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        match self {
            Self::Checked(confirmed, _) => confirmed.lock(work).await,
            Self::Nothing(fresh) => fresh.lock(work).await,
        }
    }

    /// False if it is not what the user has now.
    async fn set(&self, work: &mut Work<'_>, hash: &PasswordHash) -> Result<bool, DatabaseError> {
        let user = self.signed_in().user;
        match self {
            Self::Checked(_, version) => users::set_password(work.connection, user, Some(*version), hash).await,
            Self::Nothing(_) => users::set_first_password(work.connection, user, hash).await,
        }
    }
}

async fn replace(
    accounts: &Accounts,
    sessions: &Sessions,
    replaced: Replaced,
    new: Password,
    client: &Client,
) -> Result<PasswordChange, AccountsError> {
    let me = replaced.signed_in().clone();
    let Some(user) = accounts.lookup(me.user).await? else { return Ok(PasswordChange::WrongPassword) };
    let context = accounts.context_of(user.email.as_ref(), user.name.as_deref());
    let hash = match accounts.new_password(new, context, QueueKey::from(client)).await? {
        Ok(hash) => hash,
        Err(refused) => return Ok(PasswordChange::Refused(refused)),
    };
    let changed = sessions.world().transaction(Caller::user(me.user, client), move |mut work| {
        Box::pin(async move {
            if !replaced.lock(&mut work).await? {
                return Ok(Err(PasswordChange::NotConfirmed));
            }
            if !replaced.set(&mut work, &hash).await? {
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
