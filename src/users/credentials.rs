use super::{Accounts, AccountsError, Credentials, store};
use crate::{
    audit,
    guessing::{Admission, Attempt, GuessTarget},
    identity::EmailAddress,
    kernel::{Client, Duration, Stopwatch, UserId},
    passwords::{self, Password, PasswordHash, QueueKey, Verification},
    postgres::DatabaseError,
    work::Caller,
};
use serde_json::json;

/// The outcome of a presented password.
#[must_use]
#[derive(Debug)]
pub enum PasswordCheck {
    /// Correct. The attempt still counts as a wrong guess: the caller forgives it, by [`crate::guessing::Guard::forgive`] or with the
    /// session that it opens.
    Right(Credentials, Attempt),
    /// Wrong, or the address is unknown: neither the result nor its timing shows which.
    Wrong,
    /// Not verified: too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

impl Accounts {
    /// Checks an address and a password.
    ///
    /// # Errors
    /// When the database fails or the hashing threads have too much to do.
    pub async fn check(&self, email: &str, password: &str, client: &Client) -> Result<PasswordCheck, AccountsError> {
        let canonical = EmailAddress::parse(email).ok();
        let name = canonical.as_ref().map_or(email, EmailAddress::as_str);
        self.guarded(GuessTarget::Account { name, is_address: canonical.is_some() }, None, password, client).await
    }

    /// Checks the password of a known user.
    ///
    /// # Errors
    /// As [`Accounts::check`].
    pub async fn check_own(
        &self,
        user: UserId,
        password: &str,
        client: &Client,
    ) -> Result<PasswordCheck, AccountsError> {
        let (stored, email) = self.own(user).await?;
        self.forgiven(self.guarded(GuessTarget::Own { user, email: &email }, stored, password, client).await?).await
    }

    /// Checks the password of a signed-in user again. Wrong ones count towards the limits of sign-ins, and the other way
    /// round: who holds a session gets no further guesses by it.
    ///
    /// # Errors
    /// As [`Accounts::check`].
    pub async fn check_again(
        &self,
        user: UserId,
        password: &str,
        client: &Client,
    ) -> Result<PasswordCheck, AccountsError> {
        let (stored, email) = self.own(user).await?;
        self.forgiven(self.guarded(GuessTarget::Again { user, email: &email }, stored, password, client).await?).await
    }

    /// The stored password of a known user, and the address by which their guesses are counted.
    async fn own(&self, user: UserId) -> Result<(Option<(Credentials, PasswordHash)>, String), DatabaseError> {
        let db = &self.world().db;
        let stored = db.run(move |connection| Box::pin(store::own_password(connection, user))).await?;
        let email = db.run(move |connection| Box::pin(store::address_of(connection, user))).await?;
        // Nobody guesses at a sign-in without an address: the id stands in for it.
        Ok((stored, email.unwrap_or_else(|| user.to_string())))
    }

    /// A right password is forgiven at once.
    async fn forgiven(&self, check: PasswordCheck) -> Result<PasswordCheck, AccountsError> {
        match check {
            PasswordCheck::Right(credentials, attempt) => {
                self.guard().forgive(attempt).await?;
                Ok(PasswordCheck::Right(credentials, Attempt::default()))
            }
            other @ (PasswordCheck::Wrong | PasswordCheck::Limited { .. }) => Ok(other),
        }
    }

    /// The one way to a verification: counted before.
    async fn guarded(
        &self,
        target: GuessTarget<'_>,
        known: Option<(Credentials, PasswordHash)>,
        password: &str,
        client: &Client,
    ) -> Result<PasswordCheck, AccountsError> {
        // Longer than any valid password, so it is wrong for every account. It costs no hash, so it is not counted:
        // otherwise it would use up the user's guesses for free.
        let Ok(password) = Password::presented(password) else { return Ok(PasswordCheck::Wrong) };
        let (attempt, found) = match self.guard().admit(target, client).await? {
            Admission::Admitted(attempt, found) => (attempt, found),
            Admission::Refused { wait } => return Ok(PasswordCheck::Limited { wait }),
        };
        let stored =
            known.or(found.map(|found| (Credentials::from(found.owner), PasswordHash::from_stored(found.into_hash()))));
        let user = stored.as_ref().map(|(credentials, _)| credentials.user);
        match self.verify(stored, password, QueueKey::from(client)).await {
            Ok(Some(credentials)) => Ok(PasswordCheck::Right(credentials, attempt)),
            Ok(None) => {
                self.record_failure(target, user, client).await?;
                Ok(PasswordCheck::Wrong)
            }
            Err(error) => {
                // A failed verification is not a guess; if this fails too, it stays counted.
                drop(self.guard().give_back(attempt).await);
                Err(error)
            }
        }
    }

    async fn verify(
        &self,
        stored: Option<(Credentials, PasswordHash)>,
        password: Password,
        queue: QueueKey,
    ) -> Result<Option<Credentials>, AccountsError> {
        let cost = self.cost();
        let Some((credentials, hash)) = stored else {
            let spent = self.hashing().run(queue, move || timed(|| passwords::burn(&password, cost)).spent).await?;
            self.hold_back(spent).await?;
            return Ok(None);
        };
        let verify = move || {
            let Timed { value, spent } = timed(|| passwords::verify(&password, &hash, cost));
            (value, spent, hash)
        };
        let (verification, spent, hash) = self.hashing().run(queue, verify).await?;
        let concluded = self.conclude(credentials, verification, hash).await?;
        if concluded.is_none() {
            self.hold_back(spent).await?;
        }
        Ok(concluded)
    }

    async fn conclude(
        &self,
        credentials: Credentials,
        verification: Verification,
        hash: PasswordHash,
    ) -> Result<Option<Credentials>, AccountsError> {
        match verification {
            Verification::Right { replacement: None } => Ok(Some(credentials)),
            Verification::Right { replacement: Some(better) } => {
                let user = credentials.user;
                let replaced = self
                    .world()
                    .db
                    .run(move |connection| Box::pin(store::replace_hash(connection, user, hash, better)));
                replaced.await?;
                Ok(Some(credentials))
            }
            Verification::Wrong => Ok(None),
            Verification::Unreadable => {
                tracing::error!(user.id = %credentials.user, "accounts.password_hash_unreadable");
                Ok(None)
            }
        }
    }

    /// As many as the guard allows, so that anonymous clients cannot fill the log. What was typed is not recorded.
    async fn record_failure(
        &self,
        target: GuessTarget<'_>,
        user: Option<UserId>,
        client: &Client,
    ) -> Result<(), DatabaseError> {
        let (kind, caller, user) = match target {
            GuessTarget::Account { .. } => (audit::Kind::SignInFailed, Caller::anonymous(client), user),
            GuessTarget::Own { user, .. } | GuessTarget::Again { user, .. } => {
                (audit::Kind::ReauthenticationFailed, Caller::user(user, client), Some(user))
            }
            GuessTarget::Factor(owner) => {
                (audit::Kind::SecondFactorFailed, Caller::anonymous(client), Some(owner.user))
            }
        };
        let details = json!({ "reason": if user.is_some() { "wrong_password" } else { "unknown_address" } });
        let recorded = self
            .world()
            .run(caller, move |mut work| Box::pin(async move { work.record_refusal(kind, user, details).await }));
        recorded.await
    }
}

/// What came of some work, and how long it took.
struct Timed<T> {
    value: T,
    spent: Duration,
}

fn timed<T>(work: impl FnOnce() -> T) -> Timed<T> {
    let watch = Stopwatch::start();
    let value = work();
    Timed { value, spent: watch.elapsed() }
}
