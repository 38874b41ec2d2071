use super::{Completion, Lifecycle, complete::CompletionAttempt, look::Needed};
use crate::{
    audit,
    confirmations::{self, Confirmation, Purpose},
    kernel::UserId,
    postgres::DatabaseError,
    users::{self, AccountsError, PasswordCheck, User},
    work::{Caller, Work},
};
use serde_json::json;

impl Lifecycle {
    /// Records that the user reads the address. The link alone does not: programs that scan emails follow it. The user is
    /// signed in, or types the password.
    pub(super) async fn verify_email(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        let Some(user) = attempt.confirmation.user else { return Ok(Completion::Expired) };
        if let Some(refused) = self.prove(user, &attempt).await? {
            return Ok(refused);
        }
        let CompletionAttempt { confirmation, client, .. } = attempt;
        let verified = self.world().transaction(Caller::user(user, client), move |work| {
            Box::pin(async move { carry_out(work, user, confirmation).await })
        });
        Ok(match verified.await? {
            Some(user) => Completion::done(Purpose::VerifyEmail, user),
            None => Completion::Expired,
        })
    }

    /// None: the request is the user's own.
    pub(super) async fn prove(
        &self,
        user: UserId,
        attempt: &CompletionAttempt<'_>,
    ) -> Result<Option<Completion>, AccountsError> {
        let CompletionAttempt { confirmation, way, typed, client } = attempt;
        if Needed::of(confirmation, *way, typed) == Needed::Button {
            return Ok(None);
        }
        let Some(password) = &typed.password else { return Ok(Some(Completion::Missing("password"))) };
        Ok(match self.accounts().check_again(user, password, client).await? {
            PasswordCheck::Right(..) => None,
            PasswordCheck::Wrong => Some(Completion::WrongPassword),
            PasswordCheck::Limited { wait } => Some(Completion::Limited { wait }),
        })
    }
}

async fn carry_out(
    mut work: Work<'_>,
    user: UserId,
    confirmation: Confirmation,
) -> Result<Option<User>, DatabaseError> {
    let is_there = users::lock(work.connection, user).await?;
    if !is_there || !confirmations::use_up(work.connection, confirmation.id, Purpose::VerifyEmail).await? {
        return Ok(None);
    }
    users::verify_email(work.connection, user).await?;
    confirmations::void_others_like(work.connection, &confirmation).await?;
    work.record(audit::Kind::ConfirmationUsed, user, json!({ "purpose": Purpose::VerifyEmail.name() })).await?;
    users::lookup_in(work.connection, user).await
}
