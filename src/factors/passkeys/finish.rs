//! The end of a ceremony: the ticket is read, the answer verified, and both are used up in the caller's transaction.

use super::{
    Accepted, Expected, KnownPasskey, NewPasskey, PasskeyError, Passkeys, PresentedPasskey, PresentedRegistration,
    PublicKey, Refusal, UserVerification,
    begin::{AssertionTicket, RegistrationTicket},
    credential,
    room::{ASSERTION, REGISTRATION},
    store, verify_assertion, verify_registration,
};
use crate::{
    kernel::{Digest32, Moment, SealedTicket, UserId, new_uuid},
    postgres::{DatabaseError, is_redeemed, redeem},
    work::Work,
};
use std::fmt;
use uuid::Uuid;

/// The outcome of a browser's answer to a registration.
#[must_use]
#[derive(Debug)]
pub enum RegistrationCheck {
    /// It verifies: see [`VerifiedRegistration::add`].
    Right(Box<VerifiedRegistration>),
    /// It does not. The log shows why.
    Refused(Refusal),
    /// The ticket is not one of this user, or has expired.
    Expired,
}

/// A registration that verifies, and is not stored yet.
pub struct VerifiedRegistration {
    ticket: SealedTicket<RegistrationTicket>,
    new: NewPasskey,
}

/// The outcome of storing a passkey.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The user has a new factor.
    Now(Uuid),
    /// The same request again: its answer was lost.
    Before(Uuid),
    /// The ticket was redeemed for another passkey, or the user's factors have changed since.
    Expired,
    /// A passkey has this credential id already (§7.1 step 26): another user's, or one of this user's other ceremonies.
    Taken,
}

/// The outcome of a browser's answer to an assertion.
#[must_use]
#[derive(Debug)]
pub enum AssertionCheck {
    /// It verifies: see [`ProvenPasskey::use_up`].
    Right(ProvenPasskey),
    /// It does not. The log shows why.
    Refused(RefusedAssertion),
    /// The ticket is not one of this user, or has expired.
    Expired,
}

/// An assertion that does not verify.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedAssertion {
    /// The check that failed.
    pub refusal: Refusal,
    /// Whose passkey it is and which one, if it is known here.
    pub passkey: Option<(UserId, Uuid)>,
}

/// A passkey whose authenticator has signed the challenge. It counts once it is used up.
#[derive(Clone)]
pub struct ProvenPasskey {
    /// Which one.
    pub id: Uuid,
    /// Whose.
    pub user: UserId,
    /// Whether the authenticator has verified the user: then it counts as two factors.
    pub user_verified: bool,
    /// Counts the user's passwords: what it was when the signature was verified.
    pub password_version: i32,
    /// Counts the user's factors, likewise.
    pub factor_version: i32,
    compared: i64,
    accepted: Accepted,
    digest: Digest32,
    expires_at: Moment,
}

impl fmt::Debug for VerifiedRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedRegistration(…)")
    }
}

impl fmt::Debug for ProvenPasskey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProvenPasskey({})", self.id)
    }
}

impl Passkeys {
    /// Verifies the browser's answer to [`Passkeys::begin_registration`] of the same user and holder.
    pub fn finish_registration(
        &self,
        user: UserId,
        holder: Uuid,
        presented: &PresentedRegistration,
    ) -> RegistrationCheck {
        let now = self.world().clock.now();
        let read = self.tickets().read::<RegistrationTicket>(REGISTRATION, &presented.ticket, now);
        let Some(ticket) = read.filter(|ticket| ticket.content.is_for(user, holder)) else {
            return RegistrationCheck::Expired;
        };
        let expected = self.expected(&ticket.content.challenge, UserVerification::Required);
        match verify_registration(&presented.credential, &expected) {
            Ok(new) => RegistrationCheck::Right(Box::new(VerifiedRegistration { ticket, new })),
            Err(refusal) => {
                tracing::info!(reason = refusal.name(), "passkey.registration_refused");
                RegistrationCheck::Refused(refusal)
            }
        }
    }

