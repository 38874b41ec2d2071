use crate::kernel::sha256;

use super::{
    AssertionCredential, Expected, PublicKey, Refusal,
    authenticator_data::AuthenticatorData,
    client_data,
    credential::{decode, identity},
};

/// A stored passkey, as an assertion is compared with it.
#[derive(Debug, Clone, Copy)]
pub struct KnownPasskey<'a> {
    /// Its credential id.
    pub credential_id: &'a [u8],
    /// Its key.
    pub key: &'a PublicKey,
    /// The highest counter that was seen.
    pub sign_count: u32,
    /// As registered.
    pub backup_eligible: bool,
    /// The owner's user handle.
    pub user_handle: &'a [u8],
    /// Whether the user was identified before the ceremony, by their password. Otherwise the user handle is required.
    pub user_is_known: bool,
}

/// What an accepted assertion changes in the stored passkey (§7.2 step 24).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The new counter.
    pub sign_count: u32,
    /// Whether the key has been copied.
    pub backed_up: bool,
    /// Whether the user was verified: then the passkey counts as two factors.
    pub user_verified: bool,
}

/// Verifies an assertion: WebAuthn L3 §7.2 from step 5 on.
///
/// # Errors
/// The first check that fails.
pub fn verify_assertion(
    credential: &AssertionCredential,
    known: &KnownPasskey<'_>,
    expected: &Expected<'_>,
) -> Result<Accepted, Refusal> {
    // Steps 5 and 6.
    if identity(&credential.id, &credential.raw_id, &credential.kind)? != known.credential_id {
        return Err(Refusal::OtherCredential);
    }
    let handle = credential.response.user_handle.as_deref().map(decode).transpose()?;
    let owner = match &handle {
        Some(handle) => handle == known.user_handle,
        None => known.user_is_known,
    };
    if !owner {
        return Err(Refusal::UserHandle);
    }
    // Steps 7 to 14.
    let client_data = decode(&credential.response.client_data)?;
    client_data::check(&client_data, "webauthn.get", expected)?;
    // Steps 15 to 18.
    let signed = decode(&credential.response.authenticator_data)?;
    let data = AuthenticatorData::read(&signed)?;
    data.check(expected)?;
    // Step 19: eligibility never changes.
    if data.backup_eligible() != known.backup_eligible {
        return Err(Refusal::BackupFlags);
    }
    // Steps 20 and 21.
    let message = [signed.as_slice(), sha256(&client_data).as_bytes()].concat();
    if !known.key.verifies(&message, &decode(&credential.response.signature)?) {
        return Err(Refusal::Signature);
    }
    // Step 22. The counter of a key that may be copied proves nothing: each device counts by itself.
    let counts = data.sign_count != 0 || known.sign_count != 0;
    if counts && data.sign_count <= known.sign_count && !known.backup_eligible {
        return Err(Refusal::Counter);
    }
    Ok(Accepted { sign_count: data.sign_count, backed_up: data.backed_up(), user_verified: data.user_verified() })
}
