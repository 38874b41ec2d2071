"""The examples, against a server that speaks the stream. Needs Django and FastAPI."""

import importlib
import importlib.util
import os
import pathlib
import sys
import unittest

from asking import ask_asgi, ask_wsgi
from stub import AUDIENCE, Stub, digest, until

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "examples"))


class Examples(unittest.TestCase):
    def check(self, name, ask_with):
        stub = Stub().start()
        self.addCleanup(lambda: stub.over.is_set() or stub.stop())
        os.environ.update(AUTH_ISSUER=stub.url, AUTH_AUDIENCE=AUDIENCE, AUTH_FEED_KEY="secret")
        module = importlib.import_module(name)
        self.addCleanup(module.verifier.close)
        self.assertTrue(module.verifier.ready(60))
        ask = ask_with(module)
        token = stub.token(sid="mine")

        self.assertEqual(ask("/health").status, 200)
        answer = ask("/orders", token)
        self.assertEqual((answer.status, answer.json), (200, {"user": "alice", "orders": []}))
        answer = ask("/orders")
        self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, "Bearer"))
        answer = ask("/orders", stub.token(exp=1))
        self.assertEqual((answer.status, answer.json["code"]), (401, "expired"))
        self.assertIn('error="invalid_token"', answer.headers["www-authenticate"])

        stub.send("delta", sessions=[digest("mine")])
        until(lambda: ask("/orders", token).status == 401, "the revoked session is refused")
        self.assertEqual(ask("/orders", token).json["code"], "revoked")

        stub.stop()
        other = stub.token()
        until(lambda: ask("/orders", other).status == 503, "it becomes stale")
        self.assertEqual(ask("/orders", other).headers["retry-after"], "1")
        return ask, stub

    @unittest.skipUnless(importlib.util.find_spec("django"), "Django is not installed")
    def test_django(self):
        self.check("django_app", lambda module: lambda *request: ask_wsgi(module.application, *request))

    @unittest.skipUnless(importlib.util.find_spec("fastapi"), "FastAPI is not installed")
    def test_fastapi(self):
        self.check("fastapi_app", lambda module: lambda *request: ask_asgi(module.app, *request))


if __name__ == "__main__":
    unittest.main()
