//! Signing in with a passkey alone: it has verified its user, so it counts as both factors.

mod api;

pub(super) use api::{PasskeyDescribed, offered, routes};

use super::{SignInError, SigningIn, second_factor::SecondStep};
use crate::{
    factors::{FactorKind, PasskeyCheck, ProvenFactor, SecondFactor, passkeys::PresentedPasskey},
    guessing::Attempt,
    identity::{AuthenticationMethods, DeviceName},
    kernel::Transport,
    sessions::Entry,
    users::Credentials,
};
use std::fmt;
use zeroize::Zeroizing;

/// A sign-in with a passkey alone.
struct PasskeySignIn<'a> {
    /// What the authenticator answered.
    passkey: &'a PresentedPasskey,
    /// How the refresh token will be sent.
    transport: Transport,
    /// Whether the user wants to be remembered.
    remembered: bool,
    /// The device's name, given by the user.
    device_name: Option<DeviceName>,
    /// The refresh tokens that the request holds: their sessions are replaced (S-51).
    presented: Vec<Zeroizing<String>>,
}

impl fmt::Debug for PasskeySignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasskeySignIn(…)")
    }
}

impl PasskeySignIn<'_> {
    /// Verifies the passkey and opens a session.
    ///
    /// # Errors
    /// When the database fails.
    async fn attempt(self, step: &SecondStep<'_>) -> Result<SigningIn, SignInError> {
        let outcome = self.check_and_open(step).await;
        step.sessions.world().metrics.signed_in(outcome.as_ref().map_or("unavailable", SigningIn::name));
        outcome
    }

    async fn check_and_open(self, step: &SecondStep<'_>) -> Result<SigningIn, SignInError> {
        let Self { passkey, transport, remembered, device_name, presented } = self;
        let proven = match step.sessions.factors().check_passkey(passkey, step.client).await? {
            PasskeyCheck::Right(proven) => proven,
            PasskeyCheck::Wrong { is_unknown } => {
                return Ok(SigningIn::PasskeyInvalid { attempts_left: None, is_unknown });
            }
            PasskeyCheck::TicketExpired => return Ok(SigningIn::ChallengeExpired),
        };
        // A password that is changed meanwhile voids the sign-in, as it would one with the password.
        let credentials = Credentials { user: proven.user, password_version: proven.password_version };
        let proven = ProvenFactor::Passkey(proven);
        let entry = Entry {
            credentials,
            methods: AuthenticationMethods::of(proven.proven_by()),
            second_factor: Some(SecondFactor { challenge: None, proven }),
            enrolment: None,
            wants_factor: false,
            upstream: None,
            attempt: Attempt::default(),
            transport,
            remembered,
            device_name,
            presented,
        };
        step.enter(entry, FactorKind::Passkey, 0).await
    }
}
