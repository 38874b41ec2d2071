use crate::identity::{CredentialKinds, Provable};

/// What the row of a live session says now, whatever an access token says.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "columns of a row, each with a meaning of its own")]
pub struct Freshness {
    /// Whether its user proved a moment ago who they are.
    pub is_fresh: bool,
    /// Their roles.
    pub roles: Vec<String>,
    /// Whether they have an authenticator app. Who has a second factor must have presented one then.
    pub has_totp: bool,
    /// Whether they have a passkey.
    pub has_passkey: bool,
    /// Whether they have a password.
    pub has_password: bool,
    /// Whether an identity of a provider in the options opens their account.
    pub has_identity: bool,
}

impl Freshness {
    /// Whether the user has a second factor.
    pub fn has_second_factor(&self) -> bool {
        self.has_totp || self.has_passkey
    }

    /// What makes the session fresh, where passkeys are offered or not.
    pub fn provable(&self, offers_passkeys: bool) -> Provable {
        let credentials = CredentialKinds {
            has_password: self.has_password,
            has_totp: self.has_totp,
            has_passkey: self.has_passkey && offers_passkeys,
            has_identity: self.has_identity,
        };
        Provable::by(credentials, self.has_second_factor())
    }
}
