"""Follows the stream in a thread, and answers for tokens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Optional
from urllib.parse import urlsplit

from ._core import Core
from ._errors import Invalid, Outdated, Revoked, Stale, VerificationError
from ._http import SILENCE, Answer, Lost
from ._reporter import Reporter

_CONFIGURATION = {401: "refused: 401, the server does not know this feed key",
                  404: "refused: 404, the server publishes no revocations: is HEIRLOOM_FEED_KEYS set?"}
REFRESH_KEYS = 30.0
"""Seconds after which the keys are fetched again. A new key is published 45 s before it signs: it is known by then, even if
tokens of strangers used up every other fetch. And a key that was taken back is forgotten."""
UNKNOWN_PER_MINUTE = 2
"""How often an unknown `kid` may cause a fetch: of tokens, and of events, so that no stranger's token uses up what the
stream needs. More would let a stranger flood the server through us."""
PATIENCE = 2.0
"""How many seconds a user's request may wait while Heirloom is asked about its token, or for a key."""
MOST_ASKS = 32
"""How many requests of asyncio may wait for Heirloom at once, each in a thread. More would wait behind a server that hangs."""


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
    on_state    called with ("stale", reason) and ("fresh", "") when the stream is lost and when it returns, always by one thread
                that does nothing else
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
        self._fetching = threading.Lock()
        # How many events the connection brought. More than the snapshot, and the next pause is a short one: a server that ends
        # each connection after its snapshot must not be asked for one after another.
        self._events = 0
        self._stream: Optional[Answer] = None
        self._reporter = Reporter(self._core.seconds_fresh, self._on_state)
        # Not the threads of the event loop: they resolve names for the whole application. None is started before the first use.
        self._asking = ThreadPoolExecutor(MOST_ASKS, "heirloom-verifier-ask")
        self._refreshing: Optional[threading.Thread] = None
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
        self._reporter.close()
        # Who waits for an answer gets it.
        self._asking.shutdown(wait=False)
        self._thread.join(timeout=1)

    def ready(self, timeout: float = 10) -> bool:
        """Waits for the first snapshot, and returns whether it has arrived: for the start of a program."""
        return self._became_fresh.wait(timeout)

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a good token; else raises Invalid, Expired, Stale, Revoked or Outdated."""
        keys = self._core.keys()
        try:
            return self._core.verify(token)
        except (Invalid, Stale) as error:
            self._refuse_alone(token, error, keys)
            return self._try_again(token, error)

    async def verify_async(self, token: str) -> dict[str, Any]:
        """The same. Where the network is needed (an unknown key, on_stale="ask") it waits in another thread, for two seconds."""
        keys = self._core.keys()
        try:
            return self._core.verify(token)
        except (Invalid, Stale) as error:
            self._refuse_alone(token, error, keys)
            try:
                # Who gets none of the threads in that time waits for none any longer.
                answer = asyncio.get_running_loop().run_in_executor(self._asking, self._try_again, token, error)
                return await asyncio.wait_for(answer, PATIENCE)
            except (asyncio.TimeoutError, RuntimeError) as late:  # or it was closed
                raise Stale from late

    def _refuse_alone(self, token: str, error: VerificationError, keys: dict[str, Any]) -> None:
        """Raises where the server could not help, or must not be asked. Never waits."""
        if self._core.keys() is not keys:
            return  # They were fetched meanwhile: the error may be that of the earlier ones.
        if not self._core.lacks_key_of(token):
            self._known(token, error)
        # While the keys are being fetched, for whomever, this one may be among them.
        elif not self._fetching.locked() and len(_last_minute(self._fetches_for_tokens)) >= UNKNOWN_PER_MINUTE:
            raise self._without_key(error)

    def _try_again(self, token: str, error: VerificationError) -> dict[str, Any]:
        if self._core.lacks_key_of(token):
            self._fetch_keys_for(token, self._fetches_for_tokens, PATIENCE)
            if self._core.lacks_key_of(token):
                raise self._without_key(error)
        try:
            return self._core.verify(token)
        except Stale as stale:
            return self._ask(token, stale)

    def _without_key(self, error: VerificationError) -> VerificationError:
        return Stale("The keys of the issuer cannot be fetched.") if self._keys_failed else error

    def _known(self, token: str, error: VerificationError) -> dict[str, Any]:
        """The claims of a token about which the server is asked. What is known to be revoked stays so, whatever it answers."""
        if isinstance(error, Stale):
            self._reporter.wake()
            if self._asks:
                return self._core.judge(self._core.valid(token))
        raise error

    def _ask(self, token: str, error: VerificationError) -> dict[str, Any]:
        claims = self._known(token, error)
        try:
            answer = Answer(self._base + "/api/v1/auth/check", {"Authorization": f"Bearer {token}"}, PATIENCE)
            body = answer.body()
            code = str(json.loads(body)["code"]) if answer.status == 401 else ""
        except (Lost, ValueError, KeyError, TypeError) as cause:
            raise Stale from cause
        if answer.status in (200, 204) and answer.header("X-Auth-Audience") == self._audience:
            return claims
        # The server has one code for expired and outdated, and expired it is not. Another answer is not about the token.
        refusals = {"session_revoked": Revoked, "access_token_expired": Outdated, "access_token_invalid": Invalid}
        raise refusals.get(code, Stale)()

    def _fetch_keys(self, timeout: float = SILENCE) -> None:
        self._keys_at, failed = time.monotonic(), True
        try:
            answer = Answer(self._base + "/.well-known/jwks.json", {}, timeout)
            body = answer.body()
            if answer.status != 200:
                raise Lost(f"unreachable: the JWKS is answered with {answer.status}")
            self._core.set_keys(json.loads(body))
            failed = False
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Lost(f"unreachable: the JWKS cannot be read: {error}") from error
        finally:
            self._keys_failed = failed

    def _fetch_keys_for(self, compact: str, fetches: list[float], timeout: float) -> None:
        """Fetches the keys because the text names an unknown one, unless that happened twice in the last minute."""
        with self._fetching:
            fetches[:] = _last_minute(fetches)
            if self._core.lacks_key_of(compact) and len(fetches) < UNKNOWN_PER_MINUTE:
                fetches.append(time.monotonic())
                with contextlib.suppress(Lost):
                    self._fetch_keys(timeout)

    def _listen(self) -> None:
        delay = 0.1
        while not self._closed.is_set():
            self._events = 0
            try:
                self._follow()
            except Exception as why:  # the thread must not end silently, whatever happens
                self._reporter.reason = str(why) if isinstance(why, Lost) else f"unreachable: {why!r}"
            if self._closed.is_set():
                break
            if self._events > 1:
                delay = 0.1
            self._reporter.wake()
            is_refused = self._reporter.reason in _CONFIGURATION.values()
            self._closed.wait(10.0 if is_refused else delay * random.uniform(0.5, 1))
            delay = min(2 * delay, 2.0)

    def _follow(self) -> None:
        """Listens on one connection until it is lost."""
        if not self._core.keys():
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
        raise Lost("unreachable: the server ended the stream")

    def _take(self, event: str) -> None:
        if self._core.lacks_key_of(event):
            self._fetch_keys_for(event, self._fetches_for_events, SILENCE)
        if self._core.event(event) != "taken":
            raise Lost(self._core.refusal)
        self._events += 1
        self._reporter.reason = "silence"
        if self._core.seconds_fresh() >= 0:
            self._became_fresh.set()
        self._reporter.wake()
        is_refreshing = self._refreshing is not None and self._refreshing.is_alive()
        if time.monotonic() - self._keys_at > REFRESH_KEYS and not is_refreshing:
            # In a thread of its own: the next events must not come too late, however long a name server takes.
            self._refreshing = threading.Thread(target=self._refresh_keys, name="heirloom-verifier-keys", daemon=True)
            self._refreshing.start()

    def _refresh_keys(self) -> None:
        with contextlib.suppress(Lost):
            # Without success, the known keys stay.
            self._fetch_keys()


def _last_minute(fetches: list[float]) -> list[float]:
    now = time.monotonic()
    return [at for at in list(fetches) if now - at < 60]


def _start_again(verifier: Optional[Verifier]) -> None:
    if verifier is not None and not verifier._closed.is_set():
        verifier._start()
