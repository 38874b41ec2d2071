//! The beginning of a ceremony: what the browser is asked, and a ticket that remembers it.

use super::{
    Algorithm, PasskeyError, Passkeys, UserVerification,
    room::{ASSERTION, LIFETIME, REGISTRATION},
    store,
};
use crate::kernel::UserId;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use utoipa::ToSchema;
use uuid::Uuid;

/// A ceremony that has begun.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = PasskeyCeremony)]
pub struct Ceremony {
    /// To be sent back with the browser's answer. Good once, for five minutes.
    pub ticket: String,
    /// `PublicKeyCredentialCreationOptionsJSON` or `PublicKeyCredentialRequestOptionsJSON` (WebAuthn L3 §5.1.8).
    #[serde(rename = "publicKey")]
    #[schema(value_type = Object)]
    pub public_key: Value,
}

/// Who registers a passkey.
#[derive(Clone, Copy)]
pub struct Registrant<'a> {
    /// The user.
    pub user: UserId,
    /// What lets them: the session that was fresh when the ceremony began, or the challenge of a sign-in. The ticket is good
    /// for nothing else.
    pub holder: Uuid,
    /// By what the authenticator shows the account.
    pub email: &'a str,
    /// The display name, if they have one.
    pub name: Option<&'a str>,
}

impl fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ceremony(…)")
    }
}

impl fmt::Debug for Registrant<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registrant({})", self.user)
    }
}

/// What is remembered of a registration.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RegistrationTicket {
    pub challenge: [u8; 32],
    pub user: UserId,
    pub holder: Uuid,
    /// A change of factors voids the ticket.
    pub factor_version: i32,
}

impl RegistrationTicket {
    pub fn is_for(&self, user: UserId, holder: Uuid) -> bool {
        self.user == user && self.holder == holder
    }
}

/// What is remembered of an assertion.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AssertionTicket {
    pub challenge: [u8; 32],
    /// Who was asked, if the user was identified before.
    pub user: Option<UserId>,
    pub user_verification: UserVerification,
}

impl Passkeys {
    /// Begins the registration of a passkey, which signs in by itself: discoverable, with user verification. Authenticators
    /// that hold one of the user's passkeys refuse a second one. None if the user does not exist.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_registration(&self, registrant: Registrant<'_>) -> Result<Option<Ceremony>, PasskeyError> {
        let Registrant { user, holder, email, name } = registrant;
        let world = self.world();
        let new_handle: [u8; 32] = world.rng.bytes();
        let read = world.db.run(move |connection| {
            Box::pin(async move {
                let owner = store::owner(&mut *connection, user, &new_handle).await?;
                Ok((owner, store::usable(connection, user).await?))
            })
        });
        let (Some(owner), existing) = read.await? else { return Ok(None) };
        let challenge: [u8; 32] = world.rng.bytes();
        let content = RegistrationTicket { challenge, user, holder, factor_version: owner.factor_version };
        let ticket = self.tickets().issue(REGISTRATION, content, world.clock.now(), &world.rng)?;
        let public_key = json!({
            "rp": { "id": self.options().rp_id, "name": world.config.brand.name },
            "user": {
                "id": URL_SAFE_NO_PAD.encode(&owner.handle),
                "name": email,
                "displayName": name.unwrap_or(email),
            },
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "pubKeyCredParams": Algorithm::ALL.map(|of| json!({ "type": "public-key", "alg": of.number() })),
            "timeout": timeout(),
            "excludeCredentials": descriptors(&existing),
            "authenticatorSelection": {
                "residentKey": "required", "requireResidentKey": true, "userVerification": "required",
            },
            "attestation": "none",
            "extensions": { "credProps": true },
        });
        Ok(Some(Ceremony { ticket, public_key }))
    }

    /// Begins a sign-in with any passkey of this server. Nothing is written: anyone may call this.
    ///
    /// # Errors
    /// When the library fails.
    pub fn begin_assertion(&self) -> Result<Ceremony, PasskeyError> {
        self.ask(None, UserVerification::Required, &[])
    }

    /// Begins the proof of a known user: with one of their passkeys or security keys. None if they have none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn begin_assertion_of(
        &self,
        user: UserId,
        user_verification: UserVerification,
    ) -> Result<Option<Ceremony>, PasskeyError> {
        let usable = self.world().db.run(move |connection| Box::pin(store::usable(connection, user))).await?;
        if usable.is_empty() {
            return Ok(None);
        }
        self.ask(Some(user), user_verification, &usable).map(Some)
    }

    fn ask(
        &self,
        user: Option<UserId>,
        user_verification: UserVerification,
        allowed: &[store::Listed],
    ) -> Result<Ceremony, PasskeyError> {
        let world = self.world();
        let challenge: [u8; 32] = world.rng.bytes();
        let content = AssertionTicket { challenge, user, user_verification };
        let ticket = self.tickets().issue(ASSERTION, content, world.clock.now(), &world.rng)?;
        let public_key = json!({
            "challenge": URL_SAFE_NO_PAD.encode(challenge),
            "rpId": self.options().rp_id,
            "timeout": timeout(),
            "allowCredentials": descriptors(allowed),
            "userVerification": user_verification,
        });
        Ok(Ceremony { ticket, public_key })
    }
}

/// Milliseconds. A hint for the browser.
fn timeout() -> u128 {
    LIFETIME.as_millis()
}

fn descriptors(listed: &[store::Listed]) -> Vec<Value> {
    let descriptor = |listed: &store::Listed| {
        let id = URL_SAFE_NO_PAD.encode(&listed.credential_id);
        match listed.transports.as_deref() {
            Some(transports) if !transports.is_empty() => {
                json!({ "type": "public-key", "id": id, "transports": transports })
            }
            _ => json!({ "type": "public-key", "id": id }),
        }
    };
    listed.iter().map(descriptor).collect()
}
