"""Servers that send a little at a time, so that no read takes long: an answer has a deadline all the same."""

import asyncio
import contextlib
import logging
import socket
import threading
import time
import unittest
from unittest import mock

from driving import Driving, code
from heirloom_verifier import Stale
from heirloom_verifier._http import Answer, Lost
from stub import until

logging.disable(logging.CRITICAL)
JWKS, CHECK, OK = "/.well-known/jwks.json", "/api/v1/auth/check", b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def trickling(first, then):
    """The URL of a server that sends `first`, and `then` again and again for half a minute."""
    def serve():
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            with connection:
                connection.sendall(first)
                for _ in range(1500):
                    connection.sendall(then)
                    time.sleep(0.02)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
    thread.join()


class Slow(Driving):
    def lost(self, first, then, read):
        with trickling(first, then) as url, self.assertRaises(Lost) as lost:
            answer = Answer(url, {}, 0.5)
            with contextlib.closing(answer):
                read(answer)
        self.assertEqual(str(lost.exception), "silence", first)

    def test_an_answer_has_a_deadline(self):
        self.lost(b"", b"HTTP/1.1 100 Continue\r\n\r\n", Answer.body)
        self.lost(b"HTTP/1.1 2", b"0", Answer.body)
        self.lost(OK + b"X: ", b"a", Answer.body)
        self.lost(OK + b"Content-Length: 9000\r\n\r\n", b"a", Answer.body)
        self.lost(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0", Answer.body)

    def test_a_stream_without_events_has_one_too(self):
        with mock.patch("heirloom_verifier._http.NO_EVENT", 0.5):
            self.lost(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0", lambda answer: list(answer.events()))
            self.lost(OK + b"\r\n", b": nothing\n", lambda answer: list(answer.events()))

    def test_a_request_waits_for_no_head(self):
        self.stub.status = 503
        verifier = self.verifier(on_stale="ask")
        until(lambda: code(verifier, self.stub.token()) == "good", "the server answers")
        self.stub.trickling = CHECK
        self.assertEqual(code(verifier, self.stub.token()), "stale")
        self.stub.add_key("second")
        self.stub.trickling = JWKS
        self.assertEqual(code(verifier, self.stub.token("second")), "stale")

    def test_the_threads_are_free_again(self):
        self.stub.status = 503
        verifier = self.verifier(on_stale="ask")
        until(lambda: code(verifier, self.stub.token()) == "good", "the server answers")
        self.stub.trickling = CHECK

        async def ask():
            answers = await asyncio.gather(*(verifier.verify_async(self.stub.token()) for _ in range(40)), return_exceptions=True)
            self.assertEqual({type(answer) for answer in answers}, {Stale})
        asyncio.run(ask())
        self.stub.trickling = None
        until(lambda: asyncio.run(self.is_good(verifier)), "a thread is free")

    async def is_good(self, verifier):
        with contextlib.suppress(Stale):
            return bool(await verifier.verify_async(self.stub.token()))


if __name__ == "__main__":
    unittest.main()
