use crate::kernel::{ActorKind, Moment, SessionId, UserId, named};
use serde::Serialize;
use serde_json::Value;
use std::net::IpAddr;
use utoipa::ToSchema;
use uuid::Uuid;

named! {
    /// What happened.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
    #[schema(rename_all = "snake_case")]
    pub enum Kind {
        /// An account was created.
        UserAdded = "user_added",
        /// A user was invited, by email.
        UserInvited = "user_invited",
        /// An invitation was revoked.
        InvitationRevoked = "invitation_revoked",
        /// Roles were changed.
        RolesChanged = "roles_changed",
        /// A user's own claims were changed.
        ClaimsChanged = "claims_changed",
        /// A user was blocked.
        UserBlocked = "user_blocked",
        /// A block was lifted.
        UserUnblocked = "user_unblocked",
        /// An account was deleted, and what was held about its user with it.
        UserDeleted = "user_deleted",
        /// A user deleted their own account.
        UserDeletedSelf = "user_deleted_self",
        /// Accounts were imported from another system: one event for a thousand.
        UsersImported = "users_imported",
        /// All accounts were exported.
        UsersExported = "users_exported",
        /// A password was changed.
        PasswordChanged = "password_changed",
        /// An email with a link that confirms something was requested for a user.
        ConfirmationRequested = "confirmation_requested",
        /// What an email asked for was confirmed.
        ConfirmationUsed = "confirmation_used",
        /// A wrong code was typed.
        ConfirmationFailed = "confirmation_failed",
        /// A forgotten password was replaced.
        PasswordReset = "password_reset",
        /// The address of an account was changed by its user.
        EmailChanged = "email_changed",
        /// The reader of the old address undid its change.
        EmailChangeUndone = "email_change_undone",
        /// A user signed in.
        SignedIn = "signed_in",
        /// A sign-in failed.
        SignInFailed = "sign_in_failed",
        /// A signed-in user gave a wrong password when asked to confirm something.
        ReauthenticationFailed = "reauthentication_failed",
        /// A user who is signed in confirmed it with their password.
        SteppedUp = "stepped_up",
        /// Too many passwords were wrong: one event when a wait begins to refuse, none for what it refuses after that.
        GuessingLimited = "guessing_limited",
        /// A user asked for what they may not have: one event a minute for each session.
        AccessDenied = "access_denied",
        /// A second factor was set up.
        FactorAdded = "factor_added",
        /// A second factor was removed.
        FactorRemoved = "factor_removed",
        /// An administrator or an operator removed all second factors of a user.
        FactorsReset = "factors_reset",
        /// A user got new recovery codes in place of the others.
        RecoveryCodesRenewed = "recovery_codes_renewed",
        /// An undo removed the recovery codes of a user, and no factor.
        RecoveryCodesRemoved = "recovery_codes_removed",
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery_code_used",
        /// Someone with the password of a user began to wait for the removal of their second factors.
        FactorRecoveryStarted = "factor_recovery_started",
        /// The user keeps them.
        FactorRecoveryCancelled = "factor_recovery_cancelled",
        /// They were removed, after the waiting time.
        FactorRecoveryCompleted = "factor_recovery_completed",
        /// A user wants no second factor to be asked in a browser for some time.
        DeviceTrusted = "device_trusted",
        /// A user wants it to be asked again.
        DevicesDistrusted = "devices_distrusted",
        /// The code of a second factor was wrong, or a passkey was.
        SecondFactorFailed = "second_factor_failed",
        /// The counter of a passkey did not grow: two devices may hold it.
        PasskeyCloned = "passkey_cloned",
        /// An identity of another provider was connected to an account.
        IdentityLinked = "identity_linked",
        /// It was disconnected.
        IdentityUnlinked = "identity_unlinked",
        /// Another provider, or what came in its name, was refused.
        UpstreamRefused = "upstream_refused",
        /// A session was revoked: signed out, revoked by its user or by an admin, or replaced by a newer one.
        SessionsEnded = "sessions_ended",
        /// A stale refresh token came back: the family was revoked.
        RefreshTokenReused = "refresh_token_reused",
        /// A refresh token that is newer than the database: the family was revoked.
        RefreshTokenAhead = "refresh_token_ahead",
        /// The database had forgotten that a session was revoked, and a token of it came: the family was revoked again.
        RevocationLost = "revocation_lost",
        /// A signing key was published.
        SigningKeyAdded = "signing_key_added",
        /// A user could not register: the address has an account.
        RegistrationRefused = "registration_refused",
        /// A server found an older head of the chain than it had seen, and chains nothing.
        AuditChainRefused = "audit_chain_refused",
        /// Events that the database had confirmed were gone before they were chained.
        AuditEventsMissing = "audit_events_missing",
        /// An operator had the chain of events go on from an end that Heirloom had not written.
        AuditChainResumed = "audit_chain_resumed",
    }
}

