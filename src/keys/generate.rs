use super::{
    KeyId, KeysError,
    model::{SigningKey, TYPE, in_library},
    private_key::PrivateKey,
};
use crate::{config::SigningAlgorithm, kernel::Moment};
use aws_lc_rs::{
    encoding::AsDer,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair},
};
use jsonwebtoken::{
    DecodingKey, EncodingKey, Header,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use zeroize::Zeroizing;

/// A new private key as PKCS#8 in PEM.
///
/// # Errors
/// When the library fails to generate one.
pub fn generate(algorithm: SigningAlgorithm) -> Result<Zeroizing<String>, KeysError> {
    let document = der(algorithm).map_err(|_unspecified| KeysError::Generation)?;
    Ok(Zeroizing::new(pem::encode(&pem::Pem::new("PRIVATE KEY", document))))
}

fn der(algorithm: SigningAlgorithm) -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    let random = SystemRandom::new();
    Ok(match algorithm {
        SigningAlgorithm::Es256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)?.as_ref().to_vec()
        }
        // Version 1 of the document: from version 2 the library reads a key but cannot produce a JWK.
        SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random)?.as_ref().to_vec(),
        // 3072 bits: 128 bits of security (ASVS 5, 11.2.3).
        SigningAlgorithm::Rs256 => {
            AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&RsaKeyPair::generate(KeySize::Rsa3072)?)?
                .as_ref()
                .to_vec()
        }
    })
}

/// A key ready for use, from its PEM.
///
/// # Errors
/// When the PEM is not a key of that algorithm.
pub fn assemble(
    algorithm: SigningAlgorithm,
    pem: &[u8],
    created_at: Moment,
    signs_from: Moment,
) -> Result<SigningKey, KeysError> {
    let encoded = match algorithm {
        SigningAlgorithm::Es256 => EncodingKey::from_ec_pem(pem),
        SigningAlgorithm::EdDsa => EncodingKey::from_ed_pem(pem),
        SigningAlgorithm::Rs256 => EncodingKey::from_rsa_pem(pem),
    }?;
    let mut published = Jwk::from_encoding_key(&encoded, in_library(algorithm))?;
    let id = KeyId(published.thumbprint(ThumbprintHash::SHA256)?);
    published.common.key_id = Some(id.0.clone());
    published.common.public_key_use = Some(PublicKeyUse::Signature);
    let header = Header { typ: Some(TYPE.to_owned()), kid: Some(id.0.clone()), ..Header::new(in_library(algorithm)) };
    let private = PrivateKey::parse(algorithm, &encoded, &header)?;
    let public = DecodingKey::from_jwk(&published)?;
    Ok(SigningKey { id, algorithm, private, public, published, created_at, signs_from })
}
