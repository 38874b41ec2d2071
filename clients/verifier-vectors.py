#!/usr/bin/env python3
"""Writes verifier-vectors.json: what every verifier must answer to given tokens and events at given times.

`pip install 'cryptography>=44'`, then `clients/verifier-vectors.py > clients/verifier-vectors.json`. The file is committed,
and the same bytes come out each time: the keys are fixed, and the signatures need no random bytes. The keys are for tests.

A case is a list of steps for one new verifier. `mono` is its monotonic clock, `wall` its wall clock, both in seconds.
`do` is `connect`, `event` (`then`: taken, reconnect or ignored), `poll` (`then`: taken or refused) or `verify`
(`verdict`: good, invalid, expired, stale, revoked or outdated).
"""

import base64
import hashlib
import hmac
import json
import sys
from collections import namedtuple
from functools import partial

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER, AUDIENCE = "https://auth.example.com", "https://api.example.com"
T = 1795864993
# Tokens live for four hours, which is three minutes less than entries are kept.
KEEP, KEPT_LONGER, DAY = 14580, 180, 86400
NULL = ()  # Written as null, where None leaves a member out.
CRITICAL = {"crit": ["https://example.com/x"], "https://example.com/x": 1}
STREAM, OTHER = "3q2-7wAAQEU", "yv66vgAAQEU"


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def number(value, size):
    """A number of a JWK."""
    return b64(value.to_bytes(size, "big"))


Key = namedtuple("Key", "kid alg jwk sign")


def es256(kid, secret):
    key = ec.derive_private_key(secret, ec.SECP256R1())

    def sign(data):
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    public = key.public_key().public_numbers()
    return Key(kid, "ES256", {"kty": "EC", "crv": "P-256", "x": number(public.x, 32), "y": number(public.y, 32)}, sign)


def eddsa(kid, secret):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    return Key(kid, "EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": b64(key.public_key().public_bytes_raw())}, key.sign)


def rs256(kid, p, q):
    d, public = pow(65537, -1, (p - 1) * (q - 1)), rsa.RSAPublicNumbers(65537, p * q)
    key = rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public).private_key()
    return Key(kid, "RS256", {"kty": "RSA", "n": number(p * q, 256), "e": "AQAB"},
               lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256()))


KEY, OLD = es256("current", 0x5EED01), es256("previous", 0x5EED02)
ED = eddsa("edwards", bytes(range(32)))
RSA = rs256(
    "rivest",
    int("fe31521bc09ac3d780994cd54f420cdf68f695aeaac1366cb8c7cb23d164dfebd4d28fffa2330ec1497cd5cdb15834a1674e55282206be"
        "9c5b3eb1f82148241254ecf199d0e755250067eea83b6e8e5aa8b7b3ece1d2b64aee8a51dd0853b9de3bc00e1ea888dd7e31d39c284ab0"
        "4a0445e57a5c029d112e8642b12319d70881", 16),
    int("d08e856a5387cea28369e5a19e2958cbe0cff32fdab88d673670f62ba57f17263d5aaec14fa1b45e3d08071b02ffb1dea150c77dc64997"
        "bb4c0b773c236b0de5b40ba1b278890dce294ea3b3c7a94e3de79b33374918c29f7362aa82c27712043200164a37a8c1eab0cd7ea6b292"
        "047b3f699929e217f29b9fac1d42eadbf16f", 16))
PUBLISHED = [KEY, OLD, ED, RSA]
# Published, and of no use: a secret, and a kind of key that does not exist yet.
SYMMETRIC = Key("symmetric", "HS256", {"kty": "oct", "k": b64(b"secret" * 6)}, lambda data: hs256(data, b"secret" * 6))
FUTURE = Key("future", "XX256", {"kty": "XX", "x": "AAAA"}, None)
# Not published: a stranger's, and one that claims to be the current key.
STRANGER, IMPOSTOR = es256("stranger", 0x5EED03), es256("current", 0x5EED04)
PUBLIC_PEM = ec.derive_private_key(0x5EED01, ec.SECP256R1()).public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def written_out(compact=None, more="", **texts):
    """The payload of a good token, or of this text, with these texts for values, and more: what no value here stands for."""
    payload = (compact or token()).split(".")[1]
    members = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return "{" + ",".join(json.dumps(name) + ":" + texts.get(name, json.dumps(value)) for name, value in members.items()) + more + "}"


def headed(more="", typ="at+jwt", **texts):
    """The header of a good token, as a text: with these texts for values, and more."""
    members = {"typ": f'"{typ}"', "alg": f'"{KEY.alg}"', "kid": f'"{KEY.kid}"', **texts}
    return "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + more + "}"


def left_out(members):
    return {name: None if value == NULL else value for name, value in members.items() if value is not None}


def jws(typ, payload, key=KEY, header=None, sign=None):
    """Members of `header` change the header; None removes one. A text is the whole header."""
    head = header if isinstance(header, str) else left_out({"typ": typ, "alg": key.alg, "kid": key.kid, **(header or {})})
    parts = [part if isinstance(part, str) else json.dumps(part, separators=(",", ":")) for part in (head, payload)]
    # A surrogate stands for a byte that is not UTF-8.
    text = ".".join(b64(part.encode(errors="surrogateescape")) for part in parts)
    return text + "." + b64((sign or key.sign)(text.encode()))


def hs256(data, secret=PUBLIC_PEM):
    return hmac.digest(secret, data, "sha256")


def broken(compact):
    """The same with another first character in the signature."""
    text, signature = compact.rsplit(".", 1)
    return text + "." + ("A" if signature[0] != "A" else "B") + signature[1:]


