//! Setting up the first second factor, for the challenge that the right password led to: of a user whose role demands a factor, and
//! who has none. The session is opened with the factor, in one transaction.

mod api;
mod pages;

pub(super) use api::{EnrolmentDescribed, routes as api_routes};
pub(super) use pages::{page_samples, routes as page_routes, show as show_page};

use super::{SignInError, SigningIn};
use crate::{
    factors::{Challenge, ChallengeKind, Confirmable, ConfirmedTotp, Enrolment, NewCodes, NewTotp, OpenChallenge},
    guessing::Attempt,
    identity::{DeviceName, EmailAddress, ProvenBy},
    kernel::Client,
    lifecycle::Lifecycle,
    postgres::DatabaseError,
    sessions::{Entered, Entry, Sessions},
    users::{self, Accounts, Credentials, User},
    work::Caller,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The rooms that the setting up of a factor passes.
pub(super) struct Enrolling<'a> {
    pub accounts: &'a Accounts,
    pub sessions: &'a Sessions,
    pub lifecycle: &'a Lifecycle,
    pub client: &'a Client,
}

/// The codes that a user types. Not `Debug`: they may be right.
pub(super) struct TypedCodes<'a> {
    /// Of the new app.
    pub code: &'a str,
    /// Of the email.
    pub email_code: Option<&'a str>,
}

/// The outcome of the codes.
#[must_use]
#[derive(Debug)]
pub(super) enum Enrolled {
    /// Signed in, with recovery codes that are shown once.
    In(Box<Entered>, Arc<NewCodes>),
    /// The code of the email is wrong.
    EmailCodeInvalid {
        /// How many more may be tried.
        attempts_left: u32,
    },
    /// Not signed in; never [`SigningIn::Opened`].
    Refused(SigningIn),
}

/// Sends the code of the email, where the challenge asks for one. `email`: as typed at the sign-in.
///
/// # Errors
/// When the database fails.
pub(super) async fn send_code(
    lifecycle: &Lifecycle,
    challenge: &Challenge,
    email: &str,
    client: &Client,
) -> Result<(), DatabaseError> {
    match EmailAddress::parse(email) {
        Ok(email) if challenge.email_code_required => lifecycle.send_enrolment_code(&email, client).await,
        Ok(_) | Err(_) => Ok(()),
    }
}

impl Enrolling<'_> {
    /// Draws the secret of a new app, in place of one that the same challenge has kept. None: the challenge cannot be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin(&self, challenge: &str) -> Result<Option<(NewTotp, ChallengeKind)>, SignInError> {
        let Some((challenge, user)) = self.opened(challenge).await? else { return Ok(None) };
        let (id, new) = (user.id, self.sessions.factors().draw_totp(user.id, user.email.as_str())?);
        // Nobody is signed in yet.
        let kept = self.sessions.world().transaction(Caller::anonymous(self.client), move |mut work| {
            Box::pin(async move {
                let is_kept = users::lock(work.connection, id).await? && new.keep_with(&mut work, &challenge).await?;
                Ok(is_kept.then_some((new, challenge.kind)))
            })
        });
        Ok(kept.await?)
    }

    /// The app that is being set up, to be shown again. None: there is none, or the challenge cannot be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn shown_again(&self, challenge: &str) -> Result<Option<NewTotp>, SignInError> {
        let Some((challenge, user)) = self.opened(challenge).await? else { return Ok(None) };
        Ok(self.sessions.factors().kept_totp(&challenge, user.email.as_str())?)
    }

    async fn opened(&self, challenge: &str) -> Result<Option<(OpenChallenge, User)>, SignInError> {
        let Some(challenge) = self.look(challenge).await? else { return Ok(None) };
        let user = self.accounts.lookup(challenge.pending.user).await?;
        Ok(user.map(|user| (challenge, user)))
    }

    /// A challenge whose codes are about to be compared. No attempt is counted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn look(&self, challenge: &str) -> Result<Option<OpenChallenge>, SignInError> {
        Ok(self.sessions.factors().look_at_enrolment(challenge).await?)
    }

    /// Counts an attempt at the challenge, compares the codes, and opens the session with the factor.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn confirm(
        &self,
        challenge: &str,
        typed: &TypedCodes<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<Enrolled, SignInError> {
        let outcome = self.compare_and_open(challenge, typed, presented).await;
        let name = outcome.as_ref().map_or("unavailable", |outcome| match outcome {
            Enrolled::In(..) => "signed_in",
            Enrolled::EmailCodeInvalid { .. } => "code_invalid",
            Enrolled::Refused(refused) => refused.name(),
        });
        self.sessions.world().metrics.signed_in(name);
        outcome
    }

    async fn compare_and_open(
        &self,
        challenge: &str,
        typed: &TypedCodes<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<Enrolled, SignInError> {
        let factors = self.sessions.factors();
        let Some(challenge) = factors.open_enrolment(challenge).await? else {
            return Ok(Enrolled::Refused(SigningIn::ChallengeExpired));
        };
        let (attempts_left, user) = (challenge.attempts_left, challenge.pending.user);
        let (confirmed, attempt) = match factors.check_kept(&challenge, typed.code, self.client).await? {
            Confirmable::Right(confirmed, attempt) => (confirmed, attempt),
            Confirmable::Wrong | Confirmable::Nothing => {
                return Ok(Enrolled::Refused(SigningIn::CodeInvalid { attempts_left }));
            }
            Confirmable::Limited { wait } => {
                factors.give_back(&challenge).await?;
                return Ok(Enrolled::Refused(SigningIn::Limited { wait }));
            }
        };
        // The attempt stays counted while the emailed code is wrong: the right code of one's own app gives no free guesses.
        if challenge.kind.asks_email_code() {
            let email_code = typed.email_code.unwrap_or_default();
            if !self.lifecycle.is_enrolment_code(user, email_code, self.client).await? {
                return Ok(Enrolled::EmailCodeInvalid { attempts_left });
            }
        }
        self.open(challenge, (confirmed, attempt), presented).await
    }

    async fn open(
        &self,
        challenge: OpenChallenge,
        (confirmed, attempt): (ConfirmedTotp, Attempt),
        presented: Vec<Zeroizing<String>>,
    ) -> Result<Enrolled, SignInError> {
        let codes = Arc::new(self.sessions.factors().draw_codes(self.client).await?);
        let pending = challenge.pending.clone();
        let entry = Entry {
            credentials: Credentials { user: pending.user, password_version: pending.password_version },
            methods: pending.methods.and(ProvenBy::Code),
            second_factor: None,
            enrolment: Some(Enrolment { challenge, confirmed, codes: Arc::clone(&codes) }),
            attempt,
            transport: pending.transport,
            remembered: pending.remembered,
            device_name: pending.device_name.map(DeviceName::from_stored),
            presented,
        };
        Ok(match entry.open(self.accounts, self.sessions, self.client).await?.into() {
            SigningIn::Opened(entered) => Enrolled::In(entered, codes),
            refused => Enrolled::Refused(refused),
        })
    }
}
