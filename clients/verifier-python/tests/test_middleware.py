"""What the two middlewares answer."""

import unittest

from asking import ask_asgi, ask_wsgi
from heirloom_verifier import AsgiMiddleware, Expired, Invalid, Outdated, Revoked, Stale, WsgiMiddleware, bearer

REFUSALS = {"expired": Expired, "invalid": Invalid, "outdated": Outdated, "revoked": Revoked, "stale": Stale}


class Verifier:
    """Of a token that is the name of a refusal, it raises that."""

    def verify(self, token):
        if token in REFUSALS:
            raise REFUSALS[token]
        return {"sub": token}

    async def verify_async(self, token):
        return self.verify(token)


def wsgi_app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str((environ["heirloom.claims"] or {}).get("sub")).encode()]


async def asgi_app(scope, _receive, send):
    if scope["type"] == "lifespan":
        return await send({"type": "lifespan.startup.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str((scope["heirloom.claims"] or {}).get("sub")).encode()})


def is_public(path):
    return path == "/health"


class Middleware(unittest.TestCase):
    def setUp(self):
        wsgi, asgi = WsgiMiddleware(wsgi_app, Verifier(), is_public), AsgiMiddleware(asgi_app, Verifier(), is_public)
        self.asgi = asgi
        self.asks = [lambda *request: ask_wsgi(wsgi, *request), lambda *request: ask_asgi(asgi, *request)]

    def test_a_good_token_passes_with_its_claims(self):
        for ask in self.asks:
            answer = ask("/", "alice")
            self.assertEqual((answer.status, answer.body), (200, b"alice"))

    def test_a_public_path_needs_no_token_and_looks_at_none(self):
        for ask in self.asks:
            self.assertEqual(ask("/health").body, b"None")
            self.assertEqual(ask("/health", "stale").body, b"None")

    def test_no_token_is_401(self):
        for ask in self.asks:
            answer = ask("/")
            self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, "Bearer"))
            self.assertEqual(answer.json["code"], "unauthenticated")

    def test_refused_tokens_are_401_with_the_code_and_stale_is_503(self):
        for ask in self.asks:
            for code in REFUSALS:
                answer = ask("/", code)
                self.assertEqual(answer.json["code"], code)
                self.assertEqual(answer.headers["content-type"], "application/problem+json")
                if code == "stale":
                    self.assertEqual((answer.status, answer.headers["retry-after"]), (503, "1"))
                    self.assertNotIn("www-authenticate", answer.headers)
                else:
                    challenge = f'Bearer error="invalid_token", error_description="{code}"'
                    self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, challenge))

    def test_a_websocket_without_a_good_token_is_closed(self):
        self.assertEqual(ask_asgi(self.asgi, "/", "revoked", "websocket"), [{"type": "websocket.close", "code": 1008}])
        self.assertEqual(ask_asgi(self.asgi, "/", "stale", "websocket"), [{"type": "websocket.close", "code": 1013}])
        for code, status in (("revoked", 401), ("stale", 503)):
            start, body = ask_asgi(self.asgi, "/", code, "websocket", {"websocket.http.response": {}})
            self.assertEqual((start["type"], start["status"]), ("websocket.http.response.start", status))
            self.assertEqual(body["type"], "websocket.http.response.body")
        self.assertEqual(ask_asgi(self.asgi, "/", "alice", "websocket")[0]["type"], "http.response.start")

    def test_the_lifespan_passes(self):
        self.assertEqual(ask_asgi(self.asgi, "/", None, "lifespan"), [{"type": "lifespan.startup.complete"}])

    def test_only_bearer_tokens_are_read(self):
        for header in (None, "", "Bearer", "Bearer ", "Basic abc", "abc"):
            self.assertIsNone(bearer(header), header)
        self.assertEqual(bearer("bEaReR  abc "), "abc")


if __name__ == "__main__":
    unittest.main()
