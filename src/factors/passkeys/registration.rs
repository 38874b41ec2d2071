use ciborium::Value;
use uuid::Uuid;

use crate::kernel::sha256;

use super::{
    Algorithm, Expected, PublicKey, Refusal, RegistrationCredential,
    authenticator_data::AuthenticatorData,
    cbor, client_data,
    credential::{decode, identity},
};

/// A passkey that was verified and may be stored.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// Chosen by the authenticator. Must be unique among all users (§7.1 step 26).
    pub credential_id: Vec<u8>,
    /// The key as CBOR.
    pub public_key: Vec<u8>,
    /// The key's algorithm.
    pub algorithm: Algorithm,
    /// Where the counter begins.
    pub sign_count: u32,
    /// Whether the key may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it has been.
    pub backed_up: bool,
    /// Whether the user was verified.
    pub user_verified: bool,
    /// The model of the authenticator, if it reports one.
    pub aaguid: Option<Uuid>,
    /// Whether it can be found without its id, if the browser reports that.
    pub discoverable: Option<bool>,
    /// How the authenticator can be reached, as the browser reports.
    pub transports: Vec<String>,
}

/// Verifies a registration: WebAuthn L3 §7.1 from step 4 on.
///
/// # Errors
/// The first check that fails.
pub fn verify_registration(
    credential: &RegistrationCredential,
    expected: &Expected<'_>,
) -> Result<NewPasskey, Refusal> {
    let id = identity(&credential.id, &credential.raw_id, &credential.kind)?;
    // Steps 5 to 11.
    let client_data = decode(&credential.response.client_data)?;
    client_data::check(&client_data, "webauthn.create", expected)?;
    // Step 12.
    let hash = sha256(&client_data);
    // Step 13.
    let statement = Statement::read(&decode(&credential.response.attestation_object)?)?;
    let data = AuthenticatorData::read(&statement.signed)?;
    // Steps 14 to 17.
    data.check(expected)?;
    // Step 20: all that we read was offered.
    let attested = data.attested.as_ref().ok_or(Refusal::AuthenticatorData)?;
    let key = PublicKey::of(&attested.key)?;
    // Steps 21 to 24.
    statement.verify(&key, hash.as_bytes())?;
    // Step 25 is in `identity`. The id outside must be the one inside.
    if attested.credential_id != id {
        return Err(Refusal::CredentialId);
    }
    Ok(NewPasskey {
        credential_id: id,
        public_key: attested.encoded_key.clone(),
        algorithm: key.algorithm(),
        sign_count: data.sign_count,
        backup_eligible: data.backup_eligible(),
        backed_up: data.backed_up(),
        user_verified: data.user_verified(),
        aaguid: Some(attested.aaguid).filter(|aaguid| !aaguid.is_nil()),
        discoverable: credential.is_discoverable(),
        transports: credential.transports(),
    })
}

/// The attestation object (§6.5.4).
struct Statement {
    format: String,
    fields: Value,
    signed: Vec<u8>,
}

impl Statement {
    fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let object = cbor::whole(bytes)?;
        let format = cbor::at_text(&object, "fmt").and_then(Value::as_text).ok_or(Refusal::AttestationObject)?;
        let fields =
            cbor::at_text(&object, "attStmt").filter(|fields| fields.is_map()).ok_or(Refusal::AttestationObject)?;
        let signed = cbor::at_text(&object, "authData").and_then(Value::as_bytes).ok_or(Refusal::AttestationObject)?;
        Ok(Self { format: format.to_owned(), fields: fields.clone(), signed: signed.clone() })
    }

    /// `none` (§8.7), or self attestation in the `packed` format (§8.2): a client that was asked for none may leave it as
    /// it is (§5.1.3). The other formats prove who made the authenticator. We do not ask for that, so no honest client
    /// sends them.
    fn verify(&self, key: &PublicKey, client_data_hash: &[u8]) -> Result<(), Refusal> {
        match self.format.as_str() {
            "none" if self.fields.as_map().is_some_and(Vec::is_empty) => Ok(()),
            "none" => Err(Refusal::AttestationStatement),
            "packed" if cbor::at_text(&self.fields, "x5c").is_none() => self.verify_self(key, client_data_hash),
            _ => Err(Refusal::AttestationFormat),
        }
    }

    fn verify_self(&self, key: &PublicKey, client_data_hash: &[u8]) -> Result<(), Refusal> {
        let number = cbor::at_text(&self.fields, "alg").and_then(cbor::integer);
        let signature =
            cbor::at_text(&self.fields, "sig").and_then(Value::as_bytes).ok_or(Refusal::AttestationStatement)?;
        let right = number == Some(i64::from(key.algorithm().number()))
            && key.verifies(&[self.signed.as_slice(), client_data_hash].concat(), signature);
        if right { Ok(()) } else { Err(Refusal::AttestationStatement) }
    }
}
