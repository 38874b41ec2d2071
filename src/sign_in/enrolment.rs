//! Setting up the first second factor, for the challenge that the right password led to: of a user whose role demands a factor, and
//! who has none. The session is opened with the factor, in one transaction.

mod api;
mod pages;
mod passkey;

pub(super) use api::{EnrolmentDescribed, routes as api_routes};
pub(super) use pages::{page_samples, routes as page_routes, show as show_page};
pub(super) use passkey::{PasskeyEnrolmentDescribed, routes as passkey_routes};

use super::{SignInError, SigningIn};
use crate::{
    factors::{
        Challenge, ChallengeKind, Confirmable, CountedGuess, Enrolment, FactorsError, NewCodes, NewFactor, NewTotp,
        OpenChallenge,
        passkeys::{Ceremony, PresentedRegistration, Registrant, RegistrationCheck},
    },
    guessing::Attempt,
    identity::{DeviceName, EmailAddress},
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

/// What a user shows of a new factor. Not `Debug`: it may be right.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// A code of the app.
    Code(&'a str),
    /// What the browser answered.
    Passkey(&'a PresentedRegistration),
}

/// What completes the setting up of a factor. Not `Debug`: it may be right.
pub(super) struct Completion<'a> {
    /// Of the new factor.
    pub shown: Shown<'a>,
    /// The code of the email.
    pub email_code: Option<&'a str>,
}

/// The outcome.
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
        let (id, new) = (user.id, self.sessions.factors().draw_totp(user.id, &user.account_name())?);
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
        Ok(self.sessions.factors().kept_totp(&challenge, &user.account_name())?)
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

    /// Begins the registration of a passkey. None: the challenge cannot be used.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_passkey(&self, challenge: &str) -> Result<Option<Ceremony>, SignInError> {
        let Some((challenge, user)) = self.opened(challenge).await? else { return Ok(None) };
        let (holder, name) = (challenge.id(), user.name.as_deref());
        let account_name = user.account_name();
        let registrant = Registrant { user: user.id, holder, email: &account_name, name };
        Ok(self.sessions.factors().passkeys().begin_registration(registrant).await.map_err(FactorsError::from)?)
    }

    /// Counts an attempt at the challenge, looks at the factor and the code of the email, and opens the session with the factor.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn confirm(
        &self,
        challenge: &str,
        completion: &Completion<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<Enrolled, SignInError> {
        let outcome = self.check_and_open(challenge, completion, presented).await;
        let name = outcome.as_ref().map_or("unavailable", |outcome| match outcome {
            Enrolled::In(..) => "signed_in",
            Enrolled::EmailCodeInvalid { .. } => "code_invalid",
            Enrolled::Refused(refused) => refused.name(),
        });
        self.sessions.world().metrics.signed_in(name);
        outcome
    }

    async fn check_and_open(
        &self,
        challenge: &str,
        completion: &Completion<'_>,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<Enrolled, SignInError> {
        let Some(challenge) = self.sessions.factors().open_enrolment(challenge).await? else {
            return Ok(Enrolled::Refused(SigningIn::ChallengeExpired));
        };
        let (attempts_left, user) = (challenge.attempts_left, challenge.pending.user);
        let (factor, attempt) = match self.check(&challenge, completion.shown).await? {
            Ok(right) => right,
            Err(refused) => return Ok(Enrolled::Refused(refused)),
        };
        // The attempt stays counted while the emailed code is wrong: the right factor of one's own gives no free guesses.
        if challenge.kind.asks_email_code() {
            let email_code = completion.email_code.unwrap_or_default();
            if !self.lifecycle.is_enrolment_code(user, email_code, self.client).await? {
                return Ok(Enrolled::EmailCodeInvalid { attempts_left });
            }
        }
        self.open(challenge, factor, attempt, presented).await
    }

    /// What could not be looked at does not count.
    async fn check(&self, challenge: &OpenChallenge, shown: Shown<'_>) -> Result<Checked, SignInError> {
        let checked = match shown {
            Shown::Code(code) => self.check_code(challenge, code).await,
            Shown::Passkey(presented) => self.check_passkey(challenge, presented).await,
        };
        if checked.is_err() {
            // If this fails too, the attempt stays counted.
            drop(self.sessions.factors().give_back(challenge).await);
        }
        checked
    }

    async fn check_code(&self, challenge: &OpenChallenge, code: &str) -> Result<Checked, SignInError> {
        let (factors, attempts_left) = (self.sessions.factors(), challenge.attempts_left);
        Ok(match factors.check_kept(challenge, code, self.client).await? {
            Confirmable::Right(confirmed, attempt) => Ok((NewFactor::Totp(confirmed), attempt)),
            Confirmable::Wrong | Confirmable::Nothing => Err(SigningIn::CodeInvalid { attempts_left }),
            Confirmable::Limited { wait } => {
                factors.give_back(challenge).await?;
                Err(SigningIn::Limited { wait })
            }
        })
    }

    async fn check_passkey(
        &self,
        challenge: &OpenChallenge,
        presented: &PresentedRegistration,
    ) -> Result<Checked, SignInError> {
        let (factors, user) = (self.sessions.factors(), challenge.pending.user);
        let verified = match factors.passkeys().finish_registration(user, challenge.id(), presented) {
            RegistrationCheck::Right(verified) => verified,
            RegistrationCheck::Refused(_) => return Ok(Err(passkey_invalid(challenge))),
            RegistrationCheck::Expired => {
                factors.give_back(challenge).await?;
                return Ok(Err(SigningIn::ChallengeExpired));
            }
        };
        // Anyone can make a passkey of their own: the code of the email is all that is left to guess.
        let attempt = if challenge.kind.asks_email_code() {
            match factors.count_guess(user, self.client).await? {
                CountedGuess::Admitted(attempt) => attempt,
                CountedGuess::Limited { wait } => {
                    factors.give_back(challenge).await?;
                    return Ok(Err(SigningIn::Limited { wait }));
                }
            }
        } else {
            Attempt::default()
        };
        let name = presented.name.as_ref().map(|name| name.as_str().to_owned());
        Ok(Ok((NewFactor::Passkey(Arc::from(verified), name), attempt)))
    }

    async fn open(
        &self,
        challenge: OpenChallenge,
        factor: NewFactor,
        attempt: Attempt,
        presented: Vec<Zeroizing<String>>,
    ) -> Result<Enrolled, SignInError> {
        let codes = match self.sessions.factors().draw_codes(self.client).await {
            Ok(codes) => Arc::new(codes),
            Err(error) => {
                // What was shown was right. If this fails too, it stays counted.
                drop(self.sessions.factors().forgive(attempt).await);
                drop(self.sessions.factors().give_back(&challenge).await);
                return Err(error.into());
            }
        };
        let pending = challenge.pending.clone();
        let taken = passkey_invalid(&challenge);
        let entry = Entry {
            credentials: Credentials { user: pending.user, password_version: pending.password_version },
            methods: pending.methods.and(factor.proven_by()),
            second_factor: None,
            enrolment: Some(Enrolment { challenge, factor, codes: Arc::clone(&codes) }),
            wants_factor: false,
            upstream: pending.upstream,
            attempt,
            transport: pending.transport,
            remembered: pending.remembered,
            device_name: pending.device_name.map(DeviceName::from_stored),
            presented,
        };
        Ok(match entry.open(self.accounts, self.sessions, self.client).await?.into() {
            SigningIn::Opened(entered) => Enrolled::In(entered, codes),
            SigningIn::CodeInvalid { .. } => Enrolled::Refused(taken),
            refused => Enrolled::Refused(refused),
        })
    }
}

/// A factor that may be added, with the attempt that counts until it is; or why not: never [`SigningIn::Opened`].
type Checked = Result<(NewFactor, Attempt), SigningIn>;

fn passkey_invalid(challenge: &OpenChallenge) -> SigningIn {
    SigningIn::PasskeyInvalid { attempts_left: Some(challenge.attempts_left), is_unknown: false }
}
