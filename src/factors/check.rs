//! Checking a code: counted, compared, used up.

use super::{
    Factors, FactorsError,
    model::{FactorCode, FactorKind, RecoveryCode},
    store::{self, Stored},
    totp::TotpSecret,
};
use crate::{
    audit,
    guessing::{Admission, Attempt, GuessTarget},
    kernel::{Client, Duration, UserId},
    mail,
    passwords::PasswordHash,
    postgres::DatabaseError,
    work::{Caller, Work},
};
use serde_json::json;
use std::fmt;

/// The outcome of a code that was compared.
#[must_use]
#[derive(Debug)]
pub enum CodeCheck {
    /// Right, and not used up yet: see [`CorrectCode::use_up`]. The attempt counts as a wrong one until it is forgiven.
    Right(CorrectCode, Attempt),
    /// Wrong, or of a factor that the user does not have.
    Wrong,
    /// Not compared: too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// The outcome of a code that is not one of a factor.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guess {
    /// Right.
    Right,
    /// Wrong.
    Wrong,
    /// Not compared: too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// Whether a code may be compared that is not one of a factor.
#[must_use]
#[derive(Debug)]
pub enum CountedGuess {
    /// It may. The attempt counts as a wrong one until it is forgiven.
    Admitted(Attempt),
    /// Too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// A code that is right, unless it has been used.
#[derive(Clone)]
pub struct CorrectCode {
    /// Whose.
    pub user: UserId,
    /// Counts the user's factors: what it was when the code was compared.
    pub factor_version: i32,
    what: Matched,
}

#[derive(Clone)]
enum Matched {
    Step { sealed: Vec<u8>, step: i64 },
    Code { number: i16, hash: PasswordHash },
}

impl fmt::Debug for CorrectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorrectCode({})", self.kind().name())
    }
}

impl CorrectCode {
    /// Of which kind.
    #[must_use]
    pub fn kind(&self) -> FactorKind {
        match self.what {
            Matched::Step { .. } => FactorKind::Totp,
            Matched::Code { .. } => FactorKind::RecoveryCode,
        }
    }

    /// Uses the code up, in the caller's transaction. False if it was used before, or its factor is gone. The owner receives
    /// an email about each recovery code.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_up(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        match &self.what {
            Matched::Step { sealed, step } => store::use_step(work.connection, self.user, sealed, *step).await,
            Matched::Code { number, hash } => {
                let used = store::use_code(work.connection, self.user, *number, hash).await?;
                if used {
                    work.record(audit::Kind::RecoveryCodeUsed, self.user, json!({ "number": number })).await?;
                    work.enqueue_email(self.user, mail::Notification::RecoveryCodeUsed).await?;
                }
                Ok(used)
            }
        }
    }
}

