use crate::{
    factors::{Challenge, FactorsError},
    identity::{AuthenticationMethods, DeviceName, ProvenBy},
    kernel::{Client, Duration, Transport},
    postgres::DatabaseError,
    sessions::{Entered, Entering, Entry, SessionError, Sessions},
    users::{Accounts, AccountsError, PasswordCheck},
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
    /// Whether no session is wanted without a second factor, also where no role demands one.
    pub wants_factor: bool,
    /// The refresh tokens that the request holds: their sessions are replaced (S-51).
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
    /// Signed in.
    Opened(Box<Entered>),
    /// Unknown address or wrong password.
    WrongCredentials,
    /// Too many were wrong lately: this one was not checked.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
    /// The password was right, the account is blocked.
    Blocked,
    /// The password was right, the user must verify the address first.
    Unverified,
    /// The password was right, and a second factor is needed.
    SecondFactorRequired(Challenge),
    /// The password was right, and a second factor must be set up.
    EnrolmentRequired(Challenge),
    /// The code of the second step is wrong, or was used.
    CodeInvalid {
        /// How many more may be tried.
        attempts_left: u32,
    },
    /// What the authenticator answered does not verify.
    PasskeyInvalid {
        /// How many more may be tried at the challenge, if there is one.
        attempts_left: Option<u32>,
        /// Whether there is no such passkey here: the browser need not offer it again.
        is_unknown: bool,
    },
    /// The second step took too long, was tried too often, or what the first step proved has changed.
    ChallengeExpired,
    /// The identity that was to be connected has another account, or the account another identity of the provider.
    IdentityTaken,
}

impl SigningIn {
    /// For the metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Opened(_) => "signed_in",
            Self::WrongCredentials => "invalid_credentials",
            Self::Limited { .. } => "too_many_attempts",
            Self::Blocked => "account_blocked",
            Self::Unverified => "email_not_verified",
            Self::SecondFactorRequired(_) => "second_factor_required",
            Self::EnrolmentRequired(_) => "second_factor_enrolment_required",
            Self::CodeInvalid { .. } => "code_invalid",
            Self::PasskeyInvalid { .. } => "passkey_invalid",
            Self::ChallengeExpired => "challenge_expired",
            Self::IdentityTaken => "identity_taken",
        }
    }
}

impl From<Entering> for SigningIn {
    fn from(entering: Entering) -> Self {
        match entering {
            Entering::Opened(entered) => Self::Opened(entered),
            Entering::Blocked => Self::Blocked,
            Entering::Unverified => Self::Unverified,
            Entering::SecondFactorRequired(challenge) => Self::SecondFactorRequired(challenge),
            Entering::EnrolmentRequired(challenge) => Self::EnrolmentRequired(challenge),
            Entering::ProofUsed => Self::CodeInvalid { attempts_left: 0 },
            Entering::ChallengeExpired => Self::ChallengeExpired,
            Entering::IdentityTaken => Self::IdentityTaken,
            Entering::Outdated => Self::WrongCredentials,
        }
    }
}

/// Why the attempt could not be decided.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The password could not be checked.
    #[error("the password could not be checked")]
    Accounts(#[from] AccountsError),
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] DatabaseError),
    /// The code could not be checked.
    #[error("the code could not be checked")]
    Factors(#[from] FactorsError),
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
        let Self { transport, remembered, device_name, wants_factor, presented, .. } = self;
        let methods = AuthenticationMethods::of(ProvenBy::Password);
        let entry = Entry {
            credentials,
            methods,
            second_factor: None,
            enrolment: None,
            wants_factor,
            upstream: None,
            attempt: attempt.clone(),
            transport,
            remembered,
            device_name,
            presented,
        };
        let opened = entry.open(accounts, sessions, client).await;
        if opened.is_err() {
            // The password was right all the same. If this fails too, it stays counted.
            drop(accounts.guard().forgive(attempt).await);
        }
        Ok(opened?.into())
    }
}
