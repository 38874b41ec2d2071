"""What a token or an event means: no network and no thread, and clocks that tests replace.

One thread calls `connected`, `event` and `poll`; any thread may call `verify` at the same time. What an event revokes is
added before the event makes anything fresh, and `verify` looks in the other order, so that it needs no lock.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import re
import string
import time
from typing import Any, Callable

import jwt

from ._errors import Expired, Invalid, Outdated, Revoked, Stale
from ._http import Lost

LEEWAY = 5
"""Seconds by which clocks may differ. More would keep expired tokens alive."""
FRESH = 5
"""Seconds for which an event proves that nothing else was revoked."""
_KEPT_LONGER = 180
"""Seconds by which `keep` exceeds the longest life of an access token."""
_LARGEST = 2**53 - 1
"""Numbers beyond it are not the same in every language (RFC 8259, 6)."""
_LONG = 300
"""Characters of an integer, which may then be larger than all numbers of other languages."""
# What it looks behind at comes last: `-0` alone is found quickly, and ids are full of it.
_MINUS_ZERO, _THREE_DIGITS = re.compile("-0(?<![0-9A-Za-z]-0)"), re.compile("[0-9]{3}")
_ALGORITHMS = ("ES256", "EdDSA", "RS256")
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_LAST = (string.ascii_letters + string.digits + "-_", "", "AQgw", "AEIMQUYcgkosw048")
"""The last character of base64url, by the length: its last bits belong to no byte, and a text has one spelling only."""
_NAME = re.compile(r"[A-Za-z0-9_-]{10}[AEIMQUYcgkosw048]")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_JWS = jwt.PyJWS()
_MOST_HEADERS = 100
"""A stranger can write many headers that name a good key."""


def digest(identifier: str) -> str:
    """The name of a session or a user in the stream."""
    whole = hashlib.sha256(identifier.lower().encode()).digest()
    return base64.urlsafe_b64encode(whole[:8]).decode().rstrip("=")


def _all(kind: type, *values: object) -> bool:
    """Whether the values are of that type: True is not a number here."""
    # A loop: a generator takes three times as long, and each token is looked at so.
    for value in values:
        if type(value) is not kind:
            return False
    return True


def _integers(*values: object) -> bool:
    for value in values:
        if type(value) is not int or not -_LARGEST <= value <= _LARGEST:
            return False
    return True


def _texts(value: object) -> bool:
    return isinstance(value, list) and _all(str, *value)


def _no_number(text: str) -> None:
    """NaN and Infinity, which are not JSON."""
    raise ValueError(text)


class _Twice(dict[str, Any]):
    """An object with a member that occurs twice: other parsers read another one of the two (RFC 7519, 4)."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Twice(members)


