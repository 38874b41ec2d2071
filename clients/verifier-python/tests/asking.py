"""Requests to WSGI and ASGI applications, without a server and without a network."""

import asyncio
import io
import json
from wsgiref.util import setup_testing_defaults


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, {name.lower(): value for name, value in headers}, body

    @property
    def json(self):
        return json.loads(self.body)


def ask_wsgi(app, path, token=None):
    environ, started = {"PATH_INFO": path, "HTTP_HOST": "127.0.0.1", "wsgi.input": io.BytesIO()}, []
    if token is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    setup_testing_defaults(environ)
    body = b"".join(app(environ, lambda status, headers, *_: started.append((status, headers))))
    status, headers = started[0]
    return Answer(int(status.split()[0]), headers, body)


def ask_asgi(app, path, token=None, kind="http", extensions=None):
    headers = [(b"host", b"127.0.0.1")] + ([(b"authorization", f"bearer {token}".encode())] if token is not None else [])
    scope = {"type": kind, "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": path, "root_path": "",
             "raw_path": path.encode(), "query_string": b"", "headers": headers, "scheme": "http",
             "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    if extensions is not None:
        scope["extensions"] = extensions
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    if kind != "http":
        return sent
    headers = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
    return Answer(sent[0]["status"], headers, b"".join(each.get("body", b"") for each in sent[1:]))
