//! What the account page does with a script, for browsers that run none: another address, an
//! authenticator app, and the end of the account. The
//! account page keeps its access token in a script. Here the user types address and password instead, and a code where there
//! is a second factor: that signs in for this request only, which makes its session fresh (S-83).

mod app;
mod pages;

pub(super) use app::{page_samples as app_page_samples, routes as app_routes};
pub(super) use pages::{page_samples, routes};

use super::{SignIn, SignInError, SigningIn, second_factor::SecondStep};
use crate::{
    factors::FactorCode,
    kernel::{Client, Transport},
    lifecycle::Lifecycle,
    sessions::Sessions,
    users::Accounts,
};

/// What it needs.
struct Rooms<'a> {
    accounts: &'a Accounts,
    sessions: &'a Sessions,
    lifecycle: &'a Lifecycle,
    client: Client,
}

impl Rooms<'_> {
    /// Signs in on no device: no cookie is set, and none is looked at. An empty code is none.
    async fn sign_in(&self, email: &str, password: &str, code: &str) -> Result<SigningIn, SignInError> {
        let transport = Transport::Body;
        let sign_in = SignIn {
            email,
            password,
            transport,
            remembered: false,
            device_name: None,
            wants_factor: false,
            presented: Vec::new(),
        };
        match sign_in.attempt(self.accounts, self.sessions, &self.client).await? {
            SigningIn::SecondFactorRequired(challenge) if !code.trim().is_empty() => {
                let step = SecondStep { accounts: self.accounts, sessions: self.sessions, client: &self.client };
                step.at_once(&challenge, FactorCode::of_either(code)).await
            }
            outcome => Ok(outcome),
        }
    }
}
