use crate::confirmations::Purpose;
use crate::{
    identity::{TextError, UpstreamIdentity},
    kernel::{Digest32, Duration, UserId},
    passwords::PasswordError,
    sessions::SignedIn,
    users::{Credentials, User},
};
use std::fmt;
use zeroize::Zeroizing;

/// What a client presents to confirm something.
pub enum ConfirmationProof {
    /// The token of an email's link.
    Token(Zeroizing<String>),
    /// The code of an email, and the flow of the client that asked for it.
    Code {
        /// Names the request.
        flow: Zeroizing<String>,
        /// As typed.
        code: Zeroizing<String>,
    },
}

/// What the user types beside it. What a purpose does not need is not looked at.
#[derive(Default)]
pub struct Confirming {
    /// The current password.
    pub password: Option<Zeroizing<String>>,
    /// The password from now on.
    pub new_password: Option<Zeroizing<String>>,
    /// The display name.
    pub name: Option<String>,
    /// Whose access token the request bears, if any.
    pub signed_in: Option<SignedIn>,
    /// The digest of the browser's flow cookie.
    pub browser: Option<Digest32>,
}

/// A browser that is signed in by confirming, since it asked.
#[derive(Debug)]
pub struct Leading {
    /// Where it wanted.
    pub return_to: String,
    /// Whether its user wants to be remembered.
    pub remembered: bool,
    /// Who, with which password.
    pub credentials: Credentials,
    /// The identity of another provider with which it came.
    pub identity: Option<UpstreamIdentity>,
}

/// The outcome of confirming.
#[must_use]
#[derive(Debug)]
pub enum Completion {
    /// Done.
    Done {
        /// What was confirmed.
        purpose: Purpose,
        /// Whose account it concerns, as it is now.
        user: Box<User>,
        /// Where the browser is led that asked, signed in. None: nobody is signed in by it.
        leads_to: Option<Leading>,
    },
    /// The token or the flow is not ours.
    Unknown,
    /// It has expired, was used, or what it was requested for has changed since.
    Expired,
    /// The code is wrong.
    WrongCode {
        /// How many wrong ones are accepted still.
        attempts_left: i32,
    },
    /// Too many codes or passwords were wrong.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
    /// The user has to type this, too.
    Missing(&'static str),
    /// The current password is another one.
    WrongPassword,
    /// Another user has the address by now. Nothing is used up.
    AddressTaken,
    /// The display name is refused.
    NameRefused(TextError),
    /// The new password is refused.
    PasswordRefused(PasswordError),
}

impl Confirming {
    /// Who is signed in, if anyone.
    pub(super) fn user(&self) -> Option<UserId> {
        self.signed_in.as_ref().map(|signed_in| signed_in.user)
    }
}

impl Completion {
    /// Done, and nobody is signed in by it.
    pub(super) fn done(purpose: Purpose, user: User) -> Self {
        Self::Done { purpose, user: Box::new(user), leads_to: None }
    }
}

impl fmt::Debug for ConfirmationProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmationProof(…)")
    }
}

impl fmt::Debug for Confirming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Confirming(…)")
    }
}
