//! Setting up an authenticator app or a passkey, and renewing recovery codes.

use super::{
    Factors, FactorsError, NewCodes, OpenChallenge,
    model::FactorKind,
    passkeys::{Added, VerifiedRegistration},
    store::{self, Stored},
    totp::{TotpSecret, qr_svg},
};
use crate::{
    audit,
    guessing::{Admission, Attempt},
    kernel::{Client, Duration, UserId},
    mail,
    postgres::DatabaseError,
    work::Work,
};
use serde_json::json;
use std::fmt;
use zeroize::Zeroizing;

/// A secret that is shown once. It counts when its user has typed a code of it.
pub struct NewTotp {
    /// For apps without a camera.
    pub secret: Zeroizing<String>,
    /// What the QR code says.
    pub uri: Zeroizing<String>,
    /// The QR code.
    pub qr_svg: Zeroizing<String>,
    user: UserId,
    sealed: Vec<u8>,
}

impl fmt::Debug for NewTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewTotp(…)")
    }
}

impl NewTotp {
    /// Stores the secret in place of one that was not confirmed either, in the caller's transaction, which holds the lock on
    /// the user. False if an app is set up already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        store::put_secret(work.connection, self.user, &self.sealed).await
    }
}

impl NewTotp {
    /// Keeps the secret with a challenge, in place of the one before, in the caller's transaction. False if the challenge was used
    /// meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep_with(&self, work: &mut Work<'_>, challenge: &OpenChallenge) -> Result<bool, DatabaseError> {
        challenge.keep(work, &self.sealed).await
    }
}

/// The outcome of the code that is to confirm a new secret.
#[must_use]
#[derive(Debug)]
pub enum Confirmable {
    /// It is one of the secret: see [`ConfirmedTotp::add`].
    Right(ConfirmedTotp, Attempt),
    /// It is not a code of the secret.
    Wrong,
    /// There is no secret to confirm: none was created, or it is confirmed.
    Nothing,
    /// Not compared: too many were wrong lately.
    Limited {
        /// How long until the next may be tried.
        wait: Duration,
    },
}

/// A secret whose user has shown that their app knows it.
#[derive(Clone)]
pub struct ConfirmedTotp {
    user: UserId,
    sealed: Vec<u8>,
    step: i64,
}

impl fmt::Debug for ConfirmedTotp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConfirmedTotp(…)")
    }
}

impl ConfirmedTotp {
    /// The same for a secret that a challenge has kept: it becomes the user's. False if an app is set up already.
    pub(super) async fn add_new(self, work: &mut Work<'_>, codes: &NewCodes) -> Result<bool, DatabaseError> {
        Ok(store::put_secret(work.connection, self.user, &self.sealed).await? && self.add(work, codes).await?)
    }

    /// Adds the factor and its recovery codes, in the caller's transaction, which holds the lock on the user. False if
    /// another request was first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(self, work: &mut Work<'_>, codes: &NewCodes) -> Result<bool, DatabaseError> {
        let Self { user, sealed, step } = self;
        if !store::confirm_secret(work.connection, user, &sealed, step).await? {
            return Ok(false);
        }
        store::replace_codes(work.connection, user, codes.hashes.clone()).await?;
        store::count_change(work.connection, user).await?;
        store::forget_reset(work.connection, user).await?;
        work.record(audit::Kind::FactorAdded, user, json!({ "factor": FactorKind::Totp.name() })).await?;
        work.enqueue_email(user, mail::Notification::FactorAdded).await?;
        Ok(true)
    }
}

/// Puts new recovery codes in place of all others, in the caller's transaction, which holds the lock on the user. False if
/// the user has no factor.
///
/// # Errors
/// When the database fails.
pub async fn renew_codes(work: &mut Work<'_>, user: UserId, codes: &NewCodes) -> Result<bool, DatabaseError> {
    let factors = store::of(work.connection, user).await?;
    if !factors.is_some_and(|factors| factors.is_required()) {
        return Ok(false);
    }
    store::replace_codes(work.connection, user, codes.hashes.clone()).await?;
    work.record(audit::Kind::RecoveryCodesRenewed, user, json!({})).await?;
    work.enqueue_email(user, mail::Notification::RecoveryCodesRenewed).await?;
    Ok(true)
}