impl Factors {
    /// A code was right: the attempt does not count. Where a session is opened, its statement does so.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forgive(&self, attempt: Attempt) -> Result<(), DatabaseError> {
        self.accounts().guard().forgive(attempt).await
    }

    /// Has a code compared that is not one of a factor: the attempt is counted before, as one at any factor of the user, and does
    /// not count if the code is right.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn guess(
        &self,
        user: UserId,
        client: &Client,
        compare: impl Future<Output = Result<bool, DatabaseError>>,
    ) -> Result<Guess, FactorsError> {
        let attempt = match self.count_guess(user, client).await? {
            CountedGuess::Admitted(attempt) => attempt,
            CountedGuess::Limited { wait } => return Ok(Guess::Limited { wait }),
        };
        if !compare.await? {
            return Ok(Guess::Wrong);
        }
        self.forgive(attempt).await?;
        Ok(Guess::Right)
    }

    /// Counts an attempt at a code that is not one of a factor, before it is compared, as one at any factor of the user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_guess(&self, user: UserId, client: &Client) -> Result<CountedGuess, FactorsError> {
        let read = self.world().db.run(move |connection| Box::pin(store::stored(connection, user, None)));
        // Of a user who was deleted no code is right.
        let Some(stored) = read.await? else { return Ok(CountedGuess::Admitted(Attempt::default())) };
        Ok(match self.admit_owner(&stored, client).await? {
            Admission::Admitted(attempt, _no_password) => CountedGuess::Admitted(attempt),
            Admission::Refused { wait } => CountedGuess::Limited { wait },
        })
    }

    /// Counts an attempt at a factor of a user whose factors were read.
    pub(super) async fn admit_owner(&self, stored: &Stored, client: &Client) -> Result<Admission, FactorsError> {
        Ok(self.accounts().guard().admit(GuessTarget::Factor(stored.owner), client).await?)
    }

    /// Counts an attempt, then compares the code. Nothing is used up by it.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn check(&self, user: UserId, code: FactorCode<'_>, client: &Client) -> Result<CodeCheck, FactorsError> {
        let typed = match code {
            FactorCode::Totp(_) => None,
            FactorCode::Recovery(typed) => RecoveryCode::read(typed),
        };
        let number = typed.as_ref().map(|code| i16::from(code.number));
        let read = self.world().db.run(move |connection| Box::pin(store::stored(connection, user, number)));
        let Some(stored) = read.await? else { return Ok(CodeCheck::Wrong) };
        let attempt = match self.admit_owner(&stored, client).await? {
            Admission::Admitted(attempt, _no_password) => attempt,
            Admission::Refused { wait } => {
                self.world().metrics.second_factor(code.kind().name(), "too_many_attempts");
                return Ok(CodeCheck::Limited { wait });
            }
        };
        let compared = match (code, typed) {
            (FactorCode::Totp(typed), _) => self.compare_totp(typed, &stored),
            (FactorCode::Recovery(_), Some(typed)) => self.compare_recovery_code(&typed, &stored, client).await,
            (FactorCode::Recovery(_), None) => Ok(None),
        };
        match compared {
            Ok(Some(what)) => {
                Ok(CodeCheck::Right(CorrectCode { user, factor_version: stored.factor_version, what }, attempt))
            }
            Ok(None) => {
                self.note_wrong(user, code.kind(), "wrong_code", client).await?;
                Ok(CodeCheck::Wrong)
            }
            Err(error) => {
                // What was not compared does not count; if this fails too, it stays counted.
                drop(self.accounts().guard().give_back(attempt).await);
                Err(error)
            }
        }
    }

    fn compare_totp(&self, typed: &str, stored: &Stored) -> Result<Option<Matched>, FactorsError> {
        let Some(sealed) = stored.sealed.as_ref().filter(|_| stored.is_confirmed) else { return Ok(None) };
        let secret = self.open(stored.owner.user, sealed)?;
        let step = secret.step_of(typed, stored.now);
        Ok(step.map(|step| Matched::Step { sealed: sealed.clone(), step }))
    }

    async fn compare_recovery_code(
        &self,
        typed: &RecoveryCode,
        stored: &Stored,
        client: &Client,
    ) -> Result<Option<Matched>, FactorsError> {
        // Without a factor there is nothing to recover from.
        let has_factor = stored.is_confirmed || stored.has_passkey;
        let Some(hash) = stored.hash.as_ref().filter(|_| has_factor) else { return Ok(None) };
        let is_right = self.is_code(typed, hash, client).await?;
        Ok(is_right.then(|| Matched::Code { number: i16::from(typed.number), hash: hash.clone() }))
    }

    /// Opens the secret of a user's app.
    ///
    /// # Errors
    /// When it was sealed under another master key, or for another user.
    pub fn open(&self, user: UserId, sealed: &[u8]) -> Result<TotpSecret, FactorsError> {
        let opened = self.sealing().open(user.as_uuid().as_bytes(), sealed)?;
        Ok(TotpSecret::from_sealed(opened.plaintext))
    }

    /// A code was accepted, and its transaction is committed.
    pub fn count_accepted(&self, kind: FactorKind) {
        self.world().metrics.second_factor(kind.name(), "accepted");
    }

    /// Records that a right code had been used before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_used_before(&self, user: UserId, kind: FactorKind, client: &Client) -> Result<(), DatabaseError> {
        self.note_wrong(user, kind, "used_before", client).await
    }

    /// Records a wrong code. What was typed is not recorded.
    pub(super) async fn note_wrong(
        &self,
        user: UserId,
        kind: FactorKind,
        reason: &'static str,
        client: &Client,
    ) -> Result<(), DatabaseError> {
        self.world().metrics.second_factor(kind.name(), "wrong_code");
        let details = json!({ "factor": kind.name(), "reason": reason });
        let recorded = self.world().run(Caller::anonymous(client), move |mut work| {
            Box::pin(async move { work.record_refusal(audit::Kind::SecondFactorFailed, user, details).await })
        });
        recorded.await
    }
}
