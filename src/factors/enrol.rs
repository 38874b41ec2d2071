//! Setting up an authenticator app or a passkey, and renewing recovery codes.

use super::{
    Factors, FactorsError, NewCodes,
    model::FactorKind,
    passkeys::{Added, VerifiedRegistration},
    store::{self, Stored},
    totp::{TotpSecret, qr_svg},
};
use crate::{
    audit,
    guessing::{Admission, Attempt, GuessTarget},
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
    /// Whether it still waits to be confirmed, in the caller's transaction, which holds the lock on the user.
    pub(super) async fn still_waits(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        store::waits(work.connection, self.user, &self.sealed).await
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

    /// The secret of a user that waits for its code, to be shown again. None: there is none.
    ///
    /// # Errors
    /// When the database fails, or the secret was sealed under another master key.
    pub async fn waiting_totp(&self, user: UserId, email: &str) -> Result<Option<NewTotp>, FactorsError> {
        let Some((_stored, sealed)) = self.waiting(user).await? else { return Ok(None) };
        let secret = self.open(user, &sealed)?;
        self.shown(user, email, &secret, sealed).map(Some)
    }

    fn shown(&self, user: UserId, email: &str, secret: &TotpSecret, sealed: Vec<u8>) -> Result<NewTotp, FactorsError> {
        let uri = secret.uri(&self.world().config.brand.name, email);
        let qr_svg = qr_svg(&uri).ok_or(FactorsError::Internal("the address is too long for a QR code"))?;
        Ok(NewTotp { secret: secret.reveal_base32(), uri, qr_svg, user, sealed })
    }

    /// What is stored of a user whose secret waits for its code, and that secret, sealed.
    async fn waiting(&self, user: UserId) -> Result<Option<(Stored, Vec<u8>)>, DatabaseError> {
        let read = self.world().db.run(move |connection| Box::pin(store::stored(connection, user, None)));
        let Some(mut stored) = read.await?.filter(|stored| !stored.is_confirmed) else { return Ok(None) };
        Ok(stored.sealed.take().map(|sealed| (stored, sealed)))
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
        let Some((stored, sealed)) = self.waiting(user).await? else { return Ok(Confirmable::Nothing) };
        let attempt = match self.accounts().guard().admit(GuessTarget::Factor(stored.owner), client).await? {
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