def respelled(compact):
    """The same bytes, with another last character: its last bits belong to none of them."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return compact[:-1] + letters[letters.index(compact[-1]) + 1]


def respelled_payload():
    """A payload with such a last character, under a genuine signature."""
    head, payload, _ = next(each for each in (token(roles=["x" * size]).split(".") for size in range(3)) if len(each[1]) % 4)
    text = head + "." + respelled(payload)
    return text + "." + b64(KEY.sign(text.encode()))


def uuid7(milliseconds, name):
    """A UUIDv7 of that time; the rest of it from the name."""
    raw = bytearray(milliseconds.to_bytes(6, "big") + hashlib.sha256(name.encode()).digest()[:10])
    raw[6], raw[8] = raw[6] & 0x0F | 0x70, raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def digest(identifier):
    return b64(hashlib.sha256(identifier.lower().encode()).digest()[:8])


ALICE, BOB = uuid7((T - 90 * DAY) * 1000, "alice"), uuid7((T - 80 * DAY) * 1000, "bob")
SESSION_AT = (T - 3600) * 1000
SESSION, SECOND = uuid7(SESSION_AT, "session"), uuid7(SESSION_AT + 1, "second")
UUID4 = "9b2f6f0e-5d0c-4b8e-9f57-0a1b2c3d4e5f"


def token(key=KEY, typ="at+jwt", header=None, sign=None, **claims):
    """A good access token, but for what is given; None removes a claim."""
    whole = {"iss": ISSUER, "sub": ALICE, "aud": AUDIENCE, "exp": T + 7200, "iat": T - 60, "nbf": T - 60,
             "jti": uuid7((T - 60) * 1000, "jti"), "sid": SESSION, "auth_time": T - 3600, "acr": "urn:heirloom:acr:1",
             "amr": ["pwd"], "roles": ["editor"], "rev": 3, **claims}
    return jws(typ, left_out(whole), key, header, sign)


# `nbf` and `exp` are far enough away for every clock below.
LONG = token(nbf=T - 7200, iat=T - 7200)


def young(at, **claims):
    """A token that is signed `at` seconds after T and lives for 100 s."""
    return token(**{"iat": T + at, "nbf": T + at, "exp": T + at + 100, **claims})


def event(kind, n, at=0, stream=STREAM, key=KEY, typ="heirloom-revocations+jwt", header=None, sign=None, **members):
    """An event that is signed `at` seconds after T."""
    whole = {"iss": ISSUER, "iat": T + at, "exp": T + at + 5, "kind": kind, "stream": stream, "n": n, "keep": KEEP, **members}
    return jws(typ, left_out(whole), key, header, sign)


def snapshot(n=10, at=0, **members):
    return event("snapshot", n, at, **members)


delta, beat = partial(event, "delta"), partial(event, "beat")


cases = []


class Case:
    """Steps of one verifier. Unless `skew` differs, its wall clock is right: T + mono."""

    def __init__(self, name, on_stale="refuse", skew=0):
        self.steps, self.skew = [], skew
        cases.append({"name": name, "on_stale": on_stale, "steps": self.steps})

    def step(self, mono, **what):
        self.steps.append({"mono": float(mono), "wall": float(T + mono + self.skew), **what})
        return self

    def connect(self, mono=0):
        return self.step(mono, do="connect")

    def event(self, mono, event, then="taken"):
        return self.step(mono, do="event", jws=event, then=then)

    def poll(self, mono, event, then="taken"):
        return self.step(mono, do="poll", jws=event, then=then)

    def verify(self, mono, verdict, token=LONG):
        return self.step(mono, do="verify", token=token, verdict=verdict)

    def open(self, mono=0, **members):
        """Connects and takes a snapshot: n 10."""
        return self.connect(mono).event(mono, snapshot(at=mono, **members))

    def keep_fresh(self, first, last, n, stream=STREAM):
        """One beat each second."""
        for at in range(first, last + 1):
            self.event(at, beat(n + at - first, at, stream=stream))
        return self


def tokens_alone():
    good = {
        "a good token": token(),
        "a good token of a key that is still published": token(key=OLD),
        "a good token signed with EdDSA": token(key=ED),
        "a good token signed with RS256": token(key=RSA),
        "typ application/at+jwt is good": token(typ="application/at+jwt"),
        "typ in upper case is good": token(typ="AT+JWT"),
        "aud may be a list that contains ours": token(aud=["https://shop.example.com", AUDIENCE]),
        "a token without rev is good while nothing is revoked": token(rev=None),
        "nbf 5 s ahead is within the leeway": token(nbf=T + 5),
        "exp 4 s ago is within the leeway": token(exp=T - 4),
        "a token without roles is good": token(roles=None),
        "a token signed four hours ago, within the leeway": token(iat=T - 14404, nbf=T - 14404),
        "claims of the users may be any numbers": jws("at+jwt", written_out(more=',"n":1.0,"deep":{"exp":1e3,"list":[0.5]}')),
        "a claim of the users may be minus zero": jws("at+jwt", written_out(more=',"n":-0')),
        "what later versions add to a header may be any number": token(header=headed(',"later":-0.5')),
        "a header may be written with escapes and spaces": token(header=headed(kid=' "\\u0063urrent" ')),
        "claims may hold any character": token(name='\U0001f600 \u2028 "exp":1.0, \\'),
    }
    for name, each in good.items():
        Case(name).open().verify(0, "good", each)
    expired = {
        "expired 5 s ago": token(exp=T - 5),
        "expired an hour ago": token(exp=T - 3600, iat=T - 4200, nbf=T - 4200),
        "signed while tokens lived longer than four hours": token(iat=T - 14405, nbf=T - 14405),
    }
    for name, each in expired.items():
        Case(name).open().verify(0, "expired", each)
    head, _, signature = token().split(".")
    _, payload, _ = token(roles=["admin"]).split(".")
    invalid = {
        "no token": "",
        "not a JWS": "not-a-token",
        "two parts": ".".join(token().split(".")[:2]),
        "four parts": token() + ".AAAA",
        "a payload that is not JSON": ".".join((head, b64(b"{]"), signature)),
        "another payload under a genuine signature": ".".join((head, payload, signature)),
        "a forged signature": broken(token()),
        "signed by a published key of an alg that is not for tokens": token(key=SYMMETRIC),
        "a line break in the signature": "\n".join((token()[:-5], token()[-5:])),
        "padding after the signature": token() + "=",
        "signed by a key that is not published": token(key=STRANGER),
        "signed by another key under a published kid": token(key=IMPOSTOR),
        "signed by the previous key under the current kid": token(key=OLD, header={"kid": KEY.kid}),
        "another key in the header": token(key=STRANGER, header={"kid": KEY.kid, "jwk": STRANGER.jwk}),
        "no kid": token(header={"kid": None}),
        "alg none": token(header={"alg": "none"}, sign=lambda _data: b""),
        "alg none without kid": token(header={"alg": "none", "kid": None}, sign=lambda _data: b""),
        "HS256 with the public key as its secret": token(header={"alg": "HS256"}, sign=hs256),
        "an alg that is not the key's": token(key=RSA, header={"kid": KEY.kid}),
        "RS512 in the header of an RS256 key": token(key=RSA, header={"alg": "RS512"}),
        "a critical extension that is unknown": token(header=CRITICAL),
        "crit as null": token(header={"crit": NULL}),
        "crit as an empty list": token(header={"crit": []}),
        "b64 in the header, which changes how the payload is read": token(header={"b64": False}),
        "b64 as true": token(header={"b64": True}),
        "kid twice": token(header=headed(f',"kid":"{KEY.kid}"')),
        "kid twice, the second of another key": token(header=headed(f',"kid":"{OLD.kid}"')),
        "kid twice, once with an escape": token(header=headed(f',"\\u006bid":"{KEY.kid}"')),
        "alg twice": token(header=headed(f',"alg":"{KEY.alg}"')),
        "typ twice": token(header=headed(',"typ":"at+jwt"')),
        "another member of the header twice": token(header=headed(',"x":1,"x":1')),
        "a header that is a list": token(header=f'["{KEY.alg}","{KEY.kid}","at+jwt",null]'),
        "a header with half of a pair of surrogates": token(header=headed(',"x":"\\ud800"')),
        "a header that is not UTF-8": token(header=headed(',"x":"\udcff"')),
        "a header with a byte order mark": token(header="\ufeff" + headed()),
        "a number of the header that is beyond all numbers": token(header=headed(',"x":1e999')),
        "typ JWT": token(typ="JWT"),
        "no typ": token(typ=None),
        "an event instead of a token": event("snapshot", 10, nbf=T - 60, aud=AUDIENCE, sub=ALICE, sid=SESSION),
        "a foreign issuer": token(iss="https://other.example.com"),
        "the issuer with a slash": token(iss=ISSUER + "/"),
        "no issuer": token(iss=None),
        "a foreign audience": token(aud="https://shop.example.com"),
        "a list of foreign audiences": token(aud=["https://shop.example.com", ISSUER]),
        "no audience": token(aud=None),
        "an empty list of audiences": token(aud=[]),
        "no exp": token(exp=None),
        "exp as a text": token(exp=str(T + 7200)),
        "no nbf": token(nbf=None),
        "nbf as a text": token(nbf=str(T - 60)),
        "nbf 6 s ahead": token(nbf=T + 6),
        "no iat": token(iat=None),
        "iat as a text": token(iat=str(T - 60)),
        "no sub": token(sub=None),
        "sub as a number": token(sub=7),
        "no sid": token(sid=None),
        "sid as a number": token(sid=7),
        "rev as a text": token(rev="3"),
        "exp with a fraction": token(exp=T + 7200.5),
        "exp as true": token(exp=True),
        "exp beyond all integers": token(exp=10 ** 30),
        "exp beyond all numbers": jws("at+jwt", written_out(exp="1e999")),
        "a claim that is NaN, which is not JSON": jws("at+jwt", written_out(acr="NaN")),
        "iat with a fraction": token(iat=T - 60.5),
        "rev with a fraction": token(rev=3.5),
        "rev beyond all integers": token(rev=10 ** 30),
        "rev below zero": token(rev=-1),
        "rev of minus zero": jws("at+jwt", written_out(rev="-0")),
        "iat of minus zero": jws("at+jwt", written_out(iat="-0")),
        "exp of minus zero": jws("at+jwt", written_out(exp="-0")),
        "nbf of minus zero": jws("at+jwt", written_out(nbf="-0")),
        "a claim of the users that is beyond all numbers": jws("at+jwt", written_out(more=',"deep":[{"n":1e999}]')),
        "a claim of the users that is an integer beyond all numbers": jws("at+jwt", written_out(more=f',"n":{10 ** 400}')),
        "roles as a text": token(roles="editor"),
        "roles that are numbers": token(roles=[7]),
        "aud as an object": token(aud={AUDIENCE: AUDIENCE}),
        "aud that only begins like ours": token(aud=AUDIENCE + ".example.net"),
        "a payload that is a list": jws("at+jwt", [token()]),
        "kid as a number": token(header={"kid": 7}),
        "kid as a list": token(header={"kid": [KEY.kid]}),
        "typ as a number": token(header={"typ": 7}),
        "alg as a list": token(header={"alg": ["ES256"]}),
        "an empty signature": token(sign=lambda _data: b""),
        "another spelling of the signature": respelled(token()),
        "another spelling of an EdDSA signature": respelled(token(key=ED)),
        "another spelling of an RS256 signature": respelled(token(key=RSA)),
        "another spelling of the payload, signed": respelled_payload(),
        "exp with a fraction of zero": jws("at+jwt", written_out(exp=f"{T + 7200}.0")),
        "exp with an exponent": jws("at+jwt", written_out(exp=f"{T + 7200}e0")),
        "nbf with an exponent": jws("at+jwt", written_out(nbf="1.7E9")),
        "iat with a fraction of zero": jws("at+jwt", written_out(iat=f"{T - 60}.0")),
        "rev with a fraction of zero": jws("at+jwt", written_out(rev="3.0")),
        "exp of 2^53, which not every language tells from the next": token(exp=2 ** 53),
        "exp of 2^53 + 1": token(exp=2 ** 53 + 1),
        "rev of 2^53": token(rev=2 ** 53),
        "sid twice": jws("at+jwt", written_out(more=f',"sid":"{SECOND}"')),
        "exp twice": jws("at+jwt", written_out(more=f',"exp":{T + 7200}')),
        "exp twice, once with an escape": jws("at+jwt", written_out(more=f',"\\u0065xp":{T + 7200}')),
        "aud twice": jws("at+jwt", written_out(more=f',"aud":"{AUDIENCE}"')),
        "sid with half of a pair of surrogates": token(sid="\ud800"),
        "a claim with half of a pair of surrogates": token(name="\udfff"),
        "a payload that is not UTF-8": jws("at+jwt", written_out(acr='"\udcff"')),
        "a payload with a byte order mark": jws("at+jwt", "\ufeff" + written_out()),
    }
    for name, each in invalid.items():
        Case("invalid: " + name).open().verify(0, "invalid", each)


def order_of_verdicts():
    old = {"exp": T - 3600, "iat": T - 4200, "nbf": T - 4200}
    everything = {"sessions": [digest(SESSION)], "access": [[digest(ALICE), 4]], "everyone": T * 1000}
    Case("invalid comes before expired").open().verify(0, "invalid", broken(token(**old)))
    Case("invalid comes before stale").verify(0, "invalid", broken(token()))
    Case("expired comes before stale").verify(0, "expired", token(**old))
    Case("expired comes before revoked").open(**everything).verify(0, "expired", token(**old))
    Case("stale comes before revoked").open(**everything).verify(5.5, "stale")
    Case("revoked comes before outdated").open(**everything).verify(0, "revoked")


def revocations():
    Case("stale before the first snapshot").connect().verify(1, "stale")
    Case("stale before the first connection").verify(0, "stale")
    Case("revoked by its session in the snapshot").open(sessions=[digest(SECOND), digest(SESSION)]).verify(0, "revoked") \
        .verify(0, "revoked", token(sid=SECOND)).verify(0, "good", token(sid=UUID4))
    Case("revoked by its session in a delta").open().verify(0, "good") \
        .event(0.5, delta(11, sessions=[digest(SESSION)])).verify(0.5, "revoked").verify(0.5, "good", token(sid=SECOND))
    Case("a session that is written in upper case is the same").open(sessions=[digest(SESSION)]) \
        .verify(0, "revoked", token(sid=SESSION.upper()))
    Case("revoked by everyone").open(everyone=T * 1000).verify(0, "revoked")
    Case("everyone ends a session of the same millisecond, and none that is later").open(everyone=SESSION_AT) \
        .verify(0, "revoked").verify(0, "good", token(sid=SECOND)).verify(0, "good", token(sid=SECOND.upper()))
    Case("everyone in a delta").open().event(0.5, delta(11, everyone=SESSION_AT)).verify(0.5, "revoked")
    Case("a lower time of everyone does not take back a higher one").open(everyone=SESSION_AT + 1) \
        .event(0.5, delta(11, everyone=SESSION_AT - 1)).verify(0.5, "revoked").verify(0.5, "revoked", token(sid=SECOND))
    Case("everyone below zero is nobody").open(everyone=-5).verify(0, "good").verify(0, "good", token(sid=UUID4))
    Case("everyone counts for a session that is not a UUIDv7").open(everyone=1).verify(0, "revoked", token(sid=UUID4)) \
        .verify(0, "revoked", token(sid="not a uuid")).verify(0, "good")
    Case("a session that is not a UUIDv7 is good without everyone").open().verify(0, "good", token(sid=UUID4))
    Case("outdated by its rev").open(access=[[digest(ALICE), 4]]).verify(0, "outdated").verify(0, "good", token(rev=4)) \
        .verify(0, "good", token(rev=5)).verify(0, "good", token(sub=BOB))
    Case("outdated without a rev").open(access=[[digest(ALICE), 1]]).verify(0, "outdated", token(rev=None)) \
        .verify(0, "good")
    Case("rev 0 makes nothing outdated").open(access=[[digest(ALICE), 0]]).verify(0, "good", token(rev=None))
    Case("outdated by a delta").open().event(0.5, delta(11, access=[[digest(BOB), 9], [digest(ALICE), 4]])) \
        .verify(0.5, "outdated").verify(0.5, "good", token(rev=4))
    Case("the highest of two revs in one event counts").open(access=[[digest(ALICE), 4], [digest(ALICE), 2]]) \
        .verify(0, "outdated").event(0.5, delta(11, access=[[digest(ALICE), 9], [digest(ALICE), 5]])) \
        .verify(0.5, "outdated", token(rev=8))
    Case("a lower rev does not take back a higher one").open(access=[[digest(ALICE), 4]]) \
        .event(0.5, delta(11, access=[[digest(ALICE), 2]])).verify(0.5, "outdated")
    Case("a user's digest revokes no session, and a session's makes nobody outdated") \
        .open(sessions=[digest(ALICE)], access=[[digest(SESSION), 9]]).verify(0, "good")


def lifetimes():
    """R-12: a token that lives longer than those of today would outlive what is remembered of its session's end."""
    old = {"iat": T - 700, "nbf": T - 700}
    Case("a token of a longer life than those of today ends with them").open(keep=780).verify(0, "expired", token(**old)) \
        .verify(0, "expired", LONG).verify(0, "expired", token(iat=T - 605, nbf=T - 605)) \
        .verify(0, "good", token(iat=T - 604, nbf=T - 604))
    Case("its session's end is not forgotten before it ends").open(keep=780, sessions=[digest(SESSION)]) \
        .verify(0, "revoked", token()).connect(779).event(779, snapshot(50, 779, keep=780)).verify(779, "expired", token()) \
        .event(781, beat(51, 781, keep=780)).verify(781, "expired", token())
    Case("the last event says how long tokens live").open().verify(0, "good", token(**old)) \
        .event(1, beat(11, 1, keep=780)).verify(1, "expired", token(**old)) \
        .event(2, beat(12, 2)).verify(2, "good", token(**old))
    Case("an event that is refused does not say how long tokens live").open().event(1, beat(12, 1, keep=780), "reconnect") \
        .verify(1, "good", token(**old))
    Case("what outlives the tokens of today is expired rather than stale").open(keep=780).verify(6, "expired", token(**old))
    Case("poll: the snapshot says how long tokens live").poll(0, snapshot(keep=780)).verify(0, "expired", token(**old))


