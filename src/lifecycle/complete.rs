use super::{
    Completion, ConfirmationProof, Confirming, Lifecycle,
    resolve::{Resolved, Way},
};
use crate::{
    confirmations::{Confirmation, Purpose},
    kernel::Client,
    users::AccountsError,
};

/// What a confirmation is completed with.
pub(super) struct CompletionAttempt<'a> {
    pub confirmation: Confirmation,
    pub way: Way,
    pub typed: &'a Confirming,
    pub client: &'a Client,
}

impl Lifecycle {
    /// Confirms: does what the confirmation is for, once.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do: the confirmation then still works.
    pub async fn complete(
        &self,
        presented: ConfirmationProof,
        typed: Confirming,
        client: &Client,
    ) -> Result<Completion, AccountsError> {
        let (confirmation, way) = match self.resolve(&presented, client).await? {
            Resolved::Waiting(confirmation, way) => (*confirmation, way),
            Resolved::Unknown => return Ok(Completion::Unknown),
            Resolved::Expired => return Ok(Completion::Expired),
            Resolved::WrongCode { attempts_left } => return Ok(Completion::WrongCode { attempts_left }),
            Resolved::Limited { wait } => return Ok(Completion::Limited { wait }),
        };
        let purpose = confirmation.purpose;
        let completed = self.carry_out(CompletionAttempt { confirmation, way, typed: &typed, client }).await?;
        if let Some(outcome) = completed.outcome() {
            self.world().metrics.confirmation(purpose.name(), outcome);
        }
        Ok(completed)
    }

    async fn carry_out(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        match attempt.confirmation.purpose {
            Purpose::ResetPassword => self.reset_password(attempt).await,
            Purpose::Register | Purpose::Invite => self.create_account(attempt).await,
            Purpose::VerifyEmail => self.verify_email(attempt).await,
            Purpose::ChangeEmail => self.change_email(attempt).await,
            Purpose::CancelEmailChange => self.cancel_email_change(attempt).await,
            Purpose::UndoEmailChange => self.undo_email_change(attempt).await,
            // Nothing requests them in this version.
            Purpose::RecoverFactors => Ok(Completion::Unknown),
        }
    }
}

impl Completion {
    /// The name in the metrics. None: the user still has to type something.
    fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Done { .. } => Some("used"),
            Self::Unknown | Self::Expired => Some("expired"),
            Self::WrongCode { .. } => Some("wrong_code"),
            Self::Limited { .. } => Some("limited"),
            Self::WrongPassword => Some("wrong_password"),
            Self::Missing(_) | Self::NameRefused(_) | Self::PasswordRefused(_) => None,
        }
    }
}
