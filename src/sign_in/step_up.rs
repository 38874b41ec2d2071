//! A user who is signed in confirms it with the password.

mod api;

pub(super) use api::{StepUpDescribed, routes};

use super::SignInError;
use crate::{
    identity::ProvenBy,
    kernel::{Client, Duration},
    sessions::{Begun, Offered, Proof, Rotation, Sessions},
    users::{Accounts, PasswordCheck},
};

/// The outcome of a step-up.
#[must_use]
#[derive(Debug)]
enum SteppedUp {
    /// What a rotation can become. Where the token was current, the session is fresh now.
    Rotation(Rotation),
    /// Nothing was changed; the token is as good as before.
    WrongPassword,
    /// Too many were wrong lately: this one was not checked.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// Judges the token as a refresh does, then checks the password, then rotates.
///
/// # Errors
/// When the database fails or the hashing threads have too much to do.
async fn check_and_rotate(
    accounts: &Accounts,
    sessions: &Sessions,
    offered: &Offered,
    password: &str,
    client: &Client,
) -> Result<SteppedUp, SignInError> {
    let step_up = match sessions.begin_step_up(offered, client).await? {
        Begun::Current(step_up) => step_up,
        Begun::Decided(rotation) => return Ok(SteppedUp::Rotation(rotation)),
    };
    let credentials = match accounts.check_again(step_up.user, password, client).await? {
        PasswordCheck::Right(credentials, _forgiven) => credentials,
        PasswordCheck::Wrong => return Ok(SteppedUp::WrongPassword),
        PasswordCheck::Limited { wait } => return Ok(SteppedUp::Limited { wait }),
    };
    let methods = step_up.methods.stepped_up(ProvenBy::Password);
    let proof = Proof { password_version: credentials.password_version, methods };
    Ok(SteppedUp::Rotation(sessions.step_up(*step_up, proof).await?))
}