def memory():
    known = {"sessions": [digest(SESSION)]}
    Case("a snapshot that omits an entry does not take it back").open(**known).event(1, snapshot(10, 1)).verify(1, "revoked") \
        .connect(2).event(2, snapshot(12, 2)).verify(2, "revoked") \
        .connect(3).event(3, snapshot(4, 3, stream=OTHER)).verify(3, "revoked")
    Case("a snapshot that omits everyone and a rev does not take them back") \
        .open(everyone=SESSION_AT, access=[[digest(ALICE), 4]]).connect(2).event(2, snapshot(12, 2)) \
        .verify(2, "revoked").verify(2, "outdated", token(sid=SECOND))
    # Tokens live for 100 s here.
    keep = 100 + KEPT_LONGER
    Case("an entry lives as long as keep says").open(keep=keep, **known) \
        .connect(279).event(279, snapshot(50, 279, keep=keep)).verify(279, "revoked", young(200))
    Case("an entry is forgotten after keep").open(keep=keep, **known) \
        .connect(281).event(281, snapshot(50, 281, keep=keep)).verify(281, "good", young(200))
    Case("everyone and a rev are forgotten after keep").open(keep=keep, everyone=SESSION_AT, access=[[digest(ALICE), 4]]) \
        .connect(281).event(281, snapshot(50, 281, keep=keep)).verify(281, "good", young(200))
    Case("a rev that was forgotten does not return with a lower one").open(keep=keep, access=[[digest(ALICE), 9]]) \
        .connect(281).event(281, snapshot(50, 281, keep=keep, access=[[digest(ALICE), 3]])).verify(281, "good", young(200)) \
        .verify(281, "outdated", young(200, rev=2))
    Case("an entry that is repeated lives for keep from then on").open(keep=keep, **known) \
        .connect(60).event(60, snapshot(50, 60, keep=keep, **known)) \
        .connect(339).event(339, snapshot(60, 339, keep=keep)).verify(339, "revoked", young(300)) \
        .event(341, beat(61, 341, keep=keep)).verify(341, "good", young(300))
    case = Case("keep is measured by the monotonic clock").open(keep=keep, **known)
    case.skew = 500
    case.connect(50).event(50, snapshot(50, 550, keep=keep)).verify(50, "revoked", young(500))


