"""Changes of what stands around the ceremony: the members of the credential, and the client data."""

import json
from copy import deepcopy

from authenticator import (
    APP, CREDENTIAL_ID, HANDLE, ORIGIN, RP_ID, assertion, attested, auth_data, b64, bytes_of, challenge, client_data,
    registration, CREATED,
)


def at(request, path, value=...):
    """A copy of the request with another value at the path, or without that member."""
    copy = deepcopy(request)
    *parents, last = path.split(".")
    place = copy
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return copy


def members(request, encoded):
    """`encoded`: the members of `response` that hold bytes."""
    for path in ("id", "rawId", "type", "response", *(f"response.{name}" for name in encoded)):
        yield f"without {path}", at(request, f"credential.{path}"), "malformed"
        yield f"{path} is null", at(request, f"credential.{path}", None), "malformed"
        yield f"{path} is a number", at(request, f"credential.{path}", 1), "malformed"
    identity = request["credential"]["id"]
    other = ("A" if identity[0] != "A" else "B") + identity[1:]
    unpadded = identity[:-1] + chr(ord(identity[-1]) + 1)
    yield "id differs from rawId", at(request, "credential.id", other), "credential_id"
    yield "rawId differs from id", at(request, "credential.rawId", other), "credential_id"
    yield "id and rawId are empty", at(at(request, "credential.id", ""), "credential.rawId", ""), "credential_id"
    both = at(at(request, "credential.id", unpadded), "credential.rawId", unpadded)
    yield "id with bits left over", both, "base64"
    both = at(at(request, "credential.id", identity + "="), "credential.rawId", identity + "=")
    yield "id with padding", both, "base64"
    for kind in ("", "Public-key", "public_key", "password"):
        yield f"type is {kind!r}", at(request, "credential.type", kind), "credential_type"
    for name in encoded:
        text = request["credential"]["response"][name]
        padded = text + "=" * (-len(text) % 4 or 4)
        yield f"{name} with padding", at(request, f"credential.response.{name}", padded), "base64"
        yield f"{name} with a line break", at(request, f"credential.response.{name}", text[:8] + "\n" + text[8:]), "base64"
        yield f"{name} with a character of base64", at(request, f"credential.response.{name}", "+" + text[1:]), "base64"
        yield f"{name} is one character", at(request, f"credential.response.{name}", "A"), "base64"
    yield "unknown members", at(at(request, "credential.unknown", {"a": [1]}), "credential.response.unknown", 1), "accepted"
    yield "without the optional members", at(at(
        request, "credential.clientExtensionResults"), "credential.authenticatorAttachment"), "accepted"
    yield "client extension results", at(request, "credential.clientExtensionResults", {"credProps": {"rk": True}}), "accepted"


