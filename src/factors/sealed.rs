//! The secrets of authenticator apps under the current master key: an operator who replaces the key removes the previous one
//! once no secret needs it.

use super::{Factors, room::SEALING, store};
use crate::{
    kernel::{Duration, MasterKeys, Rng, SealingKeys},
    postgres::{Database, DatabaseError},
};
use uuid::Uuid;

/// Between two batches, so that a large table is sealed again beside the requests.
const PAUSE: Duration = Duration::from_millis(50);
/// After an outage.
const AFTER_FAILURE: Duration = Duration::from_mins(1);

/// How many confirmed secrets there are, and what opens them.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct SealedSecrets {
    /// All of them.
    pub all: u64,
    /// Those that only a previous master key opens.
    pub under_previous: u64,
    /// Those that no configured master key opens: each code of their users is answered with an error.
    pub unreadable: u64,
}

/// Counts the secrets by what opens them. Changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn count_sealed(db: &Database, masters: &MasterKeys) -> Result<SealedSecrets, DatabaseError> {
    let sealing = SealingKeys::new(masters, SEALING);
    let (mut counted, mut after) = (SealedSecrets::default(), None);
    while let Some(last) = batch(db, &sealing, None, after, &mut counted).await? {
        after = Some(last);
    }
    Ok(counted)
}

/// Seals the secrets again that only a previous master key opens, once, where there is one. An outage is logged and waited out.
pub async fn seal_again(factors: Factors) {
    let (world, sealing) = (factors.world(), factors.sealing());
    if !sealing.has_previous() {
        return;
    }
    let (mut counted, mut after) = (SealedSecrets::default(), None);
    loop {
        match batch(&world.db, sealing, Some(&world.rng), after, &mut counted).await {
            Ok(None) => break,
            Ok(last) => {
                after = last;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                tracing::warn!(error = error.chain(), "factors.sealing_failed");
                tokio::time::sleep(AFTER_FAILURE).await;
            }
        }
    }
    let SealedSecrets { all, under_previous, unreadable } = counted;
    tracing::info!(all, sealed_again = under_previous, unreadable, "factors.sealed_again");
}

/// One batch after a user: counted, and sealed again if there is a source of nonces. None: there are no more.
async fn batch(
    db: &Database,
    sealing: &SealingKeys,
    rng: Option<&Rng>,
    after: Option<Uuid>,
    counted: &mut SealedSecrets,
) -> Result<Option<Uuid>, DatabaseError> {
    let read = db.run(move |connection| Box::pin(store::sealed_secrets(connection, after))).await?;
    let last = read.last().map(|secret| secret.user);
    // Counted once it is stored: after an outage the batch is read again.
    let (mut found, mut renewed) = (*counted, Vec::new());
    for secret in read {
        let context = *secret.user.as_bytes();
        found.all = found.all.saturating_add(1);
        match sealing.open(&context, &secret.sealed) {
            Ok(opened) if opened.is_sealed_under_a_previous_key => {
                found.under_previous = found.under_previous.saturating_add(1);
                let sealed = rng.and_then(|rng| sealing.seal(&context, &opened.plaintext, rng).ok());
                renewed.extend(sealed.map(|sealed| (secret, sealed)));
            }
            Ok(_current) => {}
            Err(_no_key) => found.unreadable = found.unreadable.saturating_add(1),
        }
    }
    if !renewed.is_empty() {
        db.run(move |connection| Box::pin(store::seal_secrets_anew(connection, renewed))).await?;
    }
    *counted = found;
    Ok(last)
}
