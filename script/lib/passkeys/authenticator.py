"""A software authenticator and its browser: valid ceremonies whose every part can be replaced.

All of it is deterministic: keys are derived, ECDSA signs by RFC 6979. So the fixture changes only when a case changes.
"""

import base64
import functools
import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

RP_ID = "auth.example.com"
ORIGIN = "https://auth.example.com"
APP = "android:apk-key-hash:pNiP5iKyQ8JwgGOaKA1zGPUPJIS-0H1xKCQcfIoGLck"
ORIGINS = [ORIGIN, "https://app.example.com", APP]
HANDLE = hashlib.sha256(b"user handle").digest()
CREDENTIAL_ID = hashlib.sha256(b"credential id").digest()
AAGUID = hashlib.sha256(b"aaguid").digest()[:16]

UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sha256(data):
    return hashlib.sha256(data).digest()


def bytes_of(name, length):
    return b"".join(sha256(f"{name} {at}".encode()) for at in range(length // 32 + 1))[:length]


# CBOR (RFC 8949). A list of pairs is a map: its order and its keys are the caller's.


class Raw(bytes):
    """Bytes that are written as they are."""


class Pairs(list):
    """A map as a list of keys and values."""


def head(major, number, width=None):
    """The head of an item: as short as possible, or with a number of `width` bytes."""
    if width is None:
        width = next(w for w, end in ((0, 24), (1, 2**8), (2, 2**16), (4, 2**32), (8, 2**64)) if number < end)
    if width == 0:
        return bytes([major << 5 | number])
    return bytes([major << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[width]]) + number.to_bytes(width, "big")


def cbor(value):
    if isinstance(value, Raw):
        return bytes(value)
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, dict):
        value = Pairs(value.items())
    if isinstance(value, Pairs):
        return head(5, len(value)) + b"".join(cbor(key) + cbor(item) for key, item in value)
    return head(4, len(value)) + b"".join(map(cbor, value))


# Keys.


class Key:
    """A private key, its COSE form as a dictionary, and how it signs."""

    def __init__(self, private, cose, *how):
        self.private, self.cose, self.how = private, cose, how

    def sign(self, message):
        return self.private.sign(message, *self.how)


def es256(name="es256"):
    private = ec.derive_private_key(int.from_bytes(bytes_of(name, 32), "big"), ec.SECP256R1())
    public = private.public_key().public_numbers()
    cose = {1: 2, 3: -7, -1: 1, -2: public.x.to_bytes(32, "big"), -3: public.y.to_bytes(32, "big")}
    return Key(private, cose, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def eddsa(name="eddsa"):
    private = ed25519.Ed25519PrivateKey.from_private_bytes(bytes_of(name, 32))
    return Key(private, {1: 1, 3: -8, -1: 6, -2: private.public_key().public_bytes_raw()})


def is_prime(number):
    """Miller and Rabin's test."""
    if any(number % small == 0 for small in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in range(2, 22):
        power = pow(base, odd, number)
        if power not in (1, number - 1) and not any(
            (power := power * power % number) == number - 1 for _ in range(twos - 1)
        ):
            return False
    return True


def prime(name, bits, exponent, top=3):
    """The first prime behind a derived number whose two highest bits are `top`."""
    number = int.from_bytes(bytes_of(name, bits // 8 + 1), "big") % 2 ** (bits - 2) | top << bits - 2 | 1
    while (number - 1) % exponent == 0 or not is_prime(number):
        number += 2
    return number


@functools.cache
def rs256(bits=2048, exponent=65537, top=3):
    p, q = (prime(f"{name} {bits}", bits // 2, exponent, top) for name in "pq")
    d = pow(exponent, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(exponent, p * q)
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    modulus = public.n.to_bytes((public.n.bit_length() + 7) // 8, "big")
    private = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    cose = {1: 3, 3: -257, -1: modulus, -2: exponent.to_bytes((exponent.bit_length() + 7) // 8, "big")}
    return Key(private, cose, padding.PKCS1v15(), hashes.SHA256())


# What the browser and the authenticator write.


def client_data(kind, **members):
    """`members` replace or add; one that is `...` is left out."""
    data = {"type": kind, "challenge": b64(challenge(kind)), "origin": ORIGIN, "crossOrigin": False} | members
    return json.dumps({name: value for name, value in data.items() if value is not ...}, separators=(",", ":")).encode()


def challenge(kind):
    return sha256(f"challenge of {kind}".encode())


def attested(key, credential_id=CREDENTIAL_ID, aaguid=AAGUID, length=None):
    """`key`: a dictionary, or bytes as they are."""
    length = len(credential_id) if length is None else length
    encoded = key if isinstance(key, bytes) else cbor(key)
    return aaguid + length.to_bytes(2, "big") + credential_id + encoded


def auth_data(flags, count=0, behind=b"", rp_id_hash=sha256(RP_ID.encode())):
    return rp_id_hash + bytes([flags]) + count.to_bytes(4, "big") + behind


def attestation_object(data, fmt="none", statement=None):
    return cbor({"fmt": fmt, "attStmt": statement or {}, "authData": data})


CREATED, USED = UP | UV | BE | BS | AT, UP | UV | BE | BS


def registration(key, *, client=None, data=None, whole=None, credential_id=CREDENTIAL_ID, **expected):
    """What a server receives and expects. `client`, `data`, `whole`: bytes in place of the right ones."""
    client = client_data("webauthn.create") if client is None else client
    data = auth_data(CREATED, behind=attested(key.cose, credential_id)) if data is None else data
    whole = attestation_object(data) if whole is None else whole
    response = {"clientDataJSON": b64(client), "attestationObject": b64(whole), "transports": ["internal", "hybrid"]}
    return {
        "ceremony": "registration",
        "challenge": b64(challenge("webauthn.create")),
        "origins": ORIGINS,
        "rp_id": RP_ID,
        "user_verification": True,
        "credential": envelope(credential_id, response),
    } | expected


def assertion(key, *, client=None, data=None, sign=None, known=None, response=None, **expected):
    """`sign` maps the key, the message and the right signature to another one; `known` and `response` replace members."""
    client = client_data("webauthn.get") if client is None else client
    data = auth_data(USED) if data is None else data
    signature = key.sign(data + sha256(client))
    if sign is not None:
        signature = sign(key, data + sha256(client), signature)
    members = {
        "clientDataJSON": b64(client),
        "authenticatorData": b64(data),
        "signature": b64(signature),
        "userHandle": b64(HANDLE),
    }
    record = {
        "credential_id": b64(CREDENTIAL_ID),
        "public_key": b64(cbor(key.cose)),
        "sign_count": 0,
        "backup_eligible": True,
        "user_handle": b64(HANDLE),
        "user_is_known": False,
    }
    return {
        "ceremony": "assertion",
        "challenge": b64(challenge("webauthn.get")),
        "origins": ORIGINS,
        "rp_id": RP_ID,
        "user_verification": True,
        "credential": envelope(CREDENTIAL_ID, without(members | (response or {}))),
        "known": record | (known or {}),
    } | expected


def envelope(credential_id, response):
    return {
        "id": b64(credential_id),
        "rawId": b64(credential_id),
        "type": "public-key",
        "authenticatorAttachment": "platform",
        "clientExtensionResults": {},
        "response": response,
    }


def without(members):
    return {name: value for name, value in members.items() if value is not ...}
