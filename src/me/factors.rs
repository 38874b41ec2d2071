//! A user's own second factors. Each change needs a fresh session, and checks in its transaction that it is still fresh.

mod api;

pub(super) use api::{FactorsDescribed, routes};

use crate::{
    factors::{Confirmable, FactorsError, NewCodes, NewTotp, remove_all, renew_codes},
    identity::ProvenBy,
    kernel::{Client, Duration, UserId},
    postgres::DatabaseError,
    sessions::{Fresh, Sessions, add_method},
    users::Accounts,
    work::{Caller, Work},
};
use std::pin::Pin;

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
    /// The code is not one of the app.
    WrongCode,
    /// Not compared: too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// One step of a change, within its transaction.
type Step<'w, T> = Pin<Box<dyn Future<Output = Result<Change<T>, DatabaseError>> + Send + 'w>>;

/// A user who changes their factors.
struct Owner<'a> {
    accounts: &'a Accounts,
    sessions: &'a Sessions,
    fresh: &'a Fresh,
    client: &'a Client,
}

impl Owner<'_> {
    fn user(&self) -> UserId {
        self.fresh.signed_in().user
    }

    /// Draws a secret, in place of one that was not confirmed.
    async fn begin_totp(&self) -> Result<Change<NewTotp>, FactorsError> {
        let Some(user) = self.accounts.lookup(self.user()).await? else { return Ok(Change::NotFresh) };
        let new = self.sessions.factors().draw_totp(user.id, user.email.as_str())?;
        let changed = self.change(move |work| {
            Box::pin(async move { Ok(if new.keep(work).await? { Change::Done(new) } else { Change::Exists }) })
        });
        Ok(changed.await?)
    }

    /// Adds the app, by a code of it. This session counts as opened with it.
    async fn confirm_totp(&self, code: &str) -> Result<Change<NewCodes>, FactorsError> {
        let (factors, session) = (self.sessions.factors(), self.fresh.signed_in().session);
        let (confirmed, attempt) = match factors.check_new(self.user(), code, self.client).await? {
            Confirmable::Right(confirmed, attempt) => (confirmed, attempt),
            Confirmable::Wrong => return Ok(Change::WrongCode),
            Confirmable::Nothing => return Ok(Change::Missing),
            Confirmable::Limited { wait } => return Ok(Change::Limited { wait }),
        };
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

    /// Removes the app, and the recovery codes with it.
    async fn remove_totp(&self) -> Result<Change<()>, FactorsError> {
        let user = self.user();
        let changed = self.change(move |work| {
            Box::pin(async move {
                let removed = remove_all(work, user, "removed_by_user").await?;
                Ok(if removed.count() > 0 { Change::Done(()) } else { Change::Missing })
            })
        });
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