/// Stores a passkey that was verified, and the recovery codes that come with a first factor, in the caller's transaction, which
/// holds the lock on the user.
///
/// # Errors
/// When the database fails.
pub async fn add_passkey(
    work: &mut Work<'_>,
    verified: &VerifiedRegistration,
    name: Option<&str>,
    codes: Option<&NewCodes>,
) -> Result<Added, DatabaseError> {
    let added = verified.add(work, name).await?;
    if let Added::Now(passkey) = added {
        let user = verified.user();
        if let Some(codes) = codes {
            store::replace_codes(work.connection, user, codes.hashes.clone()).await?;
        }
        store::forget_reset(work.connection, user).await?;
        let details = json!({ "factor": FactorKind::Passkey.name(), "passkey": passkey });
        work.record(audit::Kind::FactorAdded, user, details).await?;
        work.enqueue_email(user, mail::Notification::PasskeyAdded).await?;
    }
    Ok(added)
}

impl Factors {
    /// Draws a secret for a user, which is not stored yet.
    ///
    /// # Errors
    /// When the library fails.
    pub fn draw_totp(&self, user: UserId, email: &str) -> Result<NewTotp, FactorsError> {
        let secret = TotpSecret::draw(&self.world().rng);
        let sealed = self.seal(user, &secret)?;
        self.shown(user, email, &secret, sealed)
    }

    /// The secret that a challenge keeps, to be shown again to who has the challenge. None: it keeps none.
    ///
    /// # Errors
    /// When the secret was sealed under another master key.
    pub fn kept_totp(&self, challenge: &OpenChallenge, email: &str) -> Result<Option<NewTotp>, FactorsError> {
        let Some(sealed) = challenge.sealed.clone() else { return Ok(None) };
        let user = challenge.pending.user;
        let secret = self.open(user, &sealed)?;
        self.shown(user, email, &secret, sealed).map(Some)
    }

    fn shown(&self, user: UserId, email: &str, secret: &TotpSecret, sealed: Vec<u8>) -> Result<NewTotp, FactorsError> {
        let uri = secret.uri(&self.world().config.brand.name, email);
        let qr_svg = qr_svg(&uri).ok_or(FactorsError::Internal("the address is too long for a QR code"))?;
        Ok(NewTotp { secret: secret.reveal_base32(), uri, qr_svg, user, sealed })
    }

    /// Seals the secret of a user's app, for the database.
    ///
    /// # Errors
    /// When the library fails.
    pub fn seal(&self, user: UserId, secret: &TotpSecret) -> Result<Vec<u8>, FactorsError> {
        Ok(self.sealing().seal(user.as_uuid().as_bytes(), secret.reveal(), &self.world().rng)?)
    }

    /// Compares a code with the secret that waits for one. Counted as any other code.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn check_new(&self, user: UserId, code: &str, client: &Client) -> Result<Confirmable, FactorsError> {
        let Some(mut stored) = self.without_app(user).await? else { return Ok(Confirmable::Nothing) };
        let Some(sealed) = stored.sealed.take() else { return Ok(Confirmable::Nothing) };
        self.compare(&stored, sealed, code, client).await
    }

    /// Compares a code with the secret that a challenge keeps. Counted as any other code.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn check_kept(
        &self,
        challenge: &OpenChallenge,
        code: &str,
        client: &Client,
    ) -> Result<Confirmable, FactorsError> {
        let Some(sealed) = challenge.sealed.clone() else { return Ok(Confirmable::Nothing) };
        let Some(stored) = self.without_app(challenge.pending.user).await? else { return Ok(Confirmable::Nothing) };
        self.compare(&stored, sealed, code, client).await
    }

    /// What is stored of a user who has set up no app yet.
    async fn without_app(&self, user: UserId) -> Result<Option<Stored>, DatabaseError> {
        let read = self.world().db.run(move |connection| Box::pin(store::stored(connection, user, None)));
        Ok(read.await?.filter(|stored| !stored.is_confirmed))
    }

    async fn compare(
        &self,
        stored: &Stored,
        sealed: Vec<u8>,
        code: &str,
        client: &Client,
    ) -> Result<Confirmable, FactorsError> {
        let user = stored.owner.user;
        let attempt = match self.admit_owner(stored, client).await? {
            Admission::Admitted(attempt, _no_password) => attempt,
            Admission::Refused { wait } => return Ok(Confirmable::Limited { wait }),
        };
        let step = self.open(user, &sealed)?.step_of(code, stored.now);
        Ok(match step {
            Some(step) => Confirmable::Right(ConfirmedTotp { user, sealed, step }, attempt),
            None => Confirmable::Wrong,
        })
    }
}
