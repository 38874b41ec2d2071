use crate::{
    confirmations::Purpose,
    kernel::{Client, Duration, Moment, UserId, named},
};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

named! {
    /// What an email notifies a user of.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Notification {
        /// A used refresh token was presented again: someone else may hold it.
        TokenReused = "token-reused",
        /// A sign-in from an unknown device and network.
        NewDevice = "new-device",
        /// The password was changed.
        PasswordChanged = "password-changed",
        /// The account was blocked.
        Blocked = "blocked",
        /// A session was revoked because the account reached its limit of sessions.
        SessionLimit = "session-limit",
        /// An authenticator app was set up.
        FactorAdded = "factor-added",
        /// An authenticator app was removed.
        FactorRemoved = "factor-removed",
        /// An administrator removed all second factors.
        FactorsReset = "factors-reset",
        /// A passkey was added.
        PasskeyAdded = "passkey-added",
        /// Passkeys were removed.
        PasskeyRemoved = "passkey-removed",
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery-code-used",
        /// There are new recovery codes in place of the others.
        RecoveryCodesRenewed = "recovery-codes-renewed",
        /// Asks whether the registration is theirs.
        ConfirmRegistration = "confirm-registration",
        /// Another provider was connected to the account.
        IdentityLinked = "identity-linked",
        /// It was disconnected.
        IdentityUnlinked = "identity-unlinked",
        /// Asks whether an identity of another provider is theirs.
        ConfirmConnection = "confirm-connection",
        /// A registration with an address that has an account.
        AlreadyRegistered = "already-registered",
        /// A user wanted to change their address to this one, which has an account.
        AddressInUse = "address-in-use",
        /// Asks a user to show that they read the address.
        VerifyEmail = "verify-email",
        /// Leads to a new password.
        ResetPassword = "reset-password",
        /// To the old address: a change was requested. Cancels it.
        EmailChangeRequested = "email-change-requested",
        /// To the new address: confirms the change.
        ConfirmNewEmail = "confirm-new-email",
        /// To the old address: it was changed. Undoes it.
        EmailChanged = "email-changed",
        /// To the address that the account has no longer: the change to it was undone. It has no link.
        EmailChangeUndone = "email-change-undone",
        /// The removal of lost second factors has begun. Cancels it.
        FactorRecoveryStarted = "factor-recovery-started",
        /// The removal of lost second factors can be completed.
        FactorRecoveryReady = "factor-recovery-ready",
        /// Holds the code with which a second factor is set up. It has no link.
        EnrolmentCode = "enrolment-code",
        /// An administrator invites to an account.
        Invitation = "invitation",
    }
}

impl Notification {
    /// What its link confirms. None: it has no such link.
    pub(super) fn confirms(self) -> Option<Purpose> {
        match self {
            Self::TokenReused
            | Self::NewDevice
            | Self::PasswordChanged
            | Self::Blocked
            | Self::SessionLimit
            | Self::FactorAdded
            | Self::FactorRemoved
            | Self::FactorsReset
            | Self::PasskeyAdded
            | Self::PasskeyRemoved
            | Self::RecoveryCodeUsed
            | Self::RecoveryCodesRenewed
            | Self::IdentityLinked
            | Self::IdentityUnlinked
            | Self::AlreadyRegistered
            | Self::AddressInUse
            | Self::EmailChangeUndone
            | Self::EnrolmentCode => None,
            Self::ConfirmConnection => Some(Purpose::Connect),
            Self::ConfirmRegistration => Some(Purpose::Register),
            Self::VerifyEmail => Some(Purpose::VerifyEmail),
            Self::ResetPassword => Some(Purpose::ResetPassword),
            Self::EmailChangeRequested => Some(Purpose::CancelEmailChange),
            Self::ConfirmNewEmail => Some(Purpose::ChangeEmail),
            Self::EmailChanged => Some(Purpose::UndoEmailChange),
            Self::FactorRecoveryStarted => Some(Purpose::CancelFactorRecovery),
            Self::FactorRecoveryReady => Some(Purpose::RecoverFactors),
            Self::Invitation => Some(Purpose::Invite),
        }
    }

    /// Whether it holds a code, for who reads emails on another device than the one that asked.
    pub(super) fn has_code(self) -> bool {
        matches!(self, Self::ConfirmRegistration | Self::ConfirmConnection | Self::ResetPassword | Self::EnrolmentCode)
    }

