use crate::kernel::named;

named! {
    /// Why a registration or an assertion was refused: one reason for each check. For the log; no client receives it.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
    pub enum Refusal {
        /// `type` of the credential is not `public-key`.
        #[error("the credential is not of type public-key")]
        CredentialType = "credential_type",
        /// `id` and `rawId` differ, are empty, or are longer than 1023 bytes.
        #[error("the credential's id is malformed")]
        CredentialId = "credential_id",
        /// A member is not base64url without padding.
        #[error("a member is not base64url without padding")]
        Base64 = "base64",
        /// A member is longer than any authenticator's.
        #[error("a member is too long")]
        TooLong = "too_long",
        /// `clientDataJSON` is not the JSON object that §5.8.1 describes.
        #[error("clientDataJSON is not a JSON object with type, challenge and origin")]
        ClientData = "client_data",
        /// `type` is not the one of this ceremony.
        #[error("the client data are of another ceremony")]
        CeremonyType = "ceremony_type",
        /// The challenge is not the one of the ticket.
        #[error("the challenge is another one")]
        Challenge = "challenge",
        /// The origin is not one of ours.
        #[error("the origin is not one of ours")]
        Origin = "origin",
        /// The ceremony took place in a frame of another origin.
        #[error("the ceremony took place in a frame of another origin")]
        CrossOrigin = "cross_origin",
        /// Not CBOR, nested too deeply, or not in its shortest form (RFC 8949 §4.2.1).
        #[error("malformed CBOR")]
        Cbor = "cbor",
        /// A map has a key twice (RFC 8949 §5.6).
        #[error("a CBOR map has a key twice")]
        DuplicateKey = "duplicate_key",
        /// The attestation object lacks `fmt`, `authData` or `attStmt`, or has bytes after its end.
        #[error("the attestation object is malformed")]
        AttestationObject = "attestation_object",
        /// The authenticator data are too short, too long, or disagree with their flags.
        #[error("the authenticator data are malformed")]
        AuthenticatorData = "authenticator_data",
        /// The authenticator data are for another RP ID.
        #[error("the RP ID is another one")]
        RpId = "rp_id",
        /// The user was not present.
        #[error("the user was not present")]
        UserPresence = "user_presence",
        /// The user was not verified, though it was asked.
        #[error("the user was not verified")]
        UserVerification = "user_verification",
        /// Backed up, but not eligible for it; or the eligibility differs from the registration.
        #[error("the backup flags contradict each other or the registration")]
        BackupFlags = "backup_flags",
        /// The key's algorithm was not offered.
        #[error("the key's algorithm was not offered")]
        Algorithm = "algorithm",
        /// The key is malformed, or too weak.
        #[error("the public key is malformed or too weak")]
        PublicKey = "public_key",
        /// The attestation statement is of a format that was not asked for.
        #[error("the attestation format is neither none nor self attestation")]
        AttestationFormat = "attestation_format",
        /// The attestation statement does not verify.
        #[error("the attestation statement is wrong")]
        AttestationStatement = "attestation_statement",
        /// The credential is not the one that was looked up, or not one that was offered.
        #[error("the credential is another one")]
        OtherCredential = "other_credential",
        /// The user handle is missing or another user's.
        #[error("the user handle is missing or another user's")]
        UserHandle = "user_handle",
        /// The signature is wrong.
        #[error("the signature is wrong")]
        Signature = "signature",
        /// The counter did not grow: two authenticators may have the same key.
        #[error("the counter did not grow: the key may have been cloned")]
        Counter = "counter",
    }
}