def _fraction(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        # Larger than all numbers that there are elsewhere.
        raise ValueError("a number that is too large")
    return value


def _integer(text: str) -> float:
    # `-0` is a fraction elsewhere.
    return _fraction(text) if text == "-0" or len(text) > _LONG else int(text)


_JSON = json.JSONDecoder(parse_constant=_no_number, parse_float=_fraction, object_pairs_hook=_object)
_WITH_ODD_INTEGERS = json.JSONDecoder(parse_constant=_no_number, parse_float=_fraction, parse_int=_integer, object_pairs_hook=_object)


def _may_hold_odd_integers(text: str) -> bool:
    """Whether an integer may be `-0` or longer than `_LONG`: such a one holds three in a row of every hundredth character."""
    return bool(_MINUS_ZERO.search(text) or _THREE_DIGITS.search(text[::100]))


def _members(payload: bytes) -> dict[str, Any]:
    """The members of an object, read as strictly as in other languages."""
    text = payload.decode()
    # To look at each integer takes longer than to read all the rest.
    members = (_WITH_ODD_INTEGERS if _may_hold_odd_integers(text) else _JSON).decode(text)
    if type(members) is not dict:
        raise Invalid
    if "\\u" in text:
        # Half of a pair of surrogates is not a character: it raises.
        json.dumps(members, ensure_ascii=False).encode()
    return members


def _header_of(text: str) -> dict[str, Any]:
    """The members of a header. What `crit` names is not understood (RFC 7515, 4.1.11), nor is `b64`, which changes how the payload is
    read (RFC 7797)."""
    header = _members(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    if not _all(str, header.get("kid"), header.get("alg"), header.get("typ")) or "crit" in header or "b64" in header:
        raise Invalid
    return header


def _is_compact(compact: str) -> bool:
    """Whether it is a compact JWS in its one spelling: libraries skip what is not base64url, or bits that belong to no byte."""
    if not _COMPACT.fullmatch(compact):
        return False
    header, payload, signature = compact.split(".")
    return (header[-1] in _LAST[len(header) % 4] and payload[-1] in _LAST[len(payload) % 4]
            and signature[-1] in _LAST[len(signature) % 4])


def _entries(event: dict[str, Any]) -> list[tuple[str, int]]:
    """What an event revokes, by name: `s:` a session, `u:` a user with the lowest rev that is good, `everyone` a time."""
    sessions, access = event.get("sessions", []), event.get("access", [])
    everyone = [("everyone", event["everyone"])] if "everyone" in event else []
    try:
        users = [("u:" + user, rev) for user, rev in access]
        entries = [("s:" + session, 0) for session in sessions] + users
    except (TypeError, ValueError) as error:
        raise Lost("forged") from error
    are_revs = _integers(*(rev for _, rev in users)) and all(rev >= 0 for _, rev in users)
    # Eight bytes each: another name would name nobody, and nothing would be revoked.
    are_names = all(_NAME.fullmatch(name, 2) for name, _ in entries)
    entries += everyone
    if not (_all(list, sessions, access) and are_names and are_revs and _integers(*(value for _, value in everyone))):
        raise Lost("forged")
    return entries


class Core:
    """What is known, and the decisions."""

    def __init__(self, issuer: str, audience: str, accept: float = 0,
                 monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._issuer, self._audience, self._accept = issuer, audience, accept
        self._monotonic, self._wall = monotonic, wall
        # The keys, and what headers that name one of them say: see `_header`.
        self._ring: tuple[dict[str, jwt.PyJWK], dict[str, tuple[jwt.PyJWK, Any]]] = ({}, {})
        # What is revoked, each with the monotonic time at which it is forgotten: see `_entries`.
        self._known: dict[str, tuple[int, float]] = {}
        self._pruned = monotonic()
        # The connection: closed after a refusal, and its first event is a snapshot.
        self._open = self._first = False
        # What was heard last, and the newest `iat` of any stream.
        self._stream, self._n, self._iat = "", -1, 0
        self._newest, self._fresh_until = float("-inf"), 0.0
        # By how much the newest `iat` was ahead of the monotonic clock when it arrived: at least that much the server's clock is.
        self._ahead = float("-inf")
        # The longest life of an access token, as the last event says.
        self._lifetime = float("inf")
        self.refusal = ""
        """Why the last event was refused: `clock`, `gap` or `forged`."""

    def set_keys(self, jwks: dict[str, Any]) -> None:
        """Replaces the keys, unless none is usable. Those for other algorithms, and unknown kinds, are left out."""
        keys = {}
        for key in jwks["keys"]:
            with contextlib.suppress(jwt.PyJWTError, ValueError, LookupError, TypeError, AttributeError):
                if key["alg"] in _ALGORITHMS:
                    keys[str(key["kid"])] = jwt.PyJWK(key)
        if not keys:
            raise ValueError("no key is usable")
        self._ring = (keys, {})

    def keys(self) -> dict[str, jwt.PyJWK]:
        """The known keys by their ids: another object after each fetch."""
        return self._ring[0]

    def lacks_key_of(self, compact: str) -> bool:
        """Whether the text names a key that is not known. One that names none as it should is invalid, whatever keys there are."""
        try:
            return _header_of(compact.partition(".")[0])["kid"] not in self._ring[0]
        except Exception:
            return False

    def _payload(self, compact: str, is_type: Callable[[str], bool]) -> dict[str, Any]:
        try:
            key, typ = self._header(compact)
            if is_type(typ) and _is_compact(compact):
                payload = _members(_JWS.decode(compact, key, algorithms=[key.algorithm_name]))
                if payload.get("iss") == self._issuer:
                    return payload
        except Exception as error:  # whatever the text of a stranger makes a parser raise
            raise Invalid from error
        raise Invalid

    def _header(self, compact: str) -> tuple[jwt.PyJWK, Any]:
        """The key and the type that the header names. Tokens of one key have the same header, so it is read once."""
        keys, read = self._ring
        text = compact.partition(".")[0]
        if text not in read:
            header = _header_of(text)
            key = keys[header["kid"]]
            # `alg` comes from the key, never from the token.
            if header["alg"] != key.algorithm_name:
                raise Invalid
            if len(read) >= _MOST_HEADERS:
                return key, header["typ"]
            read[text] = (key, header["typ"])
        return read[text]

    def connected(self) -> None:
        """A new connection: its first event has to be a snapshot."""
        self._open = self._first = True

    def event(self, compact: str) -> str:
        """`taken`; `reconnect`, and `refusal` holds the reason; or `ignored`, after a refusal on the same connection."""
        if not self._open:
            return "ignored"
        try:
            self._take(compact)
        except (Lost, Invalid) as why:
            self.refusal = str(why) if isinstance(why, Lost) else "forged"
            self._open = False
            return "reconnect"
        return "taken"

    def poll(self, compact: str) -> str:
        """A snapshot that was fetched: `taken` or `refused`."""
        self.connected()
        return "taken" if self.event(compact) == "taken" else "refused"

    def _take(self, compact: str) -> None:
        event = self._payload(compact, lambda typ: typ == "heirloom-revocations+jwt")
        fields: list[Any] = [event.get(name) for name in ("iat", "exp", "kind", "stream", "n", "keep")]
        iat, exp, kind, stream, n, keep = fields
        known = _all(str, stream) and kind in ("snapshot", "delta", "beat")
        if not (known and _integers(iat, exp, n, keep)) or n < 0 or keep < 0:
            raise Lost("forged")
        entries, now, wall = _entries(event), self._monotonic(), self._wall()
        # Late delivery makes an event older, and never newer than our clock: for that direction the leeway is that of `nbf`.
        if wall > exp + LEEWAY or iat > wall + LEEWAY:
            raise Lost("clock")
        same = stream == self._stream
        if kind == "snapshot":
            in_order = not same or n == self._n or (self._first and n > self._n)
        else:
            in_order = same and not self._first and n == self._n + 1
        if not in_order or iat < self._newest - LEEWAY or (same and iat < self._iat):
            raise Lost("gap")
        self._first, self._stream, self._n, self._iat = False, stream, n, iat
        self._remember(entries, now, now + keep)
        self._lifetime = max(keep - _KEPT_LONGER, 0)
        # Only what is newer proves that it is not a repetition.
        if iat > self._newest:
            self._ahead, self._newest, self._fresh_until = iat - now, iat, now + FRESH

    def _remember(self, entries: list[tuple[str, int]], now: float, until: float) -> None:
        for name, value in entries:
            known = self._known.get(name, (-1, now))
            self._known[name] = (max(value, self._lookup(name)), max(until, known[1]))
        if now - self._pruned > 60:
            self._known, self._pruned = {name: entry for name, entry in self._known.items() if entry[1] > now}, now

    def _lookup(self, name: str) -> int:
        """The value under a name; -1 when there is none."""
        entry = self._known.get(name)
        return entry[0] if entry and entry[1] > self._monotonic() else -1

    def seconds_fresh(self) -> float:
        """For how many seconds more it is fresh; negative since then."""
        # A machine that was suspended does not see that on its monotonic clock, but on the other.
        return min(self._fresh_until - self._monotonic(), self._newest + 2 * LEEWAY + FRESH - self._wall())

    def verify(self, token: str) -> dict[str, Any]:
        """The claims, or one of the errors, looked for in this order: Invalid, Expired, Stale, Revoked, Outdated."""
        claims = self.valid(token)
        if self.seconds_fresh() < -self._accept:
            raise Stale
        return self.judge(claims)

    def judge(self, claims: dict[str, Any]) -> dict[str, Any]:
        """The claims again; else raises Revoked or Outdated, of what is known, fresh or not."""
        session, everyone = claims["sid"].lower(), self._lookup("everyone")
        # The first 48 bits of a UUIDv7 are when it was generated. Nobody knows when another id was.
        generated = int(session[:8] + session[9:13], 16) if _UUID7.fullmatch(session) else 0
        if generated <= everyone or self._lookup("s:" + digest(session)) >= 0:
            raise Revoked
        if claims.get("rev", 0) < self._lookup("u:" + digest(claims["sub"])):
            raise Outdated
        return claims

    def valid(self, token: str) -> dict[str, Any]:
        """The claims of a token that is neither invalid nor expired; whether it was revoked is not looked at."""
        claims = self._payload(token, lambda typ: typ.lower() in ("at+jwt", "application/at+jwt"))
        wall, audience = self._wall(), claims.get("aud")
        ours = self._audience in audience if isinstance(audience, list) else self._audience == audience
        numbers: list[Any] = [claims.get("exp"), claims.get("nbf"), claims.get("iat"), claims.get("rev", 0)]
        texts = _all(str, claims.get("sub"), claims.get("sid")) and _texts(claims.setdefault("roles", []))
        if not (ours and texts and _integers(*numbers)):
            raise Invalid
        exp, nbf, iat, rev = numbers
        if nbf > wall + LEEWAY or rev < 0:
            raise Invalid
        # Signed while tokens lived longer, it would outlive what is remembered of its session's end.
        # Our clock may be set back, which brings back no token whose session's end is forgotten.
        if min(exp, iat + self._lifetime) + LEEWAY <= max(wall, self._ahead + self._monotonic() - LEEWAY):
            raise Expired
        return claims
