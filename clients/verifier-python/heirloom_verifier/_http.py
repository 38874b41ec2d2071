"""Requests to Heirloom: with the TLS of the platform, without redirects and without proxies."""

from __future__ import annotations

import contextlib
import functools
import http.client
import io
import socket
import ssl
import time
from typing import Any, Iterator
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


class _Reader(io.RawIOBase):
    """Reads a socket until a deadline, however slowly the other side sends: a timeout of the socket begins again with each byte."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self._raw, self._sock, self.until = raw, sock, time.monotonic() + (sock.gettimeout() or SILENCE)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Any:
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(left, SILENCE))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.reader = _Reader(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self.reader)


class Answer:
    """The answer to a GET; its body may still be arriving."""

    def __init__(self, url: str, headers: dict[str, str], timeout: float = SILENCE) -> None:
        parts, self._until = urlsplit(url), time.monotonic() + timeout
        self._connection = (
            http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=_tls()) if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=timeout))
        self._connection.response_class = _Response
        try:
            with _reasons():
                self._connection.connect()
                self._socket: socket.socket = self._connection.sock
                self._socket.settimeout(max(self._until - time.monotonic(), 0.001))
                self._connection.request("GET", parts.path, headers=headers)
                self._response: Any = self._connection.getresponse()
        except Lost:
            self._connection.close()
            raise
        self.status, self.header = self._response.status, self._response.getheader

    def body(self) -> bytes:
        """All of it, within the time of the request. Closes the connection."""
        body = bytearray()
        with _reasons(), contextlib.closing(self):
            while chunk := self._read(self._until):
                body += chunk
                if len(body) > LONGEST:
                    raise Lost("unreachable: the answer is too long")
        return bytes(body)

    def events(self) -> Iterator[str]:
        """The data of each event, and an empty text after other bytes."""
        line, heard = bytearray(), time.monotonic()
        with _reasons():
            while chunk := self._read(heard + NO_EVENT):
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

    def _read(self, until: float) -> bytes:
        self._response.reader.until = until
        chunk: bytes = self._response.read1(1 << 16)
        return chunk

    def interrupt(self) -> None:
        """Ends a reading in another thread, which then closes."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Frees the connection."""
        self._response.close()
        self._connection.close()
