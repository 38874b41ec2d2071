//! Users of other providers, as they are kept here.

use crate::kernel::Moment;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A user of another provider. Issuer and subject are the identity; the rest is for users to read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamIdentity {
    /// The provider's name in the options.
    pub provider: String,
    /// Who says so.
    pub issuer: String,
    /// The user there.
    pub subject: String,
    /// The address there. It proves nothing.
    pub email: Option<String>,
}

/// What an identity has to do with a sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamStep {
    /// Which identity.
    pub identity: UpstreamIdentity,
    /// Whether it is connected to the account once the sign-in is complete. Else it proves who the user is.
    pub is_new: bool,
    /// When its user signed in there, where the provider says so (`auth_time`). None: taken to be now.
    #[serde(default)]
    pub proven_at: Option<Moment>,
}

impl fmt::Debug for UpstreamIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamIdentity({})", self.provider)
    }
}
