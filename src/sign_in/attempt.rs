use crate::{
    guessing::{Attempt, DeviceOwner, DeviceToken},
    identity::DeviceName,
    kernel::{Client, Duration},
    sessions::{EndReason, Grant, NewSession, Opening, SessionError, Sessions, Transport},
    users::{Accounts, AccountsError, Credentials, PasswordCheck},
};
use std::fmt;
use zeroize::Zeroizing;

/// An attempt to sign in.
pub struct SignIn<'a> {
    /// As typed.
    pub email: &'a str,
    /// As typed.
    pub password: &'a str,
    /// How the refresh token will be sent.
    pub transport: Transport,
    /// Whether the user wants to be remembered.
    pub remembered: bool,
    /// The device's name, given by the user.
    pub device_name: Option<DeviceName>,
    /// The refresh tokens that the request holds: their sessions are replaced (S-51).
    pub presented: Vec<Zeroizing<String>>,
}

/// The user who may enter, and how.
pub(super) struct Entry {
    pub credentials: Credentials,
    /// Forgiven by the statement that opens the session.
    pub attempt: Attempt,
    pub transport: Transport,
    pub remembered: bool,
    pub device_name: Option<DeviceName>,
    pub presented: Vec<Zeroizing<String>>,
}

impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn(…)")
    }
}

/// The outcome of the attempt.
#[must_use]
#[derive(Debug)]
pub enum SigningIn {
    /// Signed in. A device that wants to be remembered and is not known yet gets a token by which it will be.
    Opened(Grant, Option<DeviceToken>),
    /// Unknown address or wrong password.
    WrongCredentials,
    /// Too many were wrong lately: this one was not checked.
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

/// Why the attempt could not be decided.
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
        let (credentials, attempt) = match accounts.check(self.email, self.password, client).await? {
            PasswordCheck::Right(credentials, attempt) => (credentials, attempt),
            PasswordCheck::Wrong => return Ok(SigningIn::WrongCredentials),
            PasswordCheck::Limited { wait } => return Ok(SigningIn::Limited { wait }),
        };
        let Self { transport, remembered, device_name, presented, .. } = self;
        let entry = Entry { credentials, attempt: attempt.clone(), transport, remembered, device_name, presented };
        let opened = entry.open(accounts, sessions, client).await;
        if opened.is_err() {
            // The password was right all the same. If this fails too, it stays counted.
            drop(accounts.guard().forgive(attempt).await);
        }
        opened
    }
}

impl Entry {
    /// Opens a session, in place of those whose tokens the request holds (ASVS 5 §7.2.4).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open(
        self,
        accounts: &Accounts,
        sessions: &Sessions,
        client: &Client,
    ) -> Result<SigningIn, SignInError> {
        let owner = DeviceOwner::from(self.credentials);
        let new = NewSession {
            user: owner.user,
            password_version: owner.password_version,
            transport: self.transport,
            remembered: self.remembered,
            device_name: self.device_name.map(|name| name.as_str().to_owned()),
            client: client.clone(),
            known_device: accounts.guard().knows(owner, client),
            forgiven: self.attempt,
        };
        let grant = match sessions.open(new).await? {
            Opening::Opened(grant) => grant,
            Opening::Blocked => return Ok(SigningIn::Blocked),
            Opening::Outdated => return Ok(SigningIn::WrongCredentials),
        };
        for token in &self.presented {
            let replaced = sessions.revoke_presented(token, Transport::Cookie, EndReason::Replaced, client).await;
            replaced.map_err(SessionError::from)?;
        }
        let device = if grant.remembered { accounts.guard().introduce(owner, client) } else { None };
        Ok(SigningIn::Opened(grant, device))
    }
}