def freshness():
    Case("fresh for 5 s after an event").open().verify(4.9, "good").verify(5.1, "stale")
    Case("beats keep it fresh").open().keep_fresh(1, 8, 11).verify(12.9, "good").verify(13.1, "stale")
    Case("stale after 5 s of silence, good again after the next event").open().verify(6, "stale") \
        .event(6, beat(11, 6)).verify(6, "good")
    Case("a lost connection does not end freshness at once").open().connect(1).verify(4.9, "good").verify(5.1, "stale")
    Case("a delta with the same iat does not extend freshness, and counts").open() \
        .event(3, delta(11, 0, sessions=[digest(SESSION)])).verify(4.9, "revoked") \
        .verify(4.9, "good", token(sid=SECOND)).verify(5.1, "stale", token(sid=SECOND))
    Case("a snapshot with the same iat does not extend freshness").open().connect(3).event(3, snapshot(10, 0)) \
        .verify(4.9, "good").verify(5.1, "stale")
    # A monotonic clock stands still while a machine is suspended.
    case = Case("a machine that slept for an hour is stale").open().verify(1, "good")
    case.skew = 3600
    case.verify(2, "stale")
    Case("accept:30 is stale before the first snapshot", "accept:30").connect().verify(1, "stale")
    Case("accept:30 answers for 30 s from what it knows", "accept:30") \
        .open(sessions=[digest(SECOND)], access=[[digest(BOB), 4]]).verify(34.9, "good") \
        .verify(34.9, "revoked", token(sid=SECOND)).verify(34.9, "outdated", token(sub=BOB)) \
        .verify(35.1, "stale").verify(35.1, "stale", token(sid=SECOND))
    Case("accept:30 still refuses what is invalid or expired", "accept:30").open().verify(20, "invalid", broken(token())) \
        .verify(20, "expired", token(exp=T + 10))
    Case("accept:30 counts from the last event, and again after the return", "accept:30").open().keep_fresh(1, 3, 11) \
        .verify(37.9, "good").verify(38.1, "stale").connect(40).event(40, snapshot(50, 40)).verify(74.9, "good") \
        .verify(75.1, "stale")
    Case("accept:0 is refuse", "accept:0").open().verify(4.9, "good").verify(5.1, "stale")