    /// Whether it belongs to a confirmation: it then goes to the confirmation's address, and not without it.
    pub(super) fn is_of_confirmation(self) -> bool {
        self.confirms().is_some() || matches!(self, Self::AlreadyRegistered | Self::AddressInUse | Self::EnrolmentCode)
    }
}

/// An email in the outbox, as it is exported. Its text is written when it is sent.
#[derive(Debug, Serialize)]
pub struct EmailView {
    /// Its id.
    pub id: Uuid,
    /// What it notifies of.
    pub notification: String,
    /// The client that caused it.
    pub details: Value,
    /// When it was enqueued.
    pub created_at: Moment,
    /// How many attempts there were to send it.
    pub attempts: i32,
    /// When it was sent.
    pub sent_at: Option<Moment>,
    /// When it was given up: refused for good, or attempted too often.
    pub abandoned_at: Option<Moment>,
    /// When its link was used to revoke all sessions.
    pub link_used_at: Option<Moment>,
}

/// An email that belongs to a confirmation.
#[derive(Debug)]
pub struct ConfirmationEmail {
    /// Whose link and code it holds, and whose address it goes to.
    pub confirmation: Uuid,
    /// The user who has the address, if anyone.
    pub user: Option<UserId>,
    /// Which email.
    pub email: Notification,
    /// The client that asked: `ip`, `user_agent`.
    pub details: Value,
}

/// How long an email's link works.
pub(super) const LINK_LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Emails of one kind to one user in an hour. The third of a kind adds nothing to the first two; anyone who holds
/// a password or a token could otherwise send as many as the user's mailbox bears.
pub(super) const HOURLY_OF_A_KIND: i64 = 3;
/// Emails to one user in a day. The first of its kind in a day is sent even so: an attacker who caused ten notifications
/// of new devices must not silence the one that the password was changed.
pub(super) const DAILY: i64 = 10;

/// The wait after the first attempt. Longer than an attempt may take, so that no other instance tries meanwhile.
const FIRST_WAIT: Duration = Duration::from_mins(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_hours(4);
/// Attempts before an email is given up: about three days.
pub(super) const ATTEMPTS: i32 = 24;

/// How long after the attempt of this number (from one) the next may begin.
pub(super) fn wait_after(attempt: i32) -> Duration {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(16);
    (FIRST_WAIT * 2_u32.pow(doublings)).min(LONGEST_WAIT)
}

/// The client that caused it, but not of a block: that is an administrator's. Emails of confirmations have their own.
pub(super) fn details(notification: Notification, client: &Client) -> Value {
    match notification {
        Notification::Blocked
        | Notification::FactorsReset
        | Notification::ConfirmRegistration
        | Notification::ConfirmConnection
        | Notification::AlreadyRegistered
        | Notification::AddressInUse
        | Notification::VerifyEmail
        | Notification::ResetPassword
        | Notification::EmailChangeRequested
        | Notification::ConfirmNewEmail
        | Notification::EmailChanged
        | Notification::EmailChangeUndone
        | Notification::EnrolmentCode
        | Notification::FactorRecoveryStarted
        | Notification::FactorRecoveryReady
        | Notification::Invitation => json!({}),
        Notification::TokenReused
        | Notification::NewDevice
        | Notification::PasswordChanged
        | Notification::FactorAdded
        | Notification::FactorRemoved
        | Notification::PasskeyAdded
        | Notification::PasskeyRemoved
        | Notification::RecoveryCodeUsed
        | Notification::RecoveryCodesRenewed
        | Notification::IdentityLinked
        | Notification::IdentityUnlinked
        | Notification::SessionLimit => {
            json!({ "ip": client.ip, "user_agent": client.user_agent })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_four_hours_and_last_three_days_in_all() {
        assert_eq!(wait_after(1), Duration::from_mins(1));
        assert_eq!(wait_after(4), Duration::from_mins(8));
        assert_eq!(wait_after(20), LONGEST_WAIT);
        let whole: Duration = (1..ATTEMPTS).map(wait_after).sum();
        assert!(whole > Duration::from_hours(60) && whole < Duration::from_hours(84), "{whole:?}");
    }
}
