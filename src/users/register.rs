use super::{Accounts, AccountsError, User, store};
use crate::{
    audit,
    identity::{DisplayName, EmailAddress, Roles},
    kernel::{ActorKind, UserId},
    passwords::{Password, PasswordError, QueueKey},
    postgres::DatabaseError,
    work::{Caller, Work},
};
use serde_json::json;

/// Somebody who wants an account.
#[derive(Debug)]
pub struct NewUser {
    /// Canonical.
    pub email: EmailAddress,
    /// Not yet judged.
    pub password: Password,
    /// What they want to be called.
    pub name: Option<DisplayName>,
    /// What they may do from the start.
    pub roles: Roles,
}

/// The outcome of a registration.
#[must_use]
#[derive(Debug)]
pub enum Registration {
    /// There is a new account.
    Registered(Box<User>),
    /// There is one of this address already.
    EmailTaken,
    /// The password is too easy to guess.
    PasswordRefused(PasswordError),
}

impl Accounts {
    /// Makes an account.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn register(&self, new: NewUser, caller: Caller) -> Result<Registration, AccountsError> {
        let NewUser { email, password, name, roles } = new;
        let context = self.context_of(Some(&email), name.as_ref().map(DisplayName::as_str));
        let hash = match self.new_password(password, context, QueueKey::from(&caller.client)).await? {
            Ok(hash) => hash,
            Err(refused) => return Ok(Registration::PasswordRefused(refused)),
        };
        let id = UserId::new(self.world().clock.now(), &self.world().rng);
        // An operator vouches for the address.
        let is_verified = caller.actor.kind() == ActorKind::Operator;
        let name = name.map(|name| name.as_str().to_owned());
        let row = store::NewAccount { id, email: Some(email.clone()), is_verified, name, hash, roles };
        let added = self.world().transaction(caller, move |mut work| {
            Box::pin(async move {
                if !store::add(work.connection, row).await? {
                    record_taken(&mut work, email).await?;
                    return Ok(None);
                }
                work.record(audit::Kind::UserAdded, id, json!({})).await?;
                store::lookup(work.connection, id).await
            })
        });
        Ok(added.await?.map_or(Registration::EmailTaken, |user| Registration::Registered(Box::new(user))))
    }
}

/// Whoever tries addresses learns which have accounts: an event of the account's owner. An operator's attempt is none.
async fn record_taken(work: &mut Work<'_>, email: EmailAddress) -> Result<(), DatabaseError> {
    if work.caller.actor.kind() == ActorKind::Operator {
        return Ok(());
    }
    let owner = store::find_by_email(work.connection, email).await?.map(|user| user.id);
    work.record_refusal(audit::Kind::RegistrationRefused, owner, json!({ "reason": "email_taken" })).await
}
