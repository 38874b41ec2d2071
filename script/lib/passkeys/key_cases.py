"""Changes of the public key at a registration, and of signatures at an assertion."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

from authenticator import (
    CREATED, USED, Pairs, Raw, assertion, attested, auth_data, b64, bytes_of, cbor, client_data, eddsa, es256, head,
    registration, rs256, sha256,
)

P = 2**256 - 2**224 + 2**192 + 2**96 - 1  # the field of P-256 (SEC 2 §2.4.2)
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of its group
L = 2**252 + 27742317777372353535851937790883648493  # the order of Ed25519's group (RFC 8032 §5.1)


def of(cose, **changes):
    """A copy of the key with other parameters: `k3` is label 3, `m2` is label -2; `...` removes one."""
    labels = {(1 if name[0] == "k" else -1) * int(name[1:]): value for name, value in changes.items()}
    return {label: value for label, value in (cose | labels).items() if value is not ...}


def any_key(cose):
    yield "without kty", of(cose, k1=...), "public_key"
    yield "without alg", of(cose, k3=...), "public_key"
    yield "kty is unknown", of(cose, k1=4), "public_key"
    yield "kty as a text", of(cose, k1="EC2"), "public_key"
    yield "alg as a text", of(cose, k3="ES256"), "public_key"
    yield "alg is null", of(cose, k3=None), "public_key"
    for alg in (0, -35, -36, -37, -47, -48, -65535, 7, -9, -19):
        yield f"alg {alg}", of(cose, k3=alg), "algorithm"
    yield "not a map", cbor([1]), "public_key"
    yield "an empty map", {}, "public_key"
    yield "a label twice", cbor(Pairs([*cose.items(), (3, cose[3])])), "duplicate_key"
    yield "alg twice, first another", cbor(Pairs([(3, -37), *cose.items()])), "duplicate_key"
    yield "another order", cbor(Pairs(reversed(cose.items()))), "accepted"
    yield "of indefinite length", b"\xbf" + cbor(cose)[1:] + b"\xff", "cbor"
    yield "a long head", head(5, len(cose), 1) + cbor(cose)[1:], "cbor"
    yield "a long label", cbor(Pairs([(Raw(head(0, 1, 1)), cose[1]), *list(cose.items())[1:]])), "cbor"
    yield "a long alg", of(cose, k3=Raw(head(1, -1 - cose[3], 4))), "cbor"
    yield "a key id", of(cose, k2=b"kid"), "accepted"
    yield "an unknown label", of(cose, m70000=1), "accepted"
    yield "more than any key has", of(cose, k2=bytes(2100)), "too_long"
    yield "tagged", b"\xc6" + cbor(cose), "public_key"


def es256_keys(cose):
    x, y = cose[-2], cose[-3]
    for other in (1, 3):
        yield f"kty {other}", of(cose, k1=other), "public_key"
    for curve in (2, 3, 6, 8, "P-256", ...):
        yield f"crv {'absent' if curve is ... else curve}", of(cose, m1=curve), "public_key"
    for name, label, right in (("x", "m2", x), ("y", "m3", y)):
        for what, value in {
            "absent": ..., "empty": b"", "truncated": right[:-1], "extended": right + b"\0", "extended in front": b"\0" + right,
            "of zeros": bytes(32), "of ones": b"\xff" * 32, "a bit flipped": right[:-1] + bytes([right[-1] ^ 1]), "a number": 1,
            "a text": "x" * 32, "the field's order": P.to_bytes(32, "big"),
        }.items():
            yield f"{name} {what}", of(cose, **{label: value}), "public_key"
    yield "x and y swapped", of(cose, m2=y, m3=x), "public_key"
    yield "the point at infinity", of(cose, m2=bytes(32), m3=bytes(32)), "public_key"
    yield "a compressed point", of(cose, m3=bool(y[-1] & 1)), "public_key"
    yield "the negative point, another key", of(cose, m3=(P - int.from_bytes(y, "big")).to_bytes(32, "big")), "accepted"
    yield "alg EdDSA", of(cose, k3=-8), "public_key"
    yield "alg RS256", of(cose, k3=-257), "public_key"


def eddsa_keys(cose):
    x = cose[-2]
    for other in (2, 3):
        yield f"kty {other}", of(cose, k1=other), "public_key"
    for curve in (1, 4, 7, "Ed25519", ...):
        yield f"crv {'absent' if curve is ... else curve}", of(cose, m1=curve), "public_key"
    for what, value in {
        "absent": ..., "empty": b"", "truncated": x[:-1], "extended": x + b"\0", "a number": 1, "a text": "x" * 32,
        "of 57 bytes": bytes_of("Ed448", 57),
    }.items():
        yield f"x {what}", of(cose, m2=value), "public_key"
    yield "alg ES256", of(cose, k3=-7), "public_key"


def rs256_keys(cose):
    n = cose[-1]
    for other in (1, 2):
        yield f"kty {other}", of(cose, k1=other), "public_key"
    for what, value in {
        "absent": ..., "empty": b"", "even": n[:-1] + bytes([n[-1] & 0xFE]), "with a leading zero": b"\0" + n, "a number": 1,
        "of zeros": bytes(256), "of 2,047 bits": bytes([n[0] & 0x7F]) + n[1:], "of 1,024 bits": n[:127] + bytes([n[127] | 1]),
        "of 512 bits": n[:63] + bytes([n[63] | 1]), "of 8,200 bits": b"\x80" + bytes_of("modulus", 1023) + b"\1",
    }.items():
        yield f"n {what}", of(cose, m1=value), "public_key"
    for what, value in {
        "absent": ..., "empty": b"", "0": b"\0", "1": b"\1", "even": b"\1\0\0", "with a leading zero": b"\0\1\0\1", "a number": 65537,
        "of 5 bytes": b"\1\0\0\0\1", "as long as n": n,
    }.items():
        yield f"e {what}", of(cose, m2=value), "public_key"
    yield "e 3", of(cose, m2=b"\3"), "accepted"
    yield "alg PS256", of(cose, k3=-37), "algorithm"
    yield "alg RS1", of(cose, k3=-65535), "algorithm"
    yield "alg ES256", of(cose, k3=-7), "public_key"


def der(*numbers):
    def integer(number):
        raw = number if isinstance(number, bytes) else number.to_bytes(number.bit_length() // 8 + 1, "big")
        return b"\x02" + bytes([len(raw)]) + raw
    body = b"".join(map(integer, numbers))
    return b"\x30" + bytes([len(body)]) + body


def es256_signatures(key, message, right):
    r, s = utils.decode_dss_signature(right)
    yield "the other s of ECDSA", der(r, N - s), "accepted"
    for at in (1, 3, 5, 20, 37, 50, len(right) - 1):
        yield f"byte {at} changed", right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :], "signature"
    yield "empty", b"", "signature"
    yield "truncated", right[:-1], "signature"
    yield "a byte behind", right + b"\0", "signature"
    yield "r and s without DER", r.to_bytes(32, "big") + s.to_bytes(32, "big"), "signature"
    for name, numbers in {
        "r is 0": (0, s), "s is 0": (r, 0), "r and s are 0": (0, 0), "r is n": (N, s), "s is n": (r, N), "r and s swapped": (s, r),
        "r plus n": (r + N, s), "s plus n": (r, s + N), "r and s are 1": (1, 1), "r only": (r,), "a third number": (r, s, 1),
    }.items():
        yield name, der(*numbers), "signature"
    long_r = b"\0" + r.to_bytes(r.bit_length() // 8 + 1, "big")
    yield "r with a zero too many", der(long_r, s), "signature"
    yield "r negative", der((-r).to_bytes(33, "big", signed=True), s), "signature"
    yield "length in two bytes", b"\x30\x81" + right[1:], "signature"
    yield "indefinite length of BER", b"\x30\x80" + right[2:] + b"\0\0", "signature"
    yield "a SET", b"\x31" + right[1:], "signature"
    yield "a byte inside behind s", b"\x30" + bytes([right[1] + 1]) + right[2:] + b"\0", "signature"
    yield "with SHA-384", key.private.sign(message, ec.ECDSA(hashes.SHA384(), deterministic_signing=True)), "signature"
    yield "of another key", es256("another").sign(message), "signature"
    yield "of the client data only", key.sign(message[-32:]), "signature"
    yield "of the data only", key.sign(message[:-32]), "signature"
    yield "of the hash of both", key.sign(sha256(message)), "signature"
    yield "of EdDSA", eddsa().sign(message), "signature"


def eddsa_signatures(key, message, right):
    for at in (0, 31, 32, 63):
        yield f"byte {at} changed", right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :], "signature"
    s = int.from_bytes(right[32:], "little") + L
    yield "S plus the order of the group", right[:32] + s.to_bytes(32, "little"), "signature"
    yield "S is 0", right[:32] + bytes(32), "signature"
    yield "R is the neutral point", b"\1" + bytes(31) + right[32:], "signature"
    yield "all zeros", bytes(64), "signature"
    yield "empty", b"", "signature"
    yield "truncated", right[:-1], "signature"
    yield "a byte behind", right + b"\0", "signature"
    yield "in DER", b"\x04\x40" + right, "signature"
    yield "of another key", eddsa("another").sign(message), "signature"
    yield "of the data only", key.sign(message[:-32]), "signature"
    yield "of the hash of both", key.sign(sha256(message)), "signature"


def raw_rsa(key, block):
    numbers = key.private.private_numbers()
    n = numbers.public_numbers.n
    return pow(int.from_bytes(block, "big"), numbers.d, n).to_bytes(key.private.key_size // 8, "big")


def rs256_signatures(key, message, right):
    n = int.from_bytes(key.cose[-1], "big")
    size = len(right)
    for at in (0, 100, size - 1):
        yield f"byte {at} changed", right[:at] + bytes([right[at] ^ 1]) + right[at + 1 :], "signature"
    yield "empty", b"", "signature"
    yield "truncated", right[:-1], "signature"
    yield "a byte behind", right + b"\0", "signature"
    yield "a zero in front", b"\0" + right, "signature"
    yield "zero", bytes(size), "signature"
    yield "one", bytes(size - 1) + b"\1", "signature"
    yield "n", n.to_bytes(size, "big"), "signature"
    yield "plus n", (int.from_bytes(right, "big") + n).to_bytes(size + 1, "big"), "signature"
    yield "with SHA-1", key.private.sign(message, padding.PKCS1v15(), hashes.SHA1()), "signature"
    yield "with SHA-512", key.private.sign(message, padding.PKCS1v15(), hashes.SHA512()), "signature"
    yield "PSS", fixed_pss(), "signature"
    info = bytes.fromhex("3031300d060960864801650304020105000420")
    block = b"\0\1" + b"\xff" * (size - 3 - len(info) - 32) + b"\0" + info + sha256(message)
    assert raw_rsa(key, block) == right, "the control"
    short = bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + sha256(message)
    no_null = b"\0\1" + b"\xff" * (size - 3 - len(short)) + b"\0" + short
    yield "without the NULL of the algorithm", raw_rsa(key, no_null), "signature"
    yield "padding of type 2", raw_rsa(key, b"\0\2" + block[2:]), "signature"
    yield "short padding, bytes behind the hash", raw_rsa(key, b"\0\1" + b"\xff" * 8 + b"\0" + info + sha256(message) + bytes(size - 62)), "signature"
    yield "a hole in the padding", raw_rsa(key, block[:20] + b"\xfe" + block[21:]), "signature"
    yield "of the data only", key.sign(message[:-32]), "signature"


def fixed_pss():
    """PSS is random: this one was never valid, and has the length of one."""
    return bytes_of("pss", 256)


SIGNATURES = {"ES256": es256_signatures, "EdDSA": eddsa_signatures, "RS256": rs256_signatures}
KEYS = {"ES256": es256_keys, "EdDSA": eddsa_keys, "RS256": rs256_keys}


def sizes():
    """Keys of other sizes, with what they sign."""
    for name, key, verdict in (
        ("RSA of 1,024 bits", rs256(1024), "public_key"), ("RSA of 2,046 bits", rs256(2048, top=2), "public_key"),
        ("RSA of 3,072 bits", rs256(3072), "accepted"), ("RSA with exponent 3", rs256(2048, exponent=3), "accepted"),
    ):
        yield f"registration: {name}", registration(key), verdict
        yield f"assertion: {name}", assertion(key), verdict
    key = rs256(2048, exponent=3)
    yield "assertion: RSA with exponent 3, forged by a cube root", assertion(key, sign=cube_root), "signature"
    first, second = es256(), eddsa()
    swapped = {"public_key": b64(cbor(second.cose))}
    yield "assertion: the stored key is of another algorithm", assertion(first, known=swapped), "signature"
    for name, stored, verdict in (
        ("truncated", cbor(first.cose)[:-1], "cbor"), ("with a byte behind", cbor(first.cose) + b"\0", "cbor"),
        ("of an unknown algorithm", cbor(of(first.cose, k3=-35)), "algorithm"), ("empty", b"", "cbor"),
    ):
        yield f"assertion: the stored key is {name}", assertion(first, known={"public_key": b64(stored)}), verdict


def cube_root(key, message, _right):
    """Bleichenbacher 2006: the hash in front, and bytes behind that make a cube."""
    info = bytes.fromhex("3031300d060960864801650304020105000420") + sha256(message)
    wanted = int.from_bytes((b"\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0" + info).ljust(256, b"\xff"), "big")
    low, high = 0, 1 << 700
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= wanted else (low, middle - 1)
    return low.to_bytes(256, "big")


def cases(keys):
    for algorithm, key in keys.items():
        shared = list(any_key(key.cose)) if algorithm != "EdDSA" else []
        for name, cose, verdict in (*shared, *KEYS[algorithm](key.cose)):
            data = auth_data(CREATED, behind=attested(cose))
            yield f"registration, {algorithm} key: {name}", registration(key, data=data), verdict
        message = auth_data(USED) + sha256(client_data("webauthn.get"))
        for name, signature, verdict in SIGNATURES[algorithm](key, message, key.sign(message)):
            yield f"assertion, {algorithm} signature: {name}", assertion(key, sign=lambda *_: signature), verdict
    yield from sizes()