def order_of_events():
    mark = {"sessions": [digest(SESSION)]}

    def refused(name, *events, **members):
        """After a snapshot the last of these events is refused, what it carries is not taken, and a new connection heals."""
        case = Case(name).open(**members)
        for each in events[:-1]:
            case.event(0.5, each)
        case.event(0.5, events[-1], "reconnect").verify(0.5, "good").event(0.6, beat(11, 1), "ignored") \
            .verify(5.6, "stale").connect(6).event(6, snapshot(20, 6)).verify(6, "good")

    Case("the first event is a delta").connect().event(0, delta(1, **mark), "reconnect").verify(0, "stale") \
        .event(0, snapshot(1), "ignored").verify(0, "stale").connect(1).event(1, snapshot(1, 1)).verify(1, "good")
    Case("the first event is a beat").connect().event(0, beat(1), "reconnect").verify(0, "stale")
    Case("the first event after a return is a delta in sequence").open().connect(1) \
        .event(1, delta(11, 1, **mark), "reconnect").verify(1, "good")
    Case("an event before any connection is ignored").event(0, snapshot(), "ignored").verify(0, "stale")
    refused("a gap", delta(12, **mark))
    refused("a doubled event", delta(11), delta(11, **mark))
    refused("swapped events: the second comes first", delta(12, 1, **mark))
    refused("swapped events: the first comes second", delta(11), delta(12), delta(11, **mark))
    refused("the n of the snapshot itself", delta(10, **mark))
    refused("another stream without a snapshot", delta(11, stream=OTHER, **mark))
    refused("a beat of another stream", beat(11, stream=OTHER))
    refused("a snapshot on the same connection that uses up an n", snapshot(11, **mark))
    refused("a snapshot of the same stream with a smaller n", snapshot(9, **mark))
    refused("a smaller iat within the stream", delta(11, 1), delta(12, 0, **mark))
    refused("a delta of yesterday", delta(11, -DAY, **mark))
    refused("a snapshot of yesterday", snapshot(10, -DAY, **mark))
    Case("a snapshot on the same connection with the n sent last").open().event(0.5, delta(11)) \
        .event(1, snapshot(11, 1, **mark)).verify(1, "revoked").event(2, beat(12, 2))
    Case("a snapshot of another stream on the same connection").open().event(1, snapshot(3, 1, stream=OTHER, **mark)) \
        .verify(1, "revoked").event(2, beat(4, 2, stream=OTHER)).event(2, beat(11, 2), "reconnect")
    Case("the snapshot of a restarted instance").open().connect(1).event(1, snapshot(0, 1, stream=OTHER)) \
        .event(2, beat(1, 2, stream=OTHER)).verify(6.9, "good")
    Case("the snapshot of another instance whose clock reads 5 s less").open().keep_fresh(1, 6, 11).connect(6.5) \
        .event(6.5, snapshot(0, 1, stream=OTHER, **mark)).verify(6.5, "revoked") \
        .event(6.6, beat(1, 6, stream=OTHER)).verify(10.9, "good", token(sid=SECOND)) \
        .verify(11.1, "stale", token(sid=SECOND))
    Case("a snapshot that is 6 s behind the newest").open().keep_fresh(1, 6, 11).connect(6.5) \
        .event(6.5, snapshot(0, 0, stream=OTHER, **mark), "reconnect").verify(6.5, "good")
    Case("a snapshot of the same stream after a return, with the same n").open().connect(1).event(1, snapshot(10, 1)) \
        .verify(5.9, "good")
    Case("a snapshot of the same stream after a return, with a smaller n").open().connect(1) \
        .event(1, snapshot(9, 1), "reconnect").verify(5.1, "stale")
    Case("a snapshot of the same stream after a return, with a smaller iat").open().event(1, beat(11, 1)) \
        .connect(2).event(2, snapshot(11, 0), "reconnect").verify(2, "good")
    Case("a return to an earlier stream begins with any n").open().connect(1).event(1, snapshot(99, 1, stream=OTHER)) \
        .connect(2).event(2, snapshot(7, 2)).verify(6.9, "good")


