"""Requests to Heirloom: with the TLS of the platform, without redirects and without proxies."""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import ssl
import time
from typing import Iterator
from urllib.parse import urlsplit

SILENCE = 5.0
"""Seconds without a byte after which a connection counts as lost: the server sends something each second."""
NO_EVENT = 15.0
"""Seconds without an event after which a connection is of no use, whatever else arrives: by then it is too old."""
LONGEST = 24 << 20
"""The longest line or body: more than twice a snapshot of 250,000 entries."""
_tls = functools.lru_cache(maxsize=1)(ssl.create_default_context)


class Lost(Exception):
    """Why there is no answer, or no stream: `silence`, `unreachable: ...`, `refused: ...`, `clock`, `gap` or `forged`."""


@contextlib.contextmanager
def _reasons() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise Lost("silence") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        # It may hold what a stranger has sent, and goes to a log.
        text = "".join(each if each.isprintable() else "?" for each in str(error)[:200])
        raise Lost(f"unreachable: {text or type(error).__name__}") from error


class Answer:
    """The answer to a GET; its body may still be arriving."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float = SILENCE) -> None:
        parts, self._until = urlsplit(url), time.monotonic() + timeout
        self._connection = (
            http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=_tls()) if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=timeout))
        try:
            with _reasons():
                self._connection.connect()
                self._socket: socket.socket = self._connection.sock
                self._connection.request("GET", parts.path, headers=headers)
                self._response = self._connection.getresponse()
        except Lost:
            self._connection.close()
            raise
        self.status, self.header = self._response.status, self._response.getheader

    def body(self) -> bytes:
        """All of it, within the time of the request. Closes the connection."""
        body = bytearray()
        with _reasons(), contextlib.closing(self):
            while chunk := self._response.read1(1 << 16):
                body += chunk
                if len(body) > LONGEST:
                    raise Lost("unreachable: the answer is too long")
                if time.monotonic() > self._until:
                    raise TimeoutError
        return bytes(body)

    def events(self) -> Iterator[str]:
        """The data of each event, and an empty text after other bytes."""
        line, heard = bytearray(), time.monotonic()
        with _reasons():
            while chunk := self._response.read1(1 << 16):
                *ends, rest = chunk.split(b"\n")
                for end in ends:
                    line += end
                    if line.startswith(b"data:"):
                        yield line[5:].strip().decode("ascii", "replace")
                        heard = time.monotonic()
                    line.clear()
                line += rest
                yield ""
                if len(line) > LONGEST:
                    raise Lost("forged")
                if time.monotonic() > heard + NO_EVENT:
                    raise Lost("silence")

    def interrupt(self) -> None:
        """Ends a reading in another thread, which then closes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Frees the connection."""
        self._response.close()
        self._connection.close()