def client_texts(right, kind):
    """Client data of other bytes, from the right ones."""
    text = right.decode()
    yield "byte order mark", b"\xef\xbb\xbf" + right, "accepted"
    yield "white space around and inside", b" \n" + text.replace(",", " ,\t").encode() + b"\r\n", "accepted"
    yield "an escaped letter", text.replace("webauthn", "\\u0077ebauthn").encode(), "accepted"
    yield "an unknown member", text[:-1].encode() + b',"extra":{"a":[null,1.5e3]}}', "accepted"
    yield "a token binding of Level 2", text[:-1].encode() + b',"tokenBinding":{"status":"supported"}}', "accepted"
    yield "64 levels of an unknown member", text[:-1].encode() + b',"extra":' + b"[" * 64 + b"]" * 64 + b"}", "accepted"
    yield "200 levels of an unknown member", text[:-1].encode() + b',"extra":' + b"[" * 200 + b"]" * 200 + b"}", "accepted"
    yield "type twice", b'{"type":"payment.get",' + right[1:], "client_data"
    yield "challenge twice", b'{"challenge":"AAAA",' + right[1:], "client_data"
    yield "origin twice", b'{"origin":"https://evil.example",' + right[1:], "client_data"
    yield "crossOrigin twice", b'{"crossOrigin":true,' + right[1:], "client_data"
    yield "bytes behind", right + b"{}", "client_data"
    yield "a zero byte behind", right + b"\0", "client_data"
    yield "truncated", right[:-1], "client_data"
    yield "empty", b"", "client_data"
    for whole in (b"null", b"[]", b"{}", b'"webauthn"', b"1"):
        yield f"{whole.decode()} only", whole, "client_data"
    yield "in an array", b"[" + right + b"]", "client_data"
    yield "UTF-16", text.encode("utf-16"), "client_data"
    yield "an unknown member that is not UTF-8", text[:-1].encode() + b',"extra":"\xff"}', "accepted"
    yield "an origin that is not UTF-8", right.replace(b"https", b"http\xff"), "client_data"
    yield "NaN in an unknown member", text[:-1].encode() + b',"extra":NaN}', "client_data"
    yield "a comma too many", text[:-1].encode() + b",}", "client_data"
    yield "single quotes", text.replace('"', "'").encode(), "client_data"
    yield "a line break in a text", text.replace("webauthn", "web\nauthn").encode(), "client_data"
    for name in ("type", "challenge", "origin"):
        yield f"without {name}", client_data(kind, **{name: ...}), "client_data"
        for value in (None, 1, True, [], {}):
            yield f"{name} is {json.dumps(value)}", client_data(kind, **{name: value}), "client_data"
        value = json.loads(right)[name]
        yield f"{name} in an array", client_data(kind, **{name: [value]}), "client_data"


def client_members(kind):
    other = {"webauthn.create": "webauthn.get", "webauthn.get": "webauthn.create"}[kind]
    for value in (other, "", "payment.get", kind.upper(), kind + " ", kind + "\0"):
        yield f"type is {value!r}", client_data(kind, type=value), "ceremony_type"
    right = challenge(kind)
    for name, value in {
        "of the other ceremony": b64(challenge(other)), "with one bit flipped": b64(bytes([right[0] ^ 1]) + right[1:]),
        "truncated": b64(right[:-1]), "extended": b64(right + b"\0"), "of zeros": b64(bytes(32)), "empty": "",
    }.items():
        yield f"challenge {name}", client_data(kind, challenge=value), "challenge"
    text = b64(right)
    last = "AEIMQUYcgkosw048"
    for name, value in {
        "with padding": text + "=", "in upper case": text.upper(), "with a space": text + " ", "in hexadecimal": right.hex(),
        "with bits left over": text[:-1] + chr(ord(last[last.index(text[-1])]) + 1),
        "with another alphabet": text.replace("-", "+").replace("_", "/") if set("-_") & set(text) else text + "+",
    }.items():
        yield f"challenge {name}", client_data(kind, challenge=value), "challenge"
    for value in (
        "http://auth.example.com", "https://example.com", "https://evil.auth.example.com", "https://auth.example.com.evil.example",
        "https://auth.example.com:8443", "https://auth.example.com:443", "https://auth.example.com/", "https://auth.example.com.",
        "https://AUTH.example.com", "https://user@auth.example.com", "https://xauth.example.com", " " + ORIGIN, ORIGIN + "\0",
        "null", "", RP_ID, "android:apk-key-hash:AAAA", APP + "=", APP.lower(), "chrome-extension://auth.example.com",
    ):
        yield f"origin is {value!r}", client_data(kind, origin=value), "origin"
    yield "another origin that is allowed", client_data(kind, origin="https://app.example.com"), "accepted"
    yield "an Android app that is allowed", client_data(kind, origin=APP), "accepted"
    yield "crossOrigin is true", client_data(kind, crossOrigin=True), "cross_origin"
    yield "crossOrigin is null", client_data(kind, crossOrigin=None), "accepted"
    yield "without crossOrigin", client_data(kind, crossOrigin=...), "accepted"
    for value in ("true", "false", 0, 1, []):
        yield f"crossOrigin is {json.dumps(value)}", client_data(kind, crossOrigin=value), "client_data"
    top = "https://example.com"
    yield "topOrigin with crossOrigin", client_data(kind, crossOrigin=True, topOrigin=top), "cross_origin"
    yield "topOrigin without crossOrigin", client_data(kind, topOrigin=top), "cross_origin"
    yield "topOrigin is our own origin", client_data(kind, topOrigin=ORIGIN), "cross_origin"
    yield "topOrigin is empty", client_data(kind, topOrigin=""), "cross_origin"
    yield "topOrigin is null", client_data(kind, topOrigin=None), "accepted"
    yield "topOrigin is a number", client_data(kind, topOrigin=1), "client_data"