def forgeries():
    mark = {"sessions": [digest(SESSION)]}

    def rewritten(members, **texts):
        """A delta with these texts for values."""
        return jws("heirloom-revocations+jwt", written_out(delta(11, **members), **texts))

    Case("what later versions add to an event may be any number").open() \
        .event(0.5, rewritten(mark, more=',"later":1.5,"list":[1e3]')).verify(0.5, "revoked")
    forged = {
        "a forged signature": broken(delta(11, **mark)),
        "not a JWS": "not-an-event",
        "an empty event": "",
        "signed by a key that is not published": delta(11, key=STRANGER, **mark),
        "signed by another key under a published kid": delta(11, key=IMPOSTOR, **mark),
        "another key in the header": delta(11, key=STRANGER, header={"kid": KEY.kid, "jwk": STRANGER.jwk}, **mark),
        "no kid": delta(11, header={"kid": None}, **mark),
        "alg none": delta(11, header={"alg": "none"}, sign=lambda _data: b"", **mark),
        "HS256 with the public key as its secret": delta(11, header={"alg": "HS256"}, sign=hs256, **mark),
        "an alg that is not the key's": delta(11, key=RSA, header={"kid": KEY.kid}, **mark),
        "a critical extension that is unknown": delta(11, header=CRITICAL, **mark),
        "crit as null": delta(11, header={"crit": NULL}, **mark),
        "kid twice": delta(11, header=headed(f',"kid":"{KEY.kid}"', "heirloom-revocations+jwt"), **mark),
        "a header that is a list": delta(11, header=f'["{KEY.alg}","{KEY.kid}","heirloom-revocations+jwt",null]', **mark),
        "typ at+jwt": delta(11, typ="at+jwt", **mark),
        "typ in upper case": delta(11, typ="HEIRLOOM-REVOCATIONS+JWT", **mark),
        "no typ": delta(11, typ=None, **mark),
        "an access token instead of an event": token(),
        "a foreign issuer": delta(11, iss="https://other.example.com", **mark),
        "no issuer": delta(11, iss=None, **mark),
        "no iat": delta(11, iat=None, **mark),
        "iat as a text": delta(11, iat=str(T), **mark),
        "no exp": delta(11, exp=None, **mark),
        "no n": event("delta", None, **mark),
        "n as a text": event("delta", "11", **mark),
        "no keep": delta(11, keep=None, **mark),
        "keep as a text": delta(11, keep="780", **mark),
        "no stream": delta(11, stream=None, **mark),
        "stream as a number": delta(11, stream=7, **mark),
        "no kind": event(None, 11, **mark),
        "an unknown kind": event("news", 11, **mark),
        "a kind as an object": event({"delta": None}, 11, **mark),
        "sessions as a text": delta(11, sessions=digest(SESSION)),
        "a session as a number": delta(11, sessions=[digest(SESSION), 7]),
        "access without a rev": delta(11, access=[[digest(ALICE)]], **mark),
        "a rev as a text": delta(11, access=[[digest(ALICE), "9"]], **mark),
        "everyone as a text": delta(11, everyone=str(T * 1000), **mark),
        "iat with a fraction": delta(11, iat=T + 0.5, **mark),
        "iat beyond all integers": delta(11, iat=10 ** 30, **mark),
        "n with a fraction": event("delta", 11.5, **mark),
        "n below zero": event("snapshot", -1, stream=OTHER, **mark),
        "keep below zero": delta(11, keep=-1, **mark),
        "keep beyond all integers": delta(11, keep=10 ** 30, **mark),
        "a rev with a fraction": delta(11, access=[[digest(ALICE), 9.5]], **mark),
        "a rev below zero": delta(11, access=[[digest(ALICE), -1]], **mark),
        "a rev as true": delta(11, access=[[digest(ALICE), True]], **mark),
        "everyone with a fraction": delta(11, everyone=T * 1000 + 0.5, **mark),
        "everyone as null": event("delta", 11, **mark, everyone=NULL),
        "sessions as null": event("delta", 11, sessions=NULL),
        "a session's name that is too short": delta(11, sessions=[digest(SESSION)[:-1]]),
        "a session's name that is too long": delta(11, sessions=[digest(SESSION) + "A"]),
        "a session's name that is not base64url": delta(11, sessions=[digest(SESSION)[:-2] + "+A"]),
        "a user's name that is too short": delta(11, access=[[digest(ALICE)[:-1], 9]]),
        "access as an object": delta(11, access={digest(ALICE): 9}, **mark),
        "a payload that is a list": jws("heirloom-revocations+jwt", [1, 2]),
        "another spelling of the signature": respelled(delta(11, **mark)),
        "keep with a fraction of zero": rewritten(mark, keep=f"{KEEP}.0"),
        "keep with an exponent": rewritten(mark, keep="1.458e4"),
        "keep of 2^53": delta(11, keep=2 ** 53, **mark),
        "n with a fraction of zero": rewritten(mark, n="11.0"),
        "iat with a fraction of zero": rewritten(mark, iat=f"{T}.0"),
        "exp with an exponent": rewritten(mark, exp=f"{T + 5}e0"),
        "everyone with a fraction of zero": rewritten({**mark, "everyone": 1}, everyone=f"{T * 1000}.0"),
        "a rev with a fraction of zero": rewritten({**mark, "access": []}, access=f'[["{digest(ALICE)}",9.0]]'),
        "a rev of 2^53": delta(11, access=[[digest(ALICE), 2 ** 53]], **mark),
        "keep of minus zero": rewritten(mark, keep="-0"),
        "iat of minus zero": rewritten(mark, iat="-0"),
        "everyone of minus zero": rewritten({**mark, "everyone": 1}, everyone="-0"),
        "a rev of minus zero": rewritten({**mark, "access": []}, access=f'[["{digest(ALICE)}",-0]]'),
        "what a later version adds is beyond all numbers": rewritten(mark, more=',"later":1e999'),
        "what a later version adds is there twice": rewritten(mark, more=',"later":1,"later":1'),
        "a payload that is a list of the values": jws(
            "heirloom-revocations+jwt", [ISSUER, T, T + 5, "delta", STREAM, 11, KEEP, [digest(SESSION)], [], -1]),
        "sessions twice": rewritten(mark, more=',"sessions":[]'),
        "keep twice": rewritten(mark, more=f',"keep":{KEEP}'),
        "a stream with half of a pair of surrogates": snapshot(11, stream="\ud800", **mark),
    }
    for name, each in forged.items():
        Case("event refused: " + name).open().event(0.5, each, "reconnect").verify(0.5, "good") \
            .event(0.6, beat(11, 1), "ignored").verify(5.1, "stale")
    Case("a forged first snapshot gives no freshness").connect().event(0, broken(snapshot()), "reconnect").verify(0, "stale")
    for name, key in {"the previous key": OLD, "an EdDSA key": ED, "an RS256 key": RSA}.items():
        Case("an event signed by " + name + ", which is published").open().event(1, delta(11, 1, key=key, **mark)) \
            .verify(1, "revoked")