    /// Verifies the browser's answer to [`Passkeys::begin_assertion`]; of a known user also to
    /// [`Passkeys::begin_assertion_of`] them. Writes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn verify_assertion(
        &self,
        user: Option<UserId>,
        presented: &PresentedPasskey,
    ) -> Result<AssertionCheck, PasskeyError> {
        let now = self.world().clock.now();
        let read = self.tickets().read::<AssertionTicket>(ASSERTION, &presented.ticket, now);
        // A ticket of nobody asks for more than one of a user.
        let is_good = |asked: Option<UserId>| asked.is_none() || asked == user;
        let Some(ticket) = read.filter(|ticket| is_good(ticket.content.user)) else {
            return Ok(AssertionCheck::Expired);
        };
        let credential = &presented.credential;
        let stored = match credential::identity(&credential.id, &credential.raw_id, &credential.kind) {
            Ok(id) => self.find(id).await?,
            Err(refusal) => return Ok(refused(refusal, None)),
        };
        // §7.2 step 6: a user who was identified must own it.
        let Some(stored) = stored.filter(|stored| user.is_none_or(|user| user == stored.user)) else {
            return Ok(refused(Refusal::OtherCredential, None));
        };
        let key = PublicKey::read(&stored.public_key).map_err(PasskeyError::StoredKey)?;
        let known = KnownPasskey {
            credential_id: &stored.credential_id,
            key: &key,
            sign_count: u32::try_from(stored.sign_count).unwrap_or(u32::MAX),
            backup_eligible: stored.backup_eligible,
            user_handle: &stored.user_handle,
            user_is_known: ticket.content.user.is_some(),
        };
        let expected = self.expected(&ticket.content.challenge, ticket.content.user_verification);
        Ok(match verify_assertion(credential, &known, &expected) {
            Ok(accepted) => AssertionCheck::Right(ProvenPasskey::new(&stored, accepted, &ticket)),
            // The same request again: it has moved the counter itself.
            Err(Refusal::Counter) if self.is_redeemed(ticket.digest).await? => AssertionCheck::Expired,
            Err(refusal) => refused(refusal, Some((stored.user, stored.id))),
        })
    }

    async fn is_redeemed(&self, digest: Digest32) -> Result<bool, DatabaseError> {
        let db = &self.world().db;
        db.run(move |connection| Box::pin(async move { is_redeemed(connection, &digest).await })).await
    }

    async fn find(&self, credential_id: Vec<u8>) -> Result<Option<store::Stored>, DatabaseError> {
        let db = &self.world().db;
        db.run(move |connection| Box::pin(async move { store::find(connection, &credential_id).await })).await
    }

    fn expected<'a>(&'a self, challenge: &'a [u8], user_verification: UserVerification) -> Expected<'a> {
        let options = self.options();
        Expected { challenge, origins: &options.origins, rp_id: &options.rp_id, user_verification }
    }
}

fn refused(refusal: Refusal, passkey: Option<(UserId, Uuid)>) -> AssertionCheck {
    tracing::info!(reason = refusal.name(), "passkey.assertion_refused");
    AssertionCheck::Refused(RefusedAssertion { refusal, passkey })
}

impl VerifiedRegistration {
    /// Whose passkey it is going to be.
    #[must_use]
    pub fn user(&self) -> UserId {
        self.ticket.content.user
    }

    /// Whether a passkey has this credential id already (§7.1 step 26).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_taken(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        Ok(store::owner_of(work.connection, &self.new.credential_id).await?.is_some())
    }

    /// Stores the passkey and redeems the ticket, in the caller's transaction, which also records the event.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(&self, work: &mut Work<'_>, name: Option<&str>) -> Result<Added, DatabaseError> {
        let Self { ticket, new } = self;
        let (user, version) = (ticket.content.user, ticket.content.factor_version);
        if !redeem(work.connection, &ticket.digest, ticket.expires_at).await? {
            let owner = store::owner_of(work.connection, &new.credential_id).await?;
            return Ok(owner.filter(|(owner, _)| *owner == user).map_or(Added::Expired, |(_, id)| Added::Before(id)));
        }
        let id = new_uuid(work.now, &work.world.rng);
        let row = store::NewRow { id, user, factor_version: version, rp_id: &work.world.config.passkeys.rp_id, name };
        if store::add(work.connection, row, new).await? {
            return Ok(Added::Now(id));
        }
        let owner = store::owner_of(work.connection, &new.credential_id).await?;
        Ok(owner.map_or(Added::Expired, |_| Added::Taken))
    }
}

impl ProvenPasskey {
    fn new(stored: &store::Stored, accepted: Accepted, ticket: &SealedTicket<AssertionTicket>) -> Self {
        Self {
            id: stored.id,
            user: stored.user,
            user_verified: accepted.user_verified,
            password_version: stored.password_version,
            factor_version: stored.factor_version,
            compared: stored.sign_count,
            accepted,
            digest: ticket.digest,
            expires_at: ticket.expires_at,
        }
    }

    /// Redeems the ticket and stores the new counter, in the caller's transaction. False if the ticket was redeemed before,
    /// the passkey is gone, or another assertion has moved its counter.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_up(&self, work: &mut Work<'_>) -> Result<bool, DatabaseError> {
        let Accepted { sign_count, backed_up, .. } = self.accepted;
        Ok(redeem(work.connection, &self.digest, self.expires_at).await?
            && store::note_use(work.connection, self.id, self.compared, i64::from(sign_count), backed_up).await?)
    }
}
