use super::event::{self, EventKind, Place};
use crate::{
    kernel::{Duration, Moment},
    keys::{Keys, SigningError},
    sessions::revocations::Revocations,
};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// Everything that the revocation set holds, signed once for all who ask before the next event.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub place: Place,
    /// The uptime at which it was begun.
    pub begun: Duration,
    signed: OnceCell<SignedSnapshot>,
}

/// A snapshot on its way to listeners.
#[derive(Debug, Clone)]
pub struct SignedSnapshot {
    framed: Bytes,
}

/// What stands before and after the data of an event (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
const FRAME: (&str, &str) = ("data: ", "\n\n");
/// How many characters of the signature, which no two snapshots share, tell them apart.
const TAG: usize = 22;

/// An event's data in its frame.
pub(super) fn framed(data: &str) -> Bytes {
    let (before, after) = FRAME;
    let mut framed = String::with_capacity(before.len() + data.len() + after.len());
    for part in [before, data, after] {
        framed.push_str(part);
    }
    Bytes::from(framed)
}

impl SignedSnapshot {
    /// As the first event of a stream.
    #[must_use]
    pub fn framed(&self) -> Bytes {
        self.framed.clone()
    }

    /// The JWS alone.
    #[must_use]
    pub fn jws(&self) -> Bytes {
        let (before, after) = FRAME;
        let end = self.framed.len().saturating_sub(after.len());
        self.framed.slice(before.len().min(end)..end)
    }

    /// What only this snapshot is called: for `ETag`.
    #[must_use]
    pub fn tag(&self) -> String {
        let jws = self.jws();
        let signature = jws.get(jws.len().saturating_sub(TAG)..).unwrap_or_default();
        String::from_utf8_lossy(signature).into_owned()
    }
}

impl Snapshot {
    /// Begins a snapshot at this place. It will hold at least what was sent up to there.
    pub fn begin(place: Place, uptime: Duration) -> Arc<Self> {
        Arc::new(Self { place, begun: uptime, signed: OnceCell::new() })
    }

    /// Signs it, the first time. A large one takes a tenth of a second, so it has a thread of its own; and it is signed to the end
    /// when who asked first has gone, so that it is signed once.
    ///
    /// # Errors
    /// When the library fails to sign.
    pub async fn sign(
        self: Arc<Self>,
        keys: &Keys,
        revocations: &Revocations,
        now: Moment,
    ) -> Result<SignedSnapshot, SigningError> {
        if let Some(signed) = self.signed.get() {
            return Ok(signed.clone());
        }
        let (keys, revocations) = (keys.clone(), revocations.clone());
        let signed = tokio::spawn(async move {
            let place = self.place.clone();
            let sign = || async {
                let signing = tokio::task::spawn_blocking(move || {
                    event::sign(&keys, now, EventKind::Snapshot, &place, &revocations.all())
                });
                let jws = signing.await.map_err(|_stopped| SigningError::Library)??;
                Ok(SignedSnapshot { framed: framed(&jws) })
            };
            self.signed.get_or_try_init(sign).await.cloned()
        });
        signed.await.map_err(|_stopped| SigningError::Library)?
    }
}
