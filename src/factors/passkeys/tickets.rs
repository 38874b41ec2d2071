use super::PasskeyError;
use crate::{
    kernel::{Digest32, Duration, MasterKeys, Moment, SealingKeys, sha256},
    world::World,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// How long a ceremony may take: the browser's own timeout is shorter.
pub const LIFETIME: Duration = Duration::from_mins(5);

/// Writes and reads tickets: what the server must remember of a ceremony, sealed, in the hands of the browser. So the
/// ceremonies of anonymous browsers write no row.
///
/// A ticket is `base64url(nonce ‖ AES-256-GCM(expiry, content))`, with its purpose as the context. It is redeemed once: its
/// digest becomes a row, in the transaction of what it was good for.
#[derive(Clone, Debug)]
pub struct Tickets(SealingKeys);

/// What a ticket is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketPurpose {
    /// A new passkey.
    Registration,
    /// A signature of a stored one.
    Assertion,
}

/// A genuine ticket.
#[derive(Debug, Clone)]
pub struct Ticket<T> {
    /// What was to be remembered.
    pub content: T,
    /// When it expires, on the database's clock.
    pub expires_at: Moment,
    /// What is stored once it is redeemed.
    pub digest: Digest32,
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    expires_at: i64,
    content: T,
}

impl TicketPurpose {
    const fn context(self) -> &'static [u8] {
        match self {
            Self::Registration => b"registration",
            Self::Assertion => b"assertion",
        }
    }
}

impl Tickets {
    /// Under keys derived from the master keys.
    #[must_use]
    pub fn new(masters: &MasterKeys) -> Self {
        Self(SealingKeys::new(masters, "heirloom/passkey-ticket/v1"))
    }

    /// A ticket that is good for [`LIFETIME`].
    ///
    /// # Errors
    /// When the library fails.
    pub fn issue<T: Serialize>(
        &self,
        purpose: TicketPurpose,
        content: T,
        world: &World,
    ) -> Result<String, PasskeyError> {
        let expires_at = (world.clock.now() + LIFETIME).timestamp_micros();
        let plain = serde_json::to_vec(&Sealed { expires_at, content }).map_err(PasskeyError::Ticket)?;
        Ok(URL_SAFE_NO_PAD.encode(self.0.seal(purpose.context(), &plain, &world.rng)?))
    }

    /// The content of a genuine ticket of this purpose that has not expired. Whether it was redeemed is not known here.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, purpose: TicketPurpose, text: &str, now: Moment) -> Option<Ticket<T>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = self.0.open(purpose.context(), &bytes).ok()?;
        let Sealed { expires_at, content } = serde_json::from_slice(&opened.plaintext).ok()?;
        let expires_at = Moment::from_timestamp_micros(expires_at)?;
        (now < expires_at).then(|| Ticket { content, expires_at, digest: sha256(&bytes) })
    }
}
