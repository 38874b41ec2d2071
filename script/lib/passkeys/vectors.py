"""Writes the test vectors of WebAuthn Level 3 §16 to standard output, by the derivation that the section gives for each
value: HKDF-SHA-256 with the input "WebAuthn test vectors", the vector's name as info and a running number as salt.

Attestation by a certificate is left out (`x5c` holds no certificate): we refuse those formats before we read them. What
the authenticator signs in the assertion is the specification's, byte for byte.
"""

import base64, hashlib, json
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fido2 import cbor, cose

RP_ID_HASH = hashlib.sha256(b"example.org").digest()


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Stream:
    def __init__(self, name):
        self.name, self.number = name, 0

    def next(self, length):
        salt, self.number = bytes([self.number]), self.number + 1
        derive = HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=self.name.encode())
        return derive.derive(b"WebAuthn test vectors")


def client_data(stream, kind, challenge, cross, top):
    extra = stream.next(1)[0] & 1
    data = {"type": kind, "challenge": b64(challenge), "origin": "https://example.org", "crossOrigin": cross}
    if top:
        data["topOrigin"] = "https://example.com"
    if extra:
        data["extraData"] = (
            "clientDataJSON may be extended with additional fields in the future, such as this: " + b64(stream.next(16))
        )
    return json.dumps(data, separators=(",", ":")).encode()


def keys(stream, kind):
    ecdsa = {"ES256": (32, ec.SECP256R1(), cose.ES256), "ES384": (48, ec.SECP384R1(), cose.ES384),
             "ES512": (65, ec.SECP521R1(), cose.ES512)}
    if kind in ecdsa:
        length, curve, of = ecdsa[kind]
        key = ec.derive_private_key(int.from_bytes(stream.next(length), "big"), curve)
        return key, of, (ec.ECDSA(of._HASH_ALG, deterministic_signing=True),)
    if kind == "RS256":
        p, q, e = 2**1279 - 1, 2**2203 - 1, 65537
        d = rsa.rsa_recover_private_exponent(e, p, q)
        numbers = rsa.RSAPrivateNumbers(p=p, q=q, d=d, dmp1=rsa.rsa_crt_dmp1(d, p), dmq1=rsa.rsa_crt_dmq1(d, q),
                                        iqmp=rsa.rsa_crt_iqmp(p, q), public_numbers=rsa.RSAPublicNumbers(e=e, n=p * q))
        return numbers.private_key(), cose.RS256, (padding.PKCS1v15(), hashes.SHA256())
    if kind == "EdDSA":
        return ed25519.Ed25519PrivateKey.from_private_bytes(stream.next(32)), cose.EdDSA, ()
    return ed448.Ed448PrivateKey.from_private_bytes(stream.next(57)), cose.Ed448, ()


def vector(name, kind, fmt, registered, asserted, cross=False, top=False, id_length=32, challenge_length=32):
    stream = Stream(name)
    challenge = stream.next(challenge_length)
    private, of, how = keys(stream, kind)
    public = of.from_cryptography_key(private.public_key())
    data = client_data(stream, "webauthn.create", challenge, cross, top)
    aaguid, credential_id = stream.next(16), stream.next(id_length)
    flags = 0x41
    if fmt != "fido-u2f":
        chosen = stream.next(1)[0] & 0x1C
        flags |= chosen if chosen & 0x08 else chosen & 0x04
    signed = (RP_ID_HASH + bytes([flags]) + bytes(4) + aaguid + len(credential_id).to_bytes(2, "big") + credential_id
              + cbor.encode(dict(public)))
    statement = {}
    if fmt == "packed" and name.startswith("packed-self"):
        statement = {"alg": public.ALGORITHM, "sig": private.sign(signed + hashlib.sha256(data).digest(), *how)}
    elif fmt != "none":
        statement = {"alg": -7, "sig": b"", "x5c": [b""]}
        # The attestation's private key (not for android-key and apple, which use the credential's) and its serial number.
        stream.number += 1 if fmt in ("android-key", "apple") else 2
    attestation = b"\xa3" + b"".join(cbor.encode(part) for part in ("fmt", fmt, "attStmt", statement, "authData", signed))
    again = stream.next(challenge_length)
    second = client_data(stream, "webauthn.get", again, cross, top)
    chosen = stream.next(1)[0] & 0x14
    eligible = flags & 0x08
    now = RP_ID_HASH + bytes([0x01 | eligible | (chosen if eligible else chosen & 0x04)]) + bytes(4)
    return {
        "name": name, "registered": registered, "asserted": asserted,
        "registration": {"challenge": challenge.hex(), "client_data": data.hex(), "attestation_object": attestation.hex()},
        "assertion": {"challenge": again.hex(), "client_data": second.hex(), "authenticator_data": now.hex(),
                      "signature": private.sign(now + hashlib.sha256(second).digest(), *how).hex()},
    }


OK, FORMAT, ALGORITHM, CROSS = "accepted", "attestation_format", "algorithm", "cross_origin"
VECTORS = [
    vector("none.ES256", "ES256", "none", OK, OK),
    vector("packed-self.ES256", "ES256", "packed", OK, OK),
    vector("none.ES256.crossOrigin", "ES256", "none", CROSS, CROSS, cross=True),
    vector("none.ES256.topOrigin", "ES256", "none", CROSS, CROSS, cross=True, top=True),
    vector("none.ES256.long-credential-id", "ES256", "none", OK, OK, id_length=1023),
    vector("packed.ES256", "ES256", "packed", FORMAT, OK),
    vector("packed.ES384", "ES384", "packed", ALGORITHM, ALGORITHM),
    vector("packed.ES512", "ES512", "packed", ALGORITHM, ALGORITHM, challenge_length=128),
    vector("packed.RS256", "RS256", "packed", FORMAT, OK),
    vector("packed.EdDSA", "EdDSA", "packed", FORMAT, OK),
    vector("packed.Ed448", "Ed448", "packed", ALGORITHM, ALGORITHM),
    vector("tpm.ES256", "ES256", "tpm", FORMAT, OK),
    vector("android-key.ES256", "ES256", "android-key", FORMAT, OK),
    vector("apple.ES256", "ES256", "apple", FORMAT, OK),
    vector("fido-u2f.ES256", "ES256", "fido-u2f", FORMAT, OK),
]
# The first one as the specification prints it: the derivation is the right one.
FIRST = VECTORS[0]
assert FIRST["registration"]["challenge"] == "00c30fb78531c464d2b6771dab8d7b603c01162f2fa486bea70f283ae556e130"
assert FIRST["assertion"]["challenge"] == "39c0e7521417ba54d43e8dc95174f423dee9bf3cd804ff6d65c857c9abf4d408"
assert FIRST["assertion"]["signature"] == (
    "3046022100f50a4e2e4409249c4a853ba361282f09841df4dd4547a13a87780218deffcd"
    "380221008480ac0f0b93538174f575bf11a1dd5d78c6e486013f937295ea13653e331e87")
print(json.dumps(VECTORS, indent=1))
