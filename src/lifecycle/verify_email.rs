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
        let user = match self.proven(&attempt).await? {
            Ok(user) => user,
            Err(refused) => return Ok(refused),
        };
        let CompletionAttempt { confirmation, client, .. } = attempt;
        let verified = self.world().transaction(Caller::user(user, client), move |work| {
            Box::pin(async move { carry_out(work, user, confirmation).await })
        });
        Ok(match verified.await? {
            Some(user) => Completion::done(Purpose::VerifyEmail, user),
            None => Completion::Expired,
        })
    }

    /// The user of a confirmation, whose own request this is: signed in, or with the password. The inner error is the answer.
    pub(super) async fn proven(
        &self,
        attempt: &CompletionAttempt<'_>,
    ) -> Result<Result<UserId, Completion>, AccountsError> {
        let CompletionAttempt { confirmation, way, typed, client } = attempt;
        let Some(user) = confirmation.user else { return Ok(Err(Completion::Expired)) };
        if Needed::of(confirmation, *way, typed) == Needed::Button {
            return Ok(Ok(user));
        }
        let Some(password) = &typed.password else { return Ok(Err(Completion::Missing("password"))) };
        Ok(match self.accounts().check_again(user, password, client).await? {
            PasswordCheck::Right(..) => Ok(user),
            PasswordCheck::Wrong => Err(Completion::WrongPassword),
            PasswordCheck::Limited { wait } => Err(Completion::Limited { wait }),
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
