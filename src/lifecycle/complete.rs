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
        let resolved = self.resolve(&presented, client).await?;
        let purpose = resolved.purpose();
        let completed = match resolved {
            Resolved::Waiting(confirmation, way) => {
                let attempt = CompletionAttempt { confirmation: *confirmation, way, typed: &typed, client };
                self.carry_out(attempt).await?
            }
            Resolved::Unknown => Completion::Unknown,
            Resolved::Expired(_) => Completion::Expired,
            Resolved::WrongCode { attempts_left, .. } => Completion::WrongCode { attempts_left },
            Resolved::Limited { wait, .. } => Completion::Limited { wait },
        };
        if let (Some(purpose), Some(outcome)) = (purpose, completed.outcome()) {
            self.world().metrics.confirmation(purpose.name(), outcome);
        }
        Ok(completed)
    }

    async fn carry_out(&self, attempt: CompletionAttempt<'_>) -> Result<Completion, AccountsError> {
        match attempt.confirmation.purpose {
            Purpose::ResetPassword => self.reset_password(attempt).await,
            Purpose::Register | Purpose::Invite => self.create_account(attempt).await,
            Purpose::Connect => self.connect_account(attempt).await,
            Purpose::VerifyEmail => self.verify_email(attempt).await,
            Purpose::ChangeEmail => self.change_email(attempt).await,
            Purpose::CancelEmailChange => self.cancel_email_change(attempt).await,
            Purpose::UndoEmailChange => self.undo_email_change(attempt).await,
            // Its code belongs to a sign-in or to the account page; it has no link.
            Purpose::EnrolFactor => Ok(Completion::Unknown),
            Purpose::RecoverFactors => self.recover_factors(attempt).await,
            Purpose::CancelFactorRecovery => self.cancel_factor_recovery(attempt).await,
        }
    }
}

impl Resolved {
    /// What it is for, where that is known.
    fn purpose(&self) -> Option<Purpose> {
        match self {
            Self::Waiting(confirmation, _) => Some(confirmation.purpose),
            Self::WrongCode { purpose, .. } | Self::Limited { purpose, .. } => Some(*purpose),
            Self::Expired(purpose) => *purpose,
            Self::Unknown => None,
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
            Self::AddressTaken => Some("email_taken"),
            Self::Missing(_) | Self::NameRefused(_) | Self::PasswordRefused(_) => None,
        }
    }
}