def clocks():
    """R-13: by how much they may differ, and how late an event may be."""
    Case("a clock that is 10 s late takes events", skew=10).open().verify(0, "good")
    Case("a clock that is 11 s late takes none", skew=11).connect().event(0, snapshot(), "reconnect").verify(0, "stale")
    Case("a clock that is 5 s early takes events", skew=-5).open().verify(0, "good")
    Case("a clock that is 6 s early takes none", skew=-6).connect().event(0, snapshot(), "reconnect").verify(0, "stale")
    # What a clock that is behind takes of events, it takes of tokens: fresh and `invalid` for every new token would be wrong.
    Case("a token that is as new as the newest event is good by every clock that takes the event", skew=-5).open() \
        .verify(0, "good", token(iat=T, nbf=T)).event(1, beat(11, 1)).verify(1, "good", token(iat=T + 1, nbf=T + 1))
    Case("a clock that is an hour late", skew=3600).connect().event(0, snapshot(), "reconnect").verify(0, "stale")
    Case("a clock that is an hour early", skew=-3600).connect().event(0, snapshot(), "reconnect").verify(0, "stale")
    case = Case("a clock that went back a day takes no events of that day").open()
    case.skew = -DAY
    case.connect(1).event(1, snapshot(11, 1 - DAY), "reconnect").connect(2) \
        .event(2, snapshot(0, 2 - DAY, stream=OTHER), "reconnect").verify(6, "stale", token(nbf=T - 2 * DAY)) \
        .verify(6, "expired", token(nbf=T - 2 * DAY, iat=T - DAY))
    # R-16: what has expired by the server's clock stays expired.
    old, back = {"exp": T - 600, "iat": T - 4200, "nbf": T - 7200}, {"nbf": T - 7200}
    case = Case("a clock that went back an hour brings back no token").open()
    case.skew = -3600
    case.verify(1, "expired", token(**old)).verify(1, "expired", token(**back, iat=T - 14500)).verify(1, "good")
    case = Case("accept:30: a clock that went back an hour brings back no token", "accept:30").open()
    case.skew = -3600
    case.verify(20, "expired", token(**old)).verify(20, "expired", token(**back, exp=T + 10)) \
        .verify(20, "good", token(**back, exp=T + 11))
    # Tokens live for 100 s, and its session's end is forgotten after 280 s.
    case = Case("accept:600: the session of a token that expired meanwhile is forgotten, and the token stays expired", "accept:600") \
        .open(keep=280, sessions=[digest(SESSION)])
    case.skew = -3600
    case.verify(20, "revoked", token(**back, iat=T)).verify(290, "expired", token(**back, iat=T))
    Case("a clock that is 5 s early expires nothing earlier", skew=-5).open().keep_fresh(1, 10, 11) \
        .verify(10, "good", token(**back, exp=T + 1)).event(11, beat(21, 11)).verify(11, "expired", token(**back, exp=T + 1))


