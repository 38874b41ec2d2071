//! A user's own second factors. Each change needs a fresh session, and checks in its transaction that it is still fresh.

mod api;
mod passkeys;

pub(super) use api::{described, routes};

use crate::{
    factors::{Confirmable, FactorsError, NewCodes, NewTotp, Removal, remove_totp, renew_codes},
    identity::ProvenBy,
    kernel::{Client, Duration, UserId},
    lifecycle::Lifecycle,
    postgres::DatabaseError,
    sessions::{Fresh, Sessions, add_method},
    users::Accounts,
    work::{Caller, Work},
};
use std::pin::Pin;

/// Why a factor goes, in its event.
const REASON: &str = "removed_by_user";

/// The outcome of a change.
#[must_use]
#[derive(Debug)]
enum Change<T> {
    /// It was carried out.
    Done(T),
    /// The session is no longer fresh, or was revoked meanwhile.
    NotFresh,
    /// An app is set up already.
    Exists,
    /// There is nothing to confirm, to remove or to renew.
    Missing,
    /// It is the only factor, and a role demands one, or there is no password.
    LastFactor,
    /// The code is not one of the app.
    WrongCode,
    /// The code of the email is needed too.
    EmailCodeMissing,
    /// The code of the email is wrong.
    WrongEmailCode,
    /// Not compared: too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

impl<T> Change<T> {
    fn map<U>(self, then: impl FnOnce(T) -> U) -> Change<U> {
        match self {
            Self::Done(done) => Change::Done(then(done)),
            Self::NotFresh => Change::NotFresh,
            Self::Exists => Change::Exists,
            Self::Missing => Change::Missing,
            Self::LastFactor => Change::LastFactor,
            Self::WrongCode => Change::WrongCode,
            Self::EmailCodeMissing => Change::EmailCodeMissing,
            Self::WrongEmailCode => Change::WrongEmailCode,
            Self::Limited { wait } => Change::Limited { wait },
        }
    }
}

impl From<Removal> for Change<()> {
    fn from(removal: Removal) -> Self {
        match removal {
            Removal::Removed => Self::Done(()),
            Removal::Missing => Self::Missing,
            Removal::LastFactor => Self::LastFactor,
        }
    }
}

/// One step of a change, within its transaction.
type Step<'w, T> = Pin<Box<dyn Future<Output = Result<Change<T>, DatabaseError>> + Send + 'w>>;

/// A user who changes their factors.
struct Owner<'a> {
    accounts: &'a Accounts,
    sessions: &'a Sessions,
    lifecycle: &'a Lifecycle,
    fresh: &'a Fresh,
    client: &'a Client,
}

impl Owner<'_> {
    fn user(&self) -> UserId {
        self.fresh.signed_in().user
    }

    /// Draws a secret, in place of one that was not confirmed. Says whether an emailed code is needed too, which is then sent.
    async fn begin_totp(&self) -> Result<Change<(NewTotp, bool)>, FactorsError> {
        let Some(user) = self.accounts.lookup(self.user()).await? else { return Ok(Change::NotFresh) };
        let new = self.sessions.factors().draw_totp(user.id, &user.account_name())?;
        let changed = self.change(move |work| {
            Box::pin(async move { Ok(if new.keep(work).await? { Change::Done(new) } else { Change::Exists }) })
        });
        let changed = changed.await?;
        let asks_email_code = matches!(changed, Change::Done(_)) && self.asks_email_code().await?;
        if asks_email_code && let Some(email) = &user.email {
            self.lifecycle.send_enrolment_code(email, self.client).await?;
        }
        Ok(changed.map(|new| (new, asks_email_code)))
    }

    async fn asks_email_code(&self) -> Result<bool, DatabaseError> {
        Ok(self.sessions.factors().of(self.user()).await?.is_some_and(|factors| factors.asks_email_code))
    }

    /// Adds the app, by a code of it. This session counts as opened with it.
    async fn confirm_totp(&self, code: &str, email_code: Option<&str>) -> Result<Change<NewCodes>, FactorsError> {
        let (factors, session) = (self.sessions.factors(), self.fresh.signed_in().session);
        let asks_email_code = self.asks_email_code().await?;
        let email_code = email_code.unwrap_or_default();
        if asks_email_code && email_code.trim().is_empty() {
            return Ok(Change::EmailCodeMissing);
        }
        let (confirmed, attempt) = match factors.check_new(self.user(), code, self.client).await? {
            Confirmable::Right(confirmed, attempt) => (confirmed, attempt),
            Confirmable::Wrong => return Ok(Change::WrongCode),
            Confirmable::Nothing => return Ok(Change::Missing),
            Confirmable::Limited { wait } => return Ok(Change::Limited { wait }),
        };
        // The attempt stays counted while this code is wrong: the right code of one's own app gives no free guesses.
        if asks_email_code && !self.lifecycle.is_enrolment_code(self.user(), email_code, self.client).await? {
            return Ok(Change::WrongEmailCode);
        }
        // A right code does not count as a guess, also where the change fails.
        factors.forgive(attempt).await?;
        let codes = factors.draw_codes(self.client).await?;
        let changed = self.change(move |work| {
            Box::pin(async move {
                if !confirmed.add(work, &codes).await? {
                    return Ok(Change::Missing);
                }
                add_method(work, session, ProvenBy::Code).await?;
                Ok(Change::Done(codes))
            })
        });
        Ok(changed.await?)
    }

    /// Removes the app. The recovery codes go with it if it is the last factor.
    async fn remove_totp(&self) -> Result<Change<()>, FactorsError> {
        let user = self.user();
        let changed =
            self.change(move |work| Box::pin(async move { Ok(remove_totp(work, user, REASON).await?.into()) }));
        Ok(changed.await?)
    }

    /// Puts ten new recovery codes in place of the old ones.
    async fn renew_recovery_codes(&self) -> Result<Change<NewCodes>, FactorsError> {
        let (user, codes) = (self.user(), self.sessions.factors().draw_codes(self.client).await?);
        let changed = self.change(move |work| {
            Box::pin(async move {
                Ok(if renew_codes(work, user, &codes).await? { Change::Done(codes) } else { Change::Missing })
            })
        });
        Ok(changed.await?)
    }

    async fn change<T, F>(&self, step: F) -> Result<Change<T>, DatabaseError>
    where
        T: Send + 'static,
        F: for<'w, 'c> FnOnce(&'w mut Work<'c>) -> Step<'w, T> + Send + 'static,
    {
        let fresh = self.fresh.clone();
        let changed = self.sessions.world().transaction(Caller::user(self.user(), self.client), move |mut work| {
            Box::pin(async move {
                if !fresh.lock(&mut work).await? {
                    return Ok(Change::NotFresh);
                }
                step(&mut work).await
            })
        });
        changed.await
    }
}