def registrations(key):
    request = registration(key)
    for name, changed, verdict in members(request, ("clientDataJSON", "attestationObject")):
        yield name, changed, verdict
    for name, value, verdict in (
        ("transports is null", None, "accepted"), ("without transports", ..., "accepted"),
        ("unknown transports", ["smoke-signals"], "accepted"), ("transports is a text", "usb", "malformed"),
        ("a transport is a number", [1], "malformed"),
    ):
        yield name, at(request, "credential.response.transports", value), verdict
    yield "an assertion", at(request, "credential", assertion(key)["credential"]), "malformed"
    for length, verdict in ((1, "accepted"), (1023, "accepted"), (1024, "credential_id")):
        yield f"a credential id of {length} bytes", registration(key, credential_id=bytes_of("long id", length)), verdict
    data = auth_data(CREATED, behind=attested(key.cose, bytes_of("another id", 32)))
    yield "the id outside is not the one inside", registration(key, data=data), "credential_id"


def assertions(key):
    request = assertion(key)
    for name, changed, verdict in members(request, ("clientDataJSON", "authenticatorData", "signature", "userHandle")):
        if name in ("without response.userHandle", "response.userHandle is null"):
            verdict = "user_handle"
        yield name, changed, verdict
    yield "a registration", at(request, "credential", registration(key)["credential"]), "malformed"
    other = b64(bytes_of("another credential", 32))
    both = at(at(request, "credential.id", other), "credential.rawId", other)
    yield "another credential", both, "other_credential"
    longer = b64(CREDENTIAL_ID + b"\0")
    yield "a longer credential id", at(at(request, "credential.id", longer), "credential.rawId", longer), "other_credential"
    for name, handle in {
        "of another user": bytes_of("another user", 32), "empty": b"", "truncated": HANDLE[:-1], "extended": HANDLE + b"\0",
    }.items():
        for known in (False, True):
            who = "known" if known else "unknown"
            changed = assertion(key, response={"userHandle": b64(handle)}, known={"user_is_known": known})
            yield f"user handle {name}, the user is {who}", changed, "user_handle"
    known = {"user_is_known": True}
    yield "the user is known", assertion(key, known=known), "accepted"
    yield "no user handle, the user is known", assertion(key, response={"userHandle": ...}, known=known), "accepted"
    yield "user handle is null, the user is known", assertion(key, response={"userHandle": None}, known=known), "accepted"


def clients(key):
    """The client data of both ceremonies."""
    for kind, ceremony in (("webauthn.create", registration), ("webauthn.get", assertion)):
        right = client_data(kind)
        for name, client, verdict in (*client_texts(right, kind), *client_members(kind)):
            yield f"{ceremony.__name__}, client data: {name}", ceremony(key, client=client), verdict


def cases(keys):
    for name, request, verdict in registrations(keys["ES256"]):
        yield f"registration: {name}", request, verdict
    for name, request, verdict in assertions(keys["ES256"]):
        yield f"assertion: {name}", request, verdict
    yield from clients(keys["ES256"])
