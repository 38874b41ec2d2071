use super::{Digest32, Duration, MasterKeys, Moment, Rng, SealingKeys, WrongMasterKey, sha256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

/// Writes and reads tickets: what the server must remember of a browser for some minutes, sealed, in the hands of the browser.
/// So what an anonymous browser begins writes no row.
///
/// A ticket is `base64url(nonce ‖ AES-256-GCM(expiry, content))`, with its purpose as the context. Where it may be redeemed once
/// only, its digest becomes a row, in the transaction of what it was good for.
#[derive(Clone, Debug)]
pub struct Tickets(SealingKeys);

/// What a ticket is good for, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct TicketKind {
    /// The context under which it is sealed: a ticket of another kind does not open.
    pub context: &'static [u8],
    /// How long it is good.
    pub lifetime: Duration,
}

/// A genuine ticket.
#[derive(Debug, Clone)]
pub struct SealedTicket<T> {
    /// What was to be remembered.
    pub content: T,
    /// When it expires, on the database's clock.
    pub expires_at: Moment,
    /// What is stored once it is redeemed.
    pub digest: Digest32,
}

/// Why a ticket could not be written.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    /// The library failed.
    #[error("a ticket could not be sealed")]
    Sealing(#[from] WrongMasterKey),
    /// What cannot happen.
    #[error("a ticket could not be written")]
    Unwritable(#[from] serde_json::Error),
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    expires_at: i64,
    content: T,
}

impl Tickets {
    /// Under keys derived from the master keys. Changing the purpose voids all tickets.
    #[must_use]
    pub fn new(masters: &MasterKeys, purpose: &str) -> Self {
        Self(SealingKeys::new(masters, purpose))
    }

    /// A new ticket.
    ///
    /// # Errors
    /// When the library fails.
    pub fn issue<T: Serialize>(
        &self,
        kind: TicketKind,
        content: T,
        now: Moment,
        rng: &Rng,
    ) -> Result<String, TicketError> {
        let expires_at = (now + kind.lifetime).timestamp_micros();
        let plain = Zeroizing::new(serde_json::to_vec(&Sealed { expires_at, content })?);
        Ok(URL_SAFE_NO_PAD.encode(self.0.seal(kind.context, &plain, rng)?))
    }

    /// The content of a genuine ticket of this kind that has not expired. Whether it was redeemed is not known here.
    #[must_use]
    pub fn read<T: DeserializeOwned>(&self, kind: TicketKind, text: &str, now: Moment) -> Option<SealedTicket<T>> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let opened = self.0.open(kind.context, &bytes).ok()?;
        let Sealed { expires_at, content } = serde_json::from_slice(&opened.plaintext).ok()?;
        let expires_at = Moment::from_timestamp_micros(expires_at)?;
        (now < expires_at).then(|| SealedTicket { content, expires_at, digest: sha256(&bytes) })
    }
}
