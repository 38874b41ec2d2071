//! What is known when a user is back, and what becomes of them.

use super::{
    identities,
    policy::{AccountOfAddress, AccountOfIdentity, Aim, AssertedAddress, Decision, Situation, decide},
    profile::UpstreamUser,
    room::Upstream,
    store,
};
use crate::{
    audit,
    config::RegistrationPolicy,
    identity::{EmailAddress, Roles},
    kernel::{Client, UserId},
    passwords::PasswordHash,
    postgres::DatabaseError,
    users::{self, Credentials, NewAccount},
    work::Caller,
};
use serde_json::json;

/// What becomes of a user.
#[derive(Debug)]
pub struct Considered {
    /// The decision.
    pub decision: Decision,
    /// The account that the identity opens. A change of its password meanwhile voids the sign-in.
    pub owner: Option<Credentials>,
}

impl Upstream {
    /// Looks up what is known of a user of a provider, and decides.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consider(&self, aim: Aim, user: &UpstreamUser) -> Result<Considered, DatabaseError> {
        let (identity, address) = (user.identity.clone(), user.address.clone());
        let email = address.email().map(|email| email.as_str().to_owned());
        let found = self.world().db.run(move |connection| {
            Box::pin(async move {
                let owner = store::owner(connection, &identity).await?;
                let has_another = match aim {
                    Aim::Connect(user) => store::has_another(connection, user, &identity).await?,
                    Aim::SignIn => false,
                };
                let account = match email {
                    Some(email) => store::addressee(connection, &email).await?,
                    None => None,
                };
                Ok((owner, has_another, account))
            })
        });
        let (owner, has_another, account) = found.await?;
        let situation = Situation {
            aim,
            identity: owner.as_ref().map(|found| AccountOfIdentity { user: found.user, is_blocked: found.is_blocked }),
            has_another,
            address,
            account: account.map(|found| AccountOfAddress { user: found.user, is_verified: found.is_verified }),
            registration: self.registration(),
            allows_no_email: self.world().config.accounts.allow_no_email,
        };
        let owner = owner.map(|found| Credentials { user: found.user, password_version: found.password_version });
        Ok(Considered { decision: decide(&situation), owner })
    }

    /// Who may register.
    #[must_use]
    pub fn registration(&self) -> RegistrationPolicy {
        self.world().config.registration
    }

    /// Creates an account with a verified address, or with none, and without a password, and connects the identity. None: the address has an
    /// account by now, or its user can have it back.
    ///
    /// # Errors
    /// When the database fails, or another account has got the identity at the same moment.
    pub async fn register(
        &self,
        user: &UpstreamUser,
        email: Option<EmailAddress>,
        client: &Client,
    ) -> Result<Option<Credentials>, DatabaseError> {
        let world = self.world();
        let id = UserId::new(world.clock.now(), &world.rng);
        let name = user.name.as_ref().map(|name| name.as_str().to_owned());
        let is_verified = email.is_some();
        let account = NewAccount { id, email, is_verified, name, hash: PasswordHash::none(), roles: Roles::default() };
        let identity = user.identity.clone();
        let added = world.transaction(Caller::anonymous(client), move |mut work| {
            Box::pin(async move {
                if !users::add(work.connection, account).await? {
                    return Ok(false);
                }
                work.record(audit::Kind::UserAdded, id, json!({ "provider": identity.provider })).await?;
                if !identities::link_first(&mut work, id, &identity).await? {
                    return Err(DatabaseError::Raced("an identity was connected"));
                }
                Ok(true)
            })
        });
        Ok(added.await?.then_some(Credentials { user: id, password_version: 0 }))
    }

    /// The identities of a user, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn identities_of(&self, user: UserId) -> Result<Vec<store::Identity>, DatabaseError> {
        self.world().db.run(move |connection| Box::pin(store::list(connection, user))).await
    }
}

impl AssertedAddress {
    /// The address, proven or not.
    #[must_use]
    pub fn email(&self) -> Option<&EmailAddress> {
        match self {
            Self::None => None,
            Self::Unproven(email) | Self::Proven(email) => Some(email),
        }
    }
}
