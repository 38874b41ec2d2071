"""Follows the stream in a thread, and answers for tokens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import threading
import time
import weakref
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

from ._core import Core
from ._errors import Invalid, Outdated, Revoked, Stale, VerificationError
from ._http import Answer, Lost

_log = logging.getLogger("heirloom_verifier")
_CONFIGURATION = {401: "refused: 401, the server does not know this feed key",
                  404: "refused: 404, the server publishes no revocations: is HEIRLOOM_FEED_KEYS set?"}
REFRESH_KEYS = 300.0
"""Seconds after which the keys are fetched again, so that one that was taken back is forgotten."""
UNKNOWN_PER_MINUTE = 2
"""How often an unknown `kid` may cause a fetch: of tokens, and of events, so that no stranger's token uses up what the
stream needs. More would let a stranger flood the server through us."""
PATIENCE = 2.0
"""How many seconds a user's request may wait while Heirloom is asked about its token."""


def _accepted_seconds(on_stale: str) -> float:
    """How long to go on without the stream; 0 for `refuse` and `ask`."""
    kind, _, seconds = on_stale.partition(":")
    if kind == "accept" and seconds.isascii() and seconds.isdecimal():
        return float(seconds)
    if on_stale not in ("refuse", "ask"):
        raise ValueError('on_stale is "refuse", "ask" or "accept:SECONDS"')
    return 0.0