def polling():
    known = {"sessions": [digest(SESSION)]}
    Case("poll: a snapshot is enough").poll(0, snapshot()).verify(4.9, "good").verify(5.1, "stale")
    Case("poll: each newer snapshot counts").poll(0, snapshot()).poll(1, snapshot(11, 1, **known)).verify(1, "revoked") \
        .poll(2, snapshot(12, 2)).verify(2, "revoked").verify(6.9, "good", token(sid=SECOND))
    Case("poll: the same snapshot does not extend freshness").poll(0, snapshot()).poll(3, snapshot()).verify(4.9, "good") \
        .verify(5.1, "stale")
    Case("poll: instances in turn").poll(0, snapshot()).poll(1, snapshot(500, 1, stream=OTHER)) \
        .poll(2, snapshot(12, 2)).poll(3, snapshot(499, 3, stream=OTHER)).verify(7.9, "good")
    Case("poll: a smaller n of the same stream is refused, and the next one counts").poll(0, snapshot()) \
        .poll(1, snapshot(9, 1, **known), "refused").verify(1, "good").poll(2, snapshot(11, 2, **known)).verify(2, "revoked")
    Case("poll: a smaller iat of the same stream is refused").poll(0, snapshot()).poll(1, snapshot(10, -1), "refused")
    Case("poll: a delta is refused").poll(0, snapshot()).poll(1, delta(11, 1, **known), "refused").verify(1, "good")
    Case("poll: a beat is refused").poll(0, beat(10), "refused").verify(0, "stale")
    Case("poll: a forged snapshot is refused").poll(0, broken(snapshot()), "refused").verify(0, "stale")
    Case("poll: a snapshot of yesterday is refused").poll(0, snapshot(10, -DAY), "refused").verify(0, "stale")
    Case("poll: a snapshot that is 6 s behind the newest is refused").poll(0, snapshot()).poll(6, snapshot(20, 6)) \
        .poll(7, snapshot(0, 0, stream=OTHER), "refused")
    Case("poll: a clock that is 5 s early", skew=-5).poll(0, snapshot()).verify(0, "good")
    Case("poll: a clock that is 6 s early", skew=-6).poll(0, snapshot(), "refused").verify(0, "stale")
    Case("poll: a clock that is an hour late", skew=3600).poll(0, snapshot(), "refused").verify(0, "stale")
    Case("poll: an access token is refused").poll(0, token(), "refused").verify(0, "stale")
    Case("poll: accept:30", "accept:30").poll(0, snapshot(**known)).verify(34.9, "good", token(sid=SECOND)) \
        .verify(34.9, "revoked").verify(35.1, "stale")


for group in (tokens_alone, order_of_verdicts, revocations, lifetimes, memory, freshness, order_of_events, forgeries, clocks, polling):
    group()
names = [case["name"] for case in cases]
assert len(names) == len(set(names)), "two cases have one name"
published = [{**key.jwk, "kid": key.kid, "alg": key.alg, "use": "sig"} for key in (FUTURE, SYMMETRIC, *PUBLISHED)]
# One step a line, so that a change of one case is a change of a few lines.
lines = ",\n".join(
    "    {\"name\": %s, \"on_stale\": %s, \"steps\": [\n      %s\n    ]}" % (
        json.dumps(case["name"]), json.dumps(case["on_stale"]), ",\n      ".join(map(json.dumps, case["steps"])))
    for case in cases)
sys.stdout.write('{\n  "issuer": %s,\n  "audience": %s,\n  "jwks": %s,\n  "cases": [\n%s\n  ]\n}\n' % (
    json.dumps(ISSUER), json.dumps(AUDIENCE), json.dumps({"keys": published}), lines))
