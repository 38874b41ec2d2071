"""Requests to Heirloom: with the TLS of the platform, without redirects and without proxies."""

from __future__ import annotations

import contextlib
import functools
import http.client
import socket
import ssl
from typing import Iterator
from urllib.parse import urlsplit

SILENCE = 5.0
"""Seconds without a byte after which a connection counts as lost: the server sends something each second."""
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
        raise Lost(f"unreachable: {error or type(error).__name__}") from error


class Answer:
    """The answer to a GET; its body may still be arriving."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float = SILENCE) -> None:
        parts = urlsplit(url)
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
        """All of it. Closes the connection."""
        with _reasons(), contextlib.closing(self):
            return bytes(self._response.read())

    def events(self) -> Iterator[str]:
        """The data of each event, and an empty text after other bytes."""
        line = bytearray()
        with _reasons():
            while chunk := self._response.read1(1 << 16):
                *ends, rest = chunk.split(b"\n")
                for end in ends:
                    line += end
                    yield line[5:].strip().decode("ascii", "replace") if line.startswith(b"data:") else ""
                    line.clear()
                line += rest

    def interrupt(self) -> None:
        """Ends a reading in another thread, which then closes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Frees the connection."""
        self._response.close()
        self._connection.close()
