"""What two independent verifiers answer: PyPI `webauthn` and PyPI `fido2`. Reads requests as a JSON array, writes verdicts.

Each is called as its documentation has it, with what the request expects. Neither is given help: what a library leaves to
its caller (the user handle, the look-up of the credential) is not checked here either. Both read a new key only when it is
used for the first time: a registration counts as accepted only if that works.
"""

import json
import sys

import webauthn
from cryptography.exceptions import InvalidSignature
from fido2 import cbor
from fido2.attestation import Attestation
from fido2.cose import CoseKey
from fido2.server import Fido2Server
from fido2.webauthn import AttestedCredentialData, PublicKeyCredentialRpEntity, UserVerificationRequirement
from webauthn.helpers import base64url_to_bytes, decode_credential_public_key
from webauthn.helpers.cose import COSEAlgorithmIdentifier as Algorithm
from webauthn.helpers.decoded_public_key_to_cryptography import decoded_public_key_to_cryptography

ALGORITHMS = [Algorithm.EDDSA, Algorithm.ECDSA_SHA_256, Algorithm.RSASSA_PKCS1_v1_5_SHA_256]


def by_webauthn(request):
    shared = {
        "credential": request["credential"],
        "expected_challenge": base64url_to_bytes(request["challenge"]),
        "expected_rp_id": request["rp_id"],
        "expected_origin": request["origins"],
        "require_user_verification": request["user_verification"],
    }
    if request["ceremony"] == "registration":
        passkey = webauthn.verify_registration_response(**shared, supported_pub_key_algs=ALGORITHMS)
        return decoded_public_key_to_cryptography(decode_credential_public_key(passkey.credential_public_key))
    known = request["known"]
    return webauthn.verify_authentication_response(
        **shared,
        credential_public_key=base64url_to_bytes(known["public_key"]),
        credential_current_sign_count=known["sign_count"],
    )


def attestation(statement, client_data_hash):
    Attestation.for_type(statement.fmt)().verify(statement.att_stmt, statement.auth_data, client_data_hash)


def by_fido2(request):
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=request["rp_id"], name="x"),
        attestation="indirect",  # with "none" it would not look at statements
        verify_origin=lambda origin: origin in request["origins"],
        verify_attestation=attestation,
    )
    asked = UserVerificationRequirement.REQUIRED if request["user_verification"] else UserVerificationRequirement.DISCOURAGED
    state = {"challenge": request["challenge"], "user_verification": asked}
    if request["ceremony"] == "registration":
        key = server.register_complete(state, request["credential"]).credential_data.public_key
        try:
            return key.verify(b"", bytes(64))
        except InvalidSignature:
            return None
    known = request["known"]
    key = CoseKey.parse(cbor.decode(base64url_to_bytes(known["public_key"])))
    credential = AttestedCredentialData.create(bytes(16), base64url_to_bytes(known["credential_id"]), key)
    return server.authenticate_complete(state, [credential], request["credential"])


def verdict(verifier, request):
    try:
        verifier(request)
    except RecursionError:
        return "refused: RecursionError"
    except Exception as error:
        return f"refused: {type(error).__name__}: {error}"
    return "accepted"


requests = json.load(sys.stdin)
json.dump([[verdict(verifier, request) for verifier in (by_webauthn, by_fido2)] for request in requests], sys.stdout)
