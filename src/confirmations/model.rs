use crate::{
    config::AccountOptions,
    kernel::{Duration, Moment, UserId, named},
};
use serde_json::Value;
use uuid::Uuid;

named! {
    /// What using a confirmation does.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, utoipa::ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub enum Purpose {
        /// Creates the account that was asked for.
        Register = "register",
        /// Gives the address an account with an identity of another provider.
        Connect = "connect",
        /// Records that the user reads this address.
        VerifyEmail = "verify_email",
        /// Replaces a password that the user has forgotten.
        ResetPassword = "reset_password",
        /// Replaces the user's address by this one.
        ChangeEmail = "change_email",
        /// Sent to the old address: restores it.
        UndoEmailChange = "undo_email_change",
        /// Sent to the old address: the change does not take place.
        CancelEmailChange = "cancel_email_change",
        /// Creates an account with the roles that an administrator named.
        Invite = "invite",
        /// A code that completes the setting up of a second factor. It has no link.
        EnrolFactor = "enrol_factor",
        /// Removes second factors that the user has lost.
        RecoverFactors = "recover_factors",
        /// The user keeps them: someone else has started their removal.
        CancelFactorRecovery = "cancel_factor_recovery",
    }
}

impl Purpose {
    /// How long its link works.
    #[must_use]
    pub fn lifetime(self, options: &AccountOptions) -> Duration {
        match self {
            Self::Register | Self::VerifyEmail => options.confirm_link_ttl,
            Self::Connect => CONNECT,
            Self::ResetPassword => options.reset_link_ttl,
            Self::RecoverFactors | Self::CancelFactorRecovery => options.factor_recovery_delay.max(RECOVERY),
            Self::EnrolFactor => CODE_LIFETIME,
            Self::ChangeEmail | Self::CancelEmailChange => CHANGE_EMAIL,
            Self::UndoEmailChange => options.email_undo_ttl,
            Self::Invite => options.invite_ttl,
        }
    }
}

/// How long an address may be confirmed that gets an account with an identity: the browser that asked is near.
const CONNECT: Duration = Duration::from_hours(1);
/// How long the new address of an account may be confirmed.
const CHANGE_EMAIL: Duration = Duration::from_hours(1);
/// How long the links of a recovery of factors work at least: its user does not wait before the mailbox.
const RECOVERY: Duration = Duration::from_hours(24);
/// How long a code works after the request.
pub const CODE_LIFETIME: Duration = Duration::from_mins(10);
/// How many wrong codes a flow accepts.
pub const CODE_ATTEMPTS: i32 = 5;
/// An email of one kind is not sent again to an address within this time, unless its confirmation was used.
pub const SAME_EMAIL: Duration = Duration::from_mins(10);

/// What an email asks a user to confirm.
#[derive(Debug, Clone)]
pub struct Confirmation {
    /// Its id: the token and the flow are derived from it.
    pub id: Uuid,
    /// What its use does.
    pub purpose: Purpose,
    /// The user, once looked up. None: nobody has the address, or it has not been looked up yet.
    pub user: Option<UserId>,
    /// The canonical address that the email goes to.
    pub email: String,
    /// What the purpose needs, and the client that asked.
    pub payload: Value,
    /// The HMAC of the code, where there is one.
    pub code_mac: Option<Vec<u8>>,
    /// The digest of the asking browser's cookie.
    pub browser: Option<Vec<u8>>,
    /// When it was requested.
    pub created_at: Moment,
    /// When its link expires.
    pub expires_at: Moment,
    /// Wrong codes so far.
    pub attempts: i32,
    /// Where it stands.
    pub standing: ConfirmationStanding,
    /// Whether its code still works.
    pub has_code: bool,
}

/// Whether a confirmation can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfirmationStanding {
    /// It can.
    Waiting,
    /// It was used.
    Used,
    /// Its time has passed, or what it was requested for has changed since.
    Expired,
}

impl Confirmation {
    /// The confirmation that its flow leads to since its email was requested again.
    #[must_use]
    pub fn renewed(&self) -> Option<Uuid> {
        Uuid::try_parse(self.payload.get("renewed")?.as_str()?).ok()
    }

    /// What a repetition needs: what was asked for, and not what has become of it.
    #[must_use]
    pub fn payload_to_repeat(&self) -> Value {
        let mut payload = self.payload.clone();
        if let Value::Object(members) = &mut payload {
            members.retain(|name, _| !matches!(name.as_str(), "sent" | "renewed"));
        }
        payload
    }
}

/// An address of which only its owner recognises what is missing: `a…e@example.com`.
#[must_use]
pub fn masked(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let mut characters = local.chars();
    let first = characters.next().map(String::from).unwrap_or_default();
    let last = characters.next_back().map(String::from).unwrap_or_default();
    format!("{first}…{last}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_address_shows_its_first_and_last_letter_and_its_domain() {
        for (email, expected) in [
            ("alice@example.com", "a…e@example.com"),
            ("ab@example.com", "a…b@example.com"),
            ("a@example.com", "a…@example.com"),
            ("가나다@example.kr", "가…다@example.kr"),
        ] {
            assert_eq!(masked(email), expected);
        }
    }
}
