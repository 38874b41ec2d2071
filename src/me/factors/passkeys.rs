//! A user's own passkeys.

mod api;

pub(super) use api::{PasskeysDescribed, routes};

use super::{Change, Owner, REASON};
use crate::{
    factors::{
        Factors, FactorsError, Guess, NewCodes, add_passkey,
        passkeys::{Added, Ceremony, PresentedRegistration, Registrant, RegistrationCheck, rename},
        remove_passkey,
    },
    identity::{DeviceName, ProvenBy},
    kernel::{Client, Duration},
    lifecycle::Lifecycle,
    postgres::DatabaseError,
    sessions::{Sessions, SignedIn, add_method},
    work::Caller,
};
use uuid::Uuid;

/// A passkey that was just created in an authenticator, in a ceremony that a fresh session began.
struct NewPasskey<'a> {
    /// What the browser answered.
    registration: &'a PresentedRegistration,
    /// The code of the email, where one was sent. It may be right.
    email_code: Option<&'a str>,
}

/// A ceremony, and whether an emailed code is needed too, at its end.
type Begun = (Ceremony, bool);

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

impl Owner<'_> {
    /// Begins a registration. None if the user does not exist any more.
    async fn begin_passkey(&self) -> Result<Option<Begun>, FactorsError> {
        let Some(user) = self.accounts.lookup(self.user()).await? else { return Ok(None) };
        let name = user.name.as_deref();
        let holder = self.fresh.signed_in().session.as_uuid();
        let account_name = user.account_name();
        let registrant = Registrant { user: user.id, holder, email: &account_name, name };
        let begun = self.sessions.factors().passkeys().begin_registration(registrant).await?;
        let asks_email_code = begun.is_some() && self.asks_email_code().await?;
        if asks_email_code && let Some(email) = &user.email {
            self.lifecycle.send_enrolment_code(email, self.client).await?;
        }
        Ok(begun.map(|ceremony| (ceremony, asks_email_code)))
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

/// The rooms that the end of a registration passes, and whose it is.
struct Registering<'a> {
    sessions: &'a Sessions,
    lifecycle: &'a Lifecycle,
    signed_in: &'a SignedIn,
    client: &'a Client,
}

impl Registering<'_> {
    /// Stores a passkey. The ticket shows that the session was fresh when the ceremony began: a registration that was begun is
    /// not lost because ten minutes have passed. This session counts as opened with the passkey.
    async fn add(&self, new: NewPasskey<'_>) -> Result<Adding, FactorsError> {
        let (user, session, factors) = (self.signed_in.user, self.signed_in.session, self.sessions.factors());
        let NewPasskey { registration, email_code } = new;
        let verified = match factors.passkeys().finish_registration(user, session.as_uuid(), registration) {
            RegistrationCheck::Right(verified) => verified,
            RegistrationCheck::Refused(_) => return Ok(Adding::Invalid),
            RegistrationCheck::Expired => return Ok(Adding::Expired),
        };
        // If the factors change after this look, the ticket is void.
        if let Some(refused) = self.refused_code(email_code).await? {
            return Ok(refused);
        }
        let codes = first_codes(factors, self.signed_in, self.client).await?;
        let (signed_in, name) = (self.signed_in.clone(), registration.name.clone());
        let added = self.sessions.world().transaction(Caller::user(user, self.client), move |mut work| {
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

    /// Why the code of the email, where one is needed, does not let the passkey be added. Guesses count for the account, as
    /// those at codes of factors do.
    async fn refused_code(&self, email_code: Option<&str>) -> Result<Option<Adding>, FactorsError> {
        let (user, factors) = (self.signed_in.user, self.sessions.factors());
        if !factors.of(user).await?.is_some_and(|factors| factors.asks_email_code) {
            return Ok(None);
        }
        let Some(email_code) = email_code.filter(|code| !code.trim().is_empty()) else {
            return Ok(Some(Adding::EmailCodeMissing));
        };
        let compare = self.lifecycle.is_enrolment_code(user, email_code, self.client);
        Ok(match factors.guess(user, self.client, compare).await? {
            Guess::Right => None,
            Guess::Wrong => Some(Adding::WrongEmailCode),
            Guess::Limited { wait } => Some(Adding::Limited { wait }),
        })
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
