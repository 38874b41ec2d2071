"""The part of script/film-strip that shows other providers: the buttons, `/connect` in its three forms, and users without a password."""

import functools
import http.server
import json
import os
import threading
import urllib.parse

SUBMIT = "main form button[type=submit]"


class Provider(http.server.BaseHTTPRequestHandler):
    """A provider of plain OAuth 2.0, whose member has always signed in already. `member` None: who declines."""

    member = {}

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/userinfo":
            return self.answer(Provider.member)
        asked = dict(urllib.parse.parse_qsl(query))
        back = {"code": "film"} if Provider.member else {"error": "access_denied"}
        self.send_response(303)
        self.send_header("Location", f"{asked['redirect_uri']}?{urllib.parse.urlencode(back | {'state': asked['state']})}")
        self.end_headers()

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer({"access_token": "film", "token_type": "bearer"})

    def answer(self, document):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_):
        pass


@functools.cache
def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["FILM_PROVIDER"])), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def come(strip, provider, **member):
    """Signs in with a provider, as this member."""
    Provider.member = member and {"email_verified": False, **member}
    strip.go("/login")
    strip.ours.click(f".providers a[href*='/{provider}?']")


def upstream(strip, password, mailbox):
    serve()
    ours, address = strip.ours, strip.address("harin")
    for page in ("login", "register"):
        strip.go(f"/{page}")
        strip.shot(f"upstream-{page}")
    come(strip, "naver")
    ours.shows(".message.wrong")
    strip.shot("upstream-declined")
    come(strip, "naver", id=f"1-{strip.language}")
    ours.shows("#email")
    strip.shot("upstream-address")
    ours.type_into("#email", address)
    ours.click(SUBMIT)
    ours.shows("#code")
    strip.shot("upstream-code")
    ours.type_into("#code", strip.email(address, "confirm-connection").code)
    ours.click("#waiting button[type=submit]")
    ours.shows("#content")
    strip.shot("upstream-account")
    ours.click("#identities button[aria-label*='GitHub']")
    ours.shows("#step-up")
    strip.shot("upstream-confirm")
    strip.go("/account")
    ours.shows("#content")
    strip.sign_out()
    known = strip.address("doyun")
    strip.registered(known)
    strip.sign_out()
    come(strip, "kakao", id=f"2-{strip.language}", email=known, email_verified=True)
    ours.shows("#password")
    strip.shot("upstream-sign-in-once")
    ours.type_into("#password", "not it")
    ours.click(SUBMIT)
    ours.shows("#problem")
    strip.shot("upstream-sign-in-once-refused")
    ours.type_into("#password", password)
    ours.click(SUBMIT)
    ours.shows("#content")
    strip.shot("upstream-connected")
    strip.email(known, "identity-linked")
    strip.sign_out()
