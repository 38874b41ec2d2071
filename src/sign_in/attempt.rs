use crate::{
    guessing::DeviceToken,
    identity::DeviceName,
    kernel::{Client, Duration},
    sessions::{Grant, NewSession, Opening, SessionError, Sessions, Transport},
    users::{Accounts, AccountsError, PasswordCheck},
};
use std::fmt;

/// Somebody who wants to sign in.
pub struct SignIn<'a> {
    /// As typed.
    pub email: &'a str,
    /// As typed.
    pub password: &'a str,
    /// How the refresh token will travel.
    pub transport: Transport,
    /// Whether they want to be remembered.
    pub remembered: bool,
    /// What they call the device.
    pub device_name: Option<DeviceName>,
}

impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(…)")
    }
}

/// What became of it.
#[must_use]
#[derive(Debug)]
pub enum SigningIn {
    /// Signed in. A device that wants to be remembered and is not known yet gets a token by which it will be.
    Opened(Grant, Option<DeviceToken>),
    /// Unknown address or wrong password.
    WrongCredentials,
    /// Too many were wrong lately: this one was not looked at.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
    /// The password was right, the account is blocked.
    Blocked,
}

impl SigningIn {
    fn name(&self) -> &'static str {
        match self {
            Self::Opened(..) => "signed_in",
            Self::WrongCredentials => "invalid_credentials",
            Self::Limited { .. } => "too_many_attempts",
            Self::Blocked => "account_blocked",
        }
    }
}

/// Why nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The password could not be checked.
    #[error("the password could not be checked")]
    Accounts(#[from] AccountsError),
    /// The session could not be opened.
    #[error("the session could not be opened")]
    Sessions(#[from] SessionError),
}

impl SignIn<'_> {
    /// Checks the password and opens a session.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn attempt(
        self,
        accounts: &Accounts,
        sessions: &Sessions,
        client: &Client,
    ) -> Result<SigningIn, SignInError> {
        let outcome = self.check_and_open(accounts, sessions, client).await;
        sessions.world().metrics.signed_in(outcome.as_ref().map_or("unavailable", SigningIn::name));
        outcome
    }

    async fn check_and_open(
        self,
        accounts: &Accounts,
        sessions: &Sessions,
        client: &Client,
    ) -> Result<SigningIn, SignInError> {
        let credentials = match accounts.check(self.email, self.password, client).await? {
            PasswordCheck::Right(credentials) => credentials,
            PasswordCheck::Wrong => return Ok(SigningIn::WrongCredentials),
            PasswordCheck::Limited { wait } => return Ok(SigningIn::Limited { wait }),
        };
        let new = NewSession {
            user: credentials.user,
            password_version: credentials.password_version,
            transport: self.transport,
            remembered: self.remembered,
            device_name: self.device_name.map(|name| name.as_str().to_owned()),
            client: client.clone(),
            known_device: accounts.guard().knows(credentials.user, client),
        };
        Ok(match sessions.open(new).await? {
            Opening::Opened(grant) => {
                let wanted = grant.transport == Transport::Cookie && grant.remembered;
                let device = if wanted { accounts.guard().introduce(credentials.user, client) } else { None };
                SigningIn::Opened(grant, device)
            }
            Opening::Blocked => SigningIn::Blocked,
            Opening::Outdated => SigningIn::WrongCredentials,
        })
    }
}
