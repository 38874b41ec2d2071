//! What a browser does next that is back from a provider and not signed in yet: sealed, in a cookie.

use super::room::Upstream;
use crate::{
    identity::{EmailAddress, UpstreamIdentity},
    kernel::{Duration, Moment, TicketError, TicketKind},
};
use serde::{Deserialize, Serialize};
use std::fmt;
use zeroize::Zeroizing;

/// How long it may take.
pub const NEXT_LIFETIME: Duration = Duration::from_mins(30);
const NEXT: TicketKind = TicketKind { context: b"upstream-next", lifetime: NEXT_LIFETIME };

/// What the browser does next.
#[derive(Serialize, Deserialize)]
pub enum NextStep {
    /// Presents the second factor.
    SecondFactor(NextFactor),
    /// Sets up a second factor.
    Enrolment(NextFactor),
    /// Connects the identity to an account.
    Connect(Box<PendingIdentity>),
}

/// A second factor that is wanted.
#[derive(Serialize, Deserialize)]
pub struct NextFactor {
    /// The challenge.
    pub challenge: Zeroizing<String>,
    /// The names of the user's factors.
    pub factors: Vec<String>,
    /// When the factors can be removed, if someone began to wait for that.
    pub recovery_ready_at: Option<Moment>,
    /// Whether the user can have lost factors removed. An earlier version does not say.
    #[serde(default)]
    pub can_recover: bool,
    /// Where the user wanted.
    pub return_to: String,
}

/// An identity that no account has yet.
#[derive(Clone, Serialize, Deserialize)]
pub struct PendingIdentity {
    /// The identity.
    pub identity: UpstreamIdentity,
    /// The name, where the provider gives one.
    pub name: Option<String>,
    /// How it gets an account.
    pub way: ConnectWay,
    /// Where the user wanted.
    pub return_to: String,
    /// Whether the user wants to be remembered.
    pub remembered: bool,
}

/// How an identity gets an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConnectWay {
    /// By a sign-in to the account with this address.
    SignIn(String),
    /// By an email to this address, which the provider has proven.
    Confirm(String),
    /// By an address that the user types, and an email to it.
    Ask,
}

impl ConnectWay {
    /// By a sign-in.
    #[must_use]
    pub fn sign_in(email: &EmailAddress) -> Self {
        Self::SignIn(email.as_str().to_owned())
    }

    /// By an email.
    #[must_use]
    pub fn confirm(email: &EmailAddress) -> Self {
        Self::Confirm(email.as_str().to_owned())
    }
}

impl fmt::Debug for NextStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextStep(…)")
    }
}

impl fmt::Debug for NextFactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NextFactor(…)")
    }
}

impl fmt::Debug for PendingIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PendingIdentity({:?})", self.identity)
    }
}

impl Upstream {
    /// As the cookie holds it.
    ///
    /// # Errors
    /// When the library fails.
    pub fn seal_next(&self, next: &NextStep) -> Result<Zeroizing<String>, TicketError> {
        let world = self.world();
        self.tickets().issue(NEXT, next, world.clock.now(), &world.rng).map(Zeroizing::new)
    }

    /// The step of a cookie, if it is genuine and has not expired.
    #[must_use]
    pub fn open_next(&self, cookie: &str) -> Option<NextStep> {
        self.tickets().read(NEXT, cookie, self.world().clock.now()).map(|ticket| ticket.content)
    }
}
