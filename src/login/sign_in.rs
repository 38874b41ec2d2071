use crate::{
    accounts::{Accounts, AccountsError, DeviceName, PasswordCheck},
    kernel::Client,
    sessions::{Grant, NewSession, Opening, SessionError, Sessions, Transport},
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
    /// Signed in.
    Opened(Grant),
    /// Unknown address or wrong password.
    WrongCredentials,
    /// The password was right, the account is blocked.
    Blocked,
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
        let PasswordCheck::Right(credentials) = accounts.check(self.email, self.password, client).await? else {
            return Ok(SigningIn::WrongCredentials);
        };
        let new = NewSession {
            user: credentials.user,
            password_version: credentials.password_version,
            transport: self.transport,
            remembered: self.remembered,
            device_name: self.device_name.map(|name| name.as_str().to_owned()),
            client: client.clone(),
        };
        Ok(match sessions.open(new).await? {
            Opening::Opened(grant) => SigningIn::Opened(grant),
            Opening::Blocked => SigningIn::Blocked,
            Opening::Outdated => SigningIn::WrongCredentials,
        })
    }
}
