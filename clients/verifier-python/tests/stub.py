"""A small server that speaks the stream: what it sends and how it misbehaves is for the test to decide."""

import base64
import contextlib
import hashlib
import json
import queue
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

AUDIENCE = "https://api.example.com"


def digest(identifier):
    return base64.urlsafe_b64encode(hashlib.sha256(identifier.encode()).digest()[:8]).decode().rstrip("=")


def until(condition, what, seconds=60):
    """Waits for a condition: a slow machine only makes it longer."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it never came to pass: {what}"
        time.sleep(0.02)


class Stub:
    """`start` it, and read `url`."""

    def __init__(self):
        self.keys = {"first": ec.generate_private_key(ec.SECP256R1())}
        self.signer, self.published = "first", ["first"]
        self.listeners, self.known, self.requests = [], {}, []
        self.stream, self.n, self.lock = "stream-1", 0, threading.Lock()
        # How it misbehaves.
        self.status, self.location, self.beats, self.jwks_status, self.check = 200, None, True, 200, (204, AUDIENCE, None)
        self.feed_key, self.ends = "secret", False
        self.trickling = None
        self.server = None
        self.port = 0

    # --- the life of the server ---

    def start(self):
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stub.answer(self)

            def log_message(self, *_arguments):
                pass

        class Server(ThreadingHTTPServer):
            allow_reuse_address = True
            daemon_threads = True

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.over = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self.beat, args=(self.over,), daemon=True).start()
        return self

    def stop(self):
        """The cable is cut: connections end, and new ones are refused."""
        self.over.set()
        self.drop()
        self.server.shutdown()
        self.server.server_close()

    def restart(self):
        """Another instance at the same place: it begins another stream."""
        self.stream, self.n = f"stream-{time.monotonic()}", 0
        return self.start()

    def drop(self):
        with self.lock:
            for listener in self.listeners:
                listener.put(None)
            self.listeners.clear()

    def beat(self, over):
        while not over.wait(1):
            if self.beats:
                self.send("beat")

    # --- what it signs ---

    def sign(self, typ, payload, kid=None):
        kid = kid or self.signer
        return jwt.encode(payload, self.keys[kid], "ES256", {"typ": typ, "kid": kid})

    def add_key(self, kid, publish=True):
        self.keys[kid] = ec.generate_private_key(ec.SECP256R1())
        if publish:
            self.published.append(kid)

    def token(self, kid=None, **claims):
        now = int(time.time())
        return self.sign("at+jwt", {
            "iss": self.url, "aud": AUDIENCE, "sub": "alice", "sid": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + 600,
            "roles": ["editor"], "rev": 3, **claims}, kid)

    def event(self, kind, n, **members):
        now = int(time.time())
        return self.sign("heirloom-revocations+jwt", {
            "iss": self.url, "iat": now, "exp": now + 5, "kind": kind, "stream": self.stream, "n": n, "keep": 780, **members})

    def send(self, kind, skip=0, **members):
        """An event to all listeners; after `skip` that are lost."""
        with self.lock:
            self.n += 1 + skip
            self.known.update(members)
            event = f"data: {self.event(kind, self.n, **members)}\n\n"
            for listener in self.listeners:
                listener.put(event)

    def send_text(self, text):
        with self.lock:
            for listener in self.listeners:
                listener.put(text)

    # --- what it answers ---

    def count(self, path):
        return sum(1 for each in self.requests if each == path)

    def answer(self, request):
        self.requests.append(request.path)
        if request.path == self.trickling:
            return self.trickle(request)
        if request.path == "/.well-known/jwks.json":
            self.reply(request, self.jwks_status, self.jwks())
        elif request.path == "/api/v1/revocations/stream":
            self.answer_stream(request)
        elif request.path == "/api/v1/auth/check":
            status, audience, code = self.check
            headers = {"X-Auth-Audience": audience} if audience else {}
            self.reply(request, status, {"code": code} if code else {}, headers)
        else:
            self.reply(request, 404, {})

    def trickle(self, request):
        """An answer whose head takes two minutes. Each byte comes in time."""
        request.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(2400):
                request.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                time.sleep(0.05)
            request.wfile.write(b"HTTP/1.1 204 No Content\r\nX-Auth-Audience: %s\r\n\r\n" % AUDIENCE.encode())

    def jwks(self):
        def jwk(kid):
            return {**jwt.algorithms.ECAlgorithm.to_jwk(self.keys[kid].public_key(), as_dict=True),
                    "kid": kid, "alg": "ES256", "use": "sig"}
        unusable = [7, {}, {"kid": "a", "alg": "ES256"}, {"kid": "b", "alg": "ES256", "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]
        return {"keys": unusable + [jwk(kid) for kid in self.published]}

    def reply(self, request, status, body, headers=()):
        text = b"" if status == 204 else json.dumps(body).encode()
        request.send_response(status)
        for name, value in {"Content-Length": len(text), "Content-Type": "application/json", **dict(headers)}.items():
            request.send_header(name, value)
        request.end_headers()
        request.wfile.write(text)

    def answer_stream(self, request):
        if self.status != 200:
            return self.reply(request, self.status, {}, {"Location": self.location} if self.location else {})
        if request.headers.get("Authorization") != f"Bearer {self.feed_key}":
            return self.reply(request, 401, {})
        events = queue.Queue()
        with self.lock:
            if self.beats:
                events.put(f": welcome\r\n\r\ndata: {self.event('snapshot', self.n, **self.known)}\n\n")
            if self.ends:
                events.put(None)
            self.listeners.append(events)
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.close_connection = True
        with contextlib.suppress(OSError):
            while (text := events.get()) is not None:
                # In small pieces: an event may arrive in many.
                for at in range(0, len(text), 4000):
                    piece = text[at:at + 4000].encode()
                    request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