class Verifier:
    """Verifies the access tokens of one issuer for one audience, and refuses revoked sessions within a second.

    It starts by itself and listens in a thread until `close`; one per process is enough. Any thread may use it.

    issuer      the public URL of Heirloom, as in the tokens' `iss`
    audience    the name of your service, as in the tokens' `aud`
    feed_key    one of the server's HEIRLOOM_FEED_KEYS; None where the stream is open
    on_stale    what to do while the stream is silent: "refuse" raises Stale, "ask" asks the server about each token, and
                "accept:30" goes on for 30 s with what is known
    on_state    called with ("stale", reason) and ("fresh", "") when the stream is lost and when it returns
    server_url  where the server is reached, if that differs from the issuer
    """

    def __init__(self, issuer: str, audience: str, feed_key: Optional[str] = None, on_stale: str = "refuse", *,
                 on_state: Optional[Callable[[str, str], object]] = None, server_url: Optional[str] = None) -> None:
        self._base, self._audience = (server_url or issuer).rstrip("/"), audience
        if urlsplit(self._base).scheme not in ("http", "https") or not audience:
            raise ValueError("issuer (or server_url) is an http or https URL, and audience is not empty")
        if any(not "!" <= character <= "~" for character in feed_key or ""):
            # Not the key itself: messages go to logs.
            raise ValueError("feed_key holds a space, a line break or another character that a header cannot hold")
        self._core = Core(issuer, audience, _accepted_seconds(on_stale))
        self._asks, self._on_state = on_stale == "ask", on_state
        self._headers = {"Authorization": f"Bearer {feed_key}"} if feed_key is not None else {}
        self._start()
        if hasattr(os, "register_at_fork"):
            # Threads do not survive a fork (gunicorn --preload): each child listens by itself.
            this = weakref.ref(self)
            os.register_at_fork(after_in_child=lambda: _start_again(this()))

    def _start(self) -> None:
        self._closed, self._became_fresh = threading.Event(), threading.Event()
        self._reporting, self._fetching = threading.RLock(), threading.Lock()
        self._stream: Optional[Answer] = None
        self._reason, self._reported, self._taken = "starting", ("", ""), False
        # An unknown `kid` may be a good one while the last fetch failed.
        self._keys_failed, self._keys_at = True, 0.0
        self._fetches_for_tokens, self._fetches_for_events = list[float](), list[float]()
        self._thread = threading.Thread(target=self._listen, name="heirloom-verifier", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stops listening. From a few seconds later every token is refused as stale."""
        self._closed.set()
        if stream := self._stream:
            stream.interrupt()
        self._thread.join(timeout=1)

    def ready(self, timeout: float = 10) -> bool:
        """Waits for the first snapshot, and returns whether it has arrived: for the start of a program."""
        return self._became_fresh.wait(timeout)

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a good token; else raises Invalid, Expired, Stale, Revoked or Outdated."""
        try:
            return self._core.verify(token)
        except (Invalid, Stale) as error:
            return self._try_again(token, error)

    async def verify_async(self, token: str) -> dict[str, Any]:
        """The same. Where the network is needed (an unknown key, on_stale="ask") it waits in another thread."""
        try:
            return self._core.verify(token)
        except (Invalid, Stale) as error:
            if not self._asks and not self._core.lacks_key_of(token):
                return self._try_again(token, error)
            return await asyncio.to_thread(self._try_again, token, error)

    def _try_again(self, token: str, error: VerificationError) -> dict[str, Any]:
        if self._core.lacks_key_of(token):
            self._fetch_keys_for(token, self._fetches_for_tokens)
            if self._core.lacks_key_of(token):
                raise Stale("The keys of the issuer cannot be fetched.") if self._keys_failed else error
            try:
                return self._core.verify(token)
            except Stale as stale:
                error = stale
        if isinstance(error, Stale):
            self._report()
            if self._asks:
                return self._ask(token)
        raise error

    def _ask(self, token: str) -> dict[str, Any]:
        # What is known to be revoked stays so, whatever the server answers.
        claims = self._core.judge(self._core.valid(token))
        try:
            answer = Answer(self._base + "/api/v1/auth/check", {"Authorization": f"Bearer {token}"}, PATIENCE)
            body = answer.body()
            code = str(json.loads(body)["code"]) if answer.status == 401 else ""
        except (Lost, ValueError, KeyError, TypeError) as error:
            raise Stale from error
        if answer.status in (200, 204) and answer.header("X-Auth-Audience") == self._audience:
            return claims
        # The server has one code for expired and outdated, and expired it is not. Another answer is not about the token.
        refusals = {"session_revoked": Revoked, "access_token_expired": Outdated, "access_token_invalid": Invalid}
        raise refusals.get(code, Stale)()

    def _fetch_keys(self, timeout: float = 5.0) -> None:
        self._keys_failed, self._keys_at = True, time.monotonic()
        answer = Answer(self._base + "/.well-known/jwks.json", {}, timeout)
        body = answer.body()
        try:
            if answer.status != 200:
                raise Lost(f"unreachable: the JWKS is answered with {answer.status}")
            self._core.set_keys(json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Lost(f"unreachable: the JWKS cannot be read: {error}") from error
        self._keys_failed = False

    def _fetch_keys_for(self, compact: str, fetches: list[float]) -> None:
        """Fetches the keys because the text names an unknown one, unless that happened twice in the last minute."""
        with self._fetching:
            now = time.monotonic()
            fetches[:] = [at for at in fetches if now - at < 60]
            if self._core.lacks_key_of(compact) and len(fetches) < UNKNOWN_PER_MINUTE:
                fetches.append(now)
                with contextlib.suppress(Lost):
                    self._fetch_keys()

    def _listen(self) -> None:
        delay = 0.1
        while not self._closed.is_set():
            self._taken = False
            try:
                self._follow()
            except Exception as why:  # the thread must not end silently, whatever happens
                self._reason = str(why) if isinstance(why, Lost) else f"unreachable: {why!r}"
            if self._closed.is_set():
                break
            delay = 0.1 if self._taken else min(2 * delay, 2.0)
            self._pause(10.0 if self._reason in _CONFIGURATION.values() else delay * random.uniform(0.5, 1))

    def _follow(self) -> None:
        """Listens on one connection until it is lost."""
        if not self._core.has_keys():
            self._fetch_keys()
        elif self._keys_failed:
            with contextlib.suppress(Lost):
                # The known keys serve: that the JWKS is away does not end the stream.
                self._fetch_keys(timeout=1.0)
        self._stream = stream = Answer(self._base + "/api/v1/revocations/stream", self._headers)
        with contextlib.closing(stream):
            if stream.status != 200:
                raise Lost(_CONFIGURATION.get(stream.status, f"refused: {stream.status}"))
            self._core.connected()
            for event in stream.events():
                if self._closed.is_set():
                    break
                if event:
                    self._take(event)
                if self._became_fresh.is_set() or event:
                    self._report()
        raise Lost("unreachable: the server ended the stream")

    def _take(self, event: str) -> None:
        if self._core.lacks_key_of(event):
            self._fetch_keys_for(event, self._fetches_for_events)
        if self._core.event(event) != "taken":
            raise Lost(self._core.refusal)
        self._taken, self._reason = True, "silence"
        if time.monotonic() - self._keys_at > REFRESH_KEYS:
            self._keys_at = time.monotonic()
            # In a thread of its own: the next events must not come too late, however long a name server takes.
            threading.Thread(target=self._refresh_keys, name="heirloom-verifier-keys", daemon=True).start()

    def _refresh_keys(self) -> None:
        with contextlib.suppress(Lost):
            # Without success, the known keys stay.
            self._fetch_keys()

    def _pause(self, seconds: float) -> None:
        """Waits, and reports the end of freshness when it comes in between."""
        self._report()
        left = self._core.seconds_fresh()
        if 0 <= left < seconds:
            self._closed.wait(left + 0.01)
            self._report()
        self._closed.wait(seconds)

    def _report(self) -> None:
        """Calls on_state when the state, or why it is stale, has changed."""
        with self._reporting:
            fresh, before = self._core.seconds_fresh() >= 0, self._reported
            self._reported = ("fresh", "") if fresh else ("stale", self._reason)
            if fresh:
                self._became_fresh.set()
            # Details behind the colon may change with each attempt.
            if [each.partition(":")[0] for each in before] == [each.partition(":")[0] for each in self._reported]:
                return
            _log.log(logging.INFO if fresh else logging.WARNING, "revocations are %s", " ".join(self._reported).strip())
            try:
                if self._on_state is not None:
                    self._on_state(*self._reported)
            except Exception:
                _log.exception("on_state failed")


def _start_again(verifier: Optional[Verifier]) -> None:
    if verifier is not None and not verifier._closed.is_set():
        verifier._start()
