use super::{
    ConfirmationProof, Confirming, Lifecycle,
    look_up::user_agent,
    resolve::{Resolved, Way},
};
use crate::{
    confirmations::{Confirmation, ConfirmationStanding, Purpose, masked},
    kernel::{Client, Digest32, Moment},
    pages::device_name,
    postgres::DatabaseError,
};
use zeroize::Zeroizing;

/// What the page of a link shows before the user confirms.
#[derive(Debug)]
pub struct Looked {
    /// What it confirms.
    pub purpose: Purpose,
    /// The address, masked.
    pub email: String,
    /// When it was requested.
    pub requested_at: Moment,
    /// The device that requested it, where it is known.
    pub device: Option<String>,
    /// What the user has to do.
    pub needs: Vec<Needed>,
}

/// What completes a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needed {
    /// The current password.
    Password,
    /// A password that the user chooses.
    NewPassword,
    /// Nothing but a button.
    Button,
}

/// Where a flow stands, for the page that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowStatus {
    /// Nothing has happened yet; also where nobody has the address.
    Waiting,
    /// It was confirmed, here or elsewhere.
    Completed,
    /// Its time has passed.
    Expired,
}

impl Needed {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::NewPassword => "new_password",
            Self::Button => "button",
        }
    }

    /// What a confirmation needs that was presented in this way, by who typed this.
    pub(super) fn of(confirmation: &Confirmation, way: Way, typed: &Confirming) -> Self {
        let asked = confirmation.browser.as_deref().and_then(Digest32::from_slice);
        let is_same_client = way == Way::Code || (asked.is_some() && typed.browser == asked);
        let is_signed_in = confirmation.user.is_some() && typed.user() == confirmation.user;
        match confirmation.purpose {
            Purpose::Register | Purpose::Connect if is_same_client => Self::Button,
            Purpose::VerifyEmail
            | Purpose::ChangeEmail
            | Purpose::CancelEmailChange
            | Purpose::CancelFactorRecovery
                if is_signed_in =>
            {
                Self::Button
            }
            Purpose::Register
            | Purpose::Connect
            | Purpose::ResetPassword
            | Purpose::UndoEmailChange
            | Purpose::Invite => Self::NewPassword,
            Purpose::VerifyEmail
            | Purpose::ChangeEmail
            | Purpose::CancelEmailChange
            | Purpose::RecoverFactors
            | Purpose::CancelFactorRecovery
            | Purpose::EnrolFactor => Self::Password,
        }
    }
}

/// The outcome of looking at a token.
#[must_use]
#[derive(Debug)]
pub(super) enum Look {
    Found(Looked),
    Unknown,
    Expired,
}

impl Lifecycle {
    /// What a token would confirm. Changes nothing.
    pub(super) async fn look(
        &self,
        token: Zeroizing<String>,
        typed: &Confirming,
        client: &Client,
    ) -> Result<Look, DatabaseError> {
        Ok(match self.resolve(&ConfirmationProof::Token(token), client).await? {
            Resolved::Waiting(found, way) => Look::Found(Looked {
                purpose: found.purpose,
                email: masked(&found.email),
                requested_at: found.created_at,
                device: user_agent(&found.payload).map(device_name).filter(|name| !name.is_empty()),
                needs: vec![Needed::of(&found, way, typed)],
            }),
            Resolved::Unknown => Look::Unknown,
            Resolved::Expired(_) | Resolved::WrongCode { .. } | Resolved::Limited { .. } => Look::Expired,
        })
    }

    /// Where a flow stands. None: it is not ours.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn status_of(&self, flow: &str) -> Result<Option<FlowStatus>, DatabaseError> {
        let Some(id) = self.keys().read_flow(flow) else { return Ok(None) };
        let standing = self.flow_leads_to(id).await?.map(|found| found.standing);
        Ok(Some(match standing {
            Some(ConfirmationStanding::Waiting) => FlowStatus::Waiting,
            Some(ConfirmationStanding::Used) => FlowStatus::Completed,
            Some(ConfirmationStanding::Expired) | None => FlowStatus::Expired,
        }))
    }
}
