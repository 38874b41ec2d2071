use super::{
    Accounts, AccountsError, EmailAddress, Password, PasswordHash,
    password::{self, Verification},
    store,
};
use crate::{
    audit,
    kernel::{Client, UserId},
    postgres::DatabaseError,
};
use serde_json::json;

/// Whose password it was, and which of theirs.
#[derive(Debug, Clone, Copy)]
pub struct Credentials {
    /// Who.
    pub user: UserId,
    /// Counts their passwords.
    pub password_version: i32,
}

/// What became of a presented password.
#[must_use]
#[derive(Debug)]
pub enum PasswordCheck {
    /// Right.
    Right(Credentials),
    /// Wrong, or nobody's: the caller cannot tell, and neither can a clock.
    Wrong,
}

impl Accounts {
    /// Checks an address and a password.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn check(&self, email: &str, password: &str, client: &Client) -> Result<PasswordCheck, AccountsError> {
        let email = EmailAddress::parse(email).ok();
        let stored = match email {
            Some(email) => {
                self.world().db.run(move |connection| Box::pin(store::password_of(connection, email))).await?
            }
            None => None,
        };
        let checked = self.verify(stored, password).await?;
        if let (PasswordCheck::Wrong, user) = (&checked.0, checked.1) {
            self.record_failure(user, client).await?;
        }
        Ok(checked.0)
    }

    /// Checks the password of a person who is known already.
    ///
    /// # Errors
    /// As [`Accounts::check`].
    pub async fn check_own(
        &self,
        user: UserId,
        password: &str,
        client: &Client,
    ) -> Result<PasswordCheck, AccountsError> {
        let stored = self.world().db.run(move |connection| Box::pin(store::own_password(connection, user))).await?;
        let (checked, _) = self.verify(stored, password).await?;
        if matches!(checked, PasswordCheck::Wrong) {
            self.record_failure(Some(user), client).await?;
        }
        Ok(checked)
    }

    async fn verify(
        &self,
        stored: Option<(Credentials, PasswordHash)>,
        password: &str,
    ) -> Result<(PasswordCheck, Option<UserId>), AccountsError> {
        let user = stored.as_ref().map(|(credentials, _)| credentials.user);
        // Longer than any password of ours: wrong, and not worth a hash, whoever it is meant for.
        let Ok(password) = Password::presented(password) else { return Ok((PasswordCheck::Wrong, user)) };
        let cost = self.cost();
        let Some((credentials, hash)) = stored else {
            self.hashing().run(move || password::burn(&password, cost)).await?;
            return Ok((PasswordCheck::Wrong, None));
        };
        let (verification, hash) = self.hashing().run(move || (password::verify(&password, &hash, cost), hash)).await?;
        Ok((self.conclude(credentials, verification, hash).await?, user))
    }

    async fn conclude(
        &self,
        credentials: Credentials,
        verification: Verification,
        hash: PasswordHash,
    ) -> Result<PasswordCheck, AccountsError> {
        match verification {
            Verification::Right { replacement: None } => Ok(PasswordCheck::Right(credentials)),
            Verification::Right { replacement: Some(better) } => {
                let user = credentials.user;
                let replaced = self
                    .world()
                    .db
                    .run(move |connection| Box::pin(store::replace_hash(connection, user, hash, better)));
                replaced.await?;
                Ok(PasswordCheck::Right(credentials))
            }
            Verification::Wrong => Ok(PasswordCheck::Wrong),
            Verification::Unreadable => {
                tracing::error!(user.id = %credentials.user, "accounts.password_hash_unreadable");
                Ok(PasswordCheck::Wrong)
            }
        }
    }

    async fn record_failure(&self, user: Option<UserId>, client: &Client) -> Result<(), DatabaseError> {
        let (world, client) = (self.world().clone(), client.clone());
        let recorded = self.world().db.run(move |connection| {
            Box::pin(async move {
                let (kind, details) = (audit::Kind::SignInFailed, json!({}));
                let event = audit::Event { kind, actor: None, user, session: None, client: &client, details };
                audit::record(connection, world.clock.now(), &world.entropy, &event).await
            })
        });
        recorded.await
    }
}