impl Kind {
    /// How it ended for who wanted it: `success` or `failure`.
    #[must_use]
    pub fn outcome(self) -> &'static str {
        if self.is_failure() { "failure" } else { "success" }
    }

    /// Whether what was wanted did not happen, or what happened nobody wanted.
    fn is_failure(self) -> bool {
        matches!(
            self,
            Self::SignInFailed
                | Self::ReauthenticationFailed
                | Self::ConfirmationFailed
                | Self::SecondFactorFailed
                | Self::PasskeyCloned
                | Self::GuessingLimited
                | Self::AccessDenied
                | Self::RefreshTokenReused
                | Self::RefreshTokenAhead
                | Self::RevocationLost
                | Self::RegistrationRefused
                | Self::UpstreamRefused
                | Self::AuditChainRefused
                | Self::AuditEventsMissing
        )
    }
}

/// What an event is about.
#[derive(Debug, Clone, Copy, Default)]
pub struct About {
    /// The user it happened to.
    pub user: Option<UserId>,
    /// To which session.
    pub session: Option<SessionId>,
}

impl About {
    /// No user in particular.
    pub const NOBODY: Self = Self { user: None, session: None };

    /// One session of a user.
    #[must_use]
    pub fn session(user: UserId, session: SessionId) -> Self {
        Self { user: Some(user), session: Some(session) }
    }
}

impl From<UserId> for About {
    fn from(user: UserId) -> Self {
        Self { user: Some(user), session: None }
    }
}

impl From<Option<UserId>> for About {
    fn from(user: Option<UserId>) -> Self {
        Self { user, session: None }
    }
}

/// One event, as read back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct Recorded {
    /// The event's id; they ascend with time.
    pub id: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Moment,
    /// What.
    pub kind: String,
    /// How it ended; none where a later version recorded a kind that this one does not know.
    #[schema(required = true)]
    pub outcome: Option<&'static str>,
    /// What did it: a user, an operator at the command line, the server itself, or a client that proved nothing. None
    /// for events of versions that recorded only users.
    #[schema(inline, required = true)]
    pub actor: Option<ActorKind>,
    /// Which user did it.
    #[schema(required = true)]
    pub actor_id: Option<UserId>,
    /// The user it happened to.
    #[schema(required = true)]
    pub user_id: Option<UserId>,
    /// To which session.
    #[schema(required = true)]
    pub session_id: Option<SessionId>,
    /// From where.
    #[schema(value_type = Option<String>, required = true, example = "192.0.2.7")]
    pub ip: Option<IpAddr>,
    /// With what.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// The request's id, as in the log.
    #[schema(required = true)]
    pub request_id: Option<String>,
    /// What else.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// Which events are wanted.
#[derive(Debug, Default, Clone)]
pub struct EventFilter {
    /// Only those to this user.
    pub user: Option<UserId>,
    /// Only those to this user or by them.
    pub party: Option<UserId>,
    /// Only those to this session.
    pub session: Option<SessionId>,
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only from then on.
    pub since: Option<Moment>,
    /// Only before then.
    pub until: Option<Moment>,
}
