"""Serves the page in app/: `serve.py PORT AUTH API`. Your web server does the same, with the same headers."""

import sys
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PORT, AUTH, API = sys.argv[1:]
APP = Path(__file__).parent / "app"
CLIENT = Path(__file__).parents[2] / "static/heirloom.js"
CONFIG = f"export const auth = '{AUTH}';\nexport const api = '{API}';\n"
# The page runs no script but its own, and talks to these two only. The client's frame is Heirloom's.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
          f"connect-src {AUTH} {API}; frame-src {AUTH}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


class Page(SimpleHTTPRequestHandler):
    def do_GET(self):
        generated = {"/config.js": CONFIG.encode, "/heirloom.js": CLIENT.read_bytes}.get(self.path)
        if not generated:
            return super().do_GET()
        content = generated()
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, *_):
        pass


with suppress(KeyboardInterrupt):
    ThreadingHTTPServer(("127.0.0.1", int(PORT)), partial(Page, directory=APP)).serve_forever()
