//! A user's own passkeys.

mod api;

pub(super) use api::{PasskeysDescribed, routes};

use super::{Change, Owner, REASON};
use crate::{
    factors::{
        Factors, FactorsError, NewCodes, add_passkey,
        passkeys::{Added, Ceremony, Registrant, RegistrationCheck, RegistrationCredential, rename},
        remove_passkey,
    },
    identity::{DeviceName, ProvenBy},
    kernel::Client,
    postgres::DatabaseError,
    sessions::{Sessions, SignedIn, add_method},
    work::Caller,
};
use uuid::Uuid;

/// A passkey that was just created in an authenticator.
struct NewPasskey<'a> {
    /// The ticket of its ceremony, which a fresh session began.
    ticket: &'a str,
    /// What the authenticator answered.
    credential: &'a RegistrationCredential,
    /// What its user calls it.
    name: Option<DeviceName>,
}

/// The outcome of beginning to add one.
#[must_use]
#[derive(Debug)]
enum Beginning {
    /// What the browser is asked.
    Begun(Ceremony),
    /// An administrator removed all factors: the next one is an app, with an emailed code.
    AfterReset,
    /// The user does not exist any more.
    Deleted,
}

/// The outcome of adding it.
#[must_use]
#[derive(Debug)]
enum Adding {
    /// The user has a new factor, and recovery codes with the first one.
    Added(Uuid, Option<NewCodes>),
    /// The same request again: its answer was lost.
    AddedBefore(Uuid),
    /// It does not verify, or is registered already.
    Invalid,
    /// The ticket is not one of this session, was used for another passkey or has expired; or a factor was changed since.
    Expired,
    /// The session was revoked meanwhile.
    SignedOut,
}

impl Owner<'_> {
    /// Begins a registration.
    async fn begin_passkey(&self) -> Result<Beginning, FactorsError> {
        if self.asks_email_code().await? {
            return Ok(Beginning::AfterReset);
        }
        let Some(user) = self.accounts.lookup(self.user()).await? else { return Ok(Beginning::Deleted) };
        let name = user.name.as_deref();
        let holder = self.fresh.signed_in().session.as_uuid();
        let registrant = Registrant { user: user.id, holder, email: user.email.as_str(), name };
        let begun = self.sessions.factors().passkeys().begin_registration(registrant).await?;
        Ok(begun.map_or(Beginning::Deleted, Beginning::Begun))
    }

    async fn rename_passkey(&self, passkey: Uuid, name: Option<DeviceName>) -> Result<Change<()>, FactorsError> {
        let user = self.user();
        let changed = self.change(move |work| {
            Box::pin(async move {
                let is_renamed = rename(work, user, passkey, name.as_ref().map(DeviceName::as_str)).await?;
                Ok(if is_renamed { Change::Done(()) } else { Change::Missing })
            })
        });
        Ok(changed.await?)
    }

    /// Removes a passkey. The recovery codes go with it if it is the last factor.
    async fn remove_passkey(&self, passkey: Uuid) -> Result<Change<()>, FactorsError> {
        let user = self.user();
        let changed = self
            .change(move |work| Box::pin(async move { Ok(remove_passkey(work, user, passkey, REASON).await?.into()) }));
        Ok(changed.await?)
    }
}

impl NewPasskey<'_> {
    /// Stores it. The ticket shows that the session was fresh when the ceremony began: a registration that was begun is not
    /// lost because ten minutes have passed. This session counts as opened with the passkey.
    async fn add(self, sessions: &Sessions, signed_in: &SignedIn, client: &Client) -> Result<Adding, FactorsError> {
        let (user, session, factors) = (signed_in.user, signed_in.session, sessions.factors());
        let Self { ticket, credential, name } = self;
        let verified = match factors.passkeys().finish_registration(user, session.as_uuid(), ticket, credential) {
            RegistrationCheck::Right(verified) => verified,
            RegistrationCheck::Refused(_) => return Ok(Adding::Invalid),
            RegistrationCheck::Expired => return Ok(Adding::Expired),
        };
        // If the factors change after this look, the ticket is void.
        let codes = first_codes(factors, signed_in, client).await?;
        let signed_in = signed_in.clone();
        let added = sessions.world().transaction(Caller::user(user, client), move |mut work| {
            Box::pin(async move {
                if !signed_in.lock(&mut work).await? {
                    return Ok(Adding::SignedOut);
                }
                let name = name.as_ref().map(DeviceName::as_str);
                match add_passkey(&mut work, &verified, name, codes.as_ref()).await? {
                    Added::Now(passkey) => {
                        add_method(&mut work, session, ProvenBy::VerifiedKey).await?;
                        Ok(Adding::Added(passkey, codes))
                    }
                    Added::Before(passkey) => Ok(Adding::AddedBefore(passkey)),
                    Added::Taken => Ok(Adding::Invalid),
                    Added::Expired => Ok(Adding::Expired),
                }
            })
        });
        let added: Result<Adding, DatabaseError> = added.await;
        Ok(added?)
    }
}

/// The recovery codes that come with a first factor.
async fn first_codes(
    factors: &Factors,
    signed_in: &SignedIn,
    client: &Client,
) -> Result<Option<NewCodes>, FactorsError> {
    if factors.has_second_factor(signed_in.user).await? {
        return Ok(None);
    }
    Ok(Some(factors.draw_codes(client).await?))
}
