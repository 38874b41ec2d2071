"""How each peer is spoken to: signing in, refreshing, signing out, using an access token."""

import base64
import hashlib
import itertools
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

sys.path.append(str(Path(__file__).resolve().parent.parent / "providers"))

from browser import Browser  # noqa: E402
from calls import Call  # noqa: E402

REDIRECT = "http://127.0.0.1/callback"
HEIRLOOM_USER = {"email": "alice@example.com", "password": "kettle-lantern-58-amber"}
NUMBERS = itertools.count(1)


@dataclass
class Tokens:
    """What an answer issued."""

    refresh: str = field(repr=False)
    access: str = field(repr=False)


class Dialect:
    """A peer at one or several base URLs (instances), which are used in turn."""

    refresh_field, access_field, is_oauth = "refresh_token", "access_token", False

    def __init__(self, bases, **values):
        self.bases, self.values = bases, values
        self.turn = itertools.cycle(bases)

    def base(self):
        return next(self.turn)

    def tokens(self, answer):
        refresh = answer.field(self.refresh_field)
        return Tokens(refresh, answer.field(self.access_field)) if answer.ok and refresh else None

    def sign_in(self):
        answer = self.sign_in_call().send()
        tokens = self.tokens(answer)
        if tokens is None:
            raise SystemExit(f"The sign-in was answered with {answer.status}.")
        return tokens

    def two_sessions(self):
        """Of one user."""
        return self.sign_in(), self.sign_in()


class Form(Dialect):
    """OAuth 2.0: a token endpoint (RFC 6749) and a revocation endpoint (RFC 7009), for a public client or with its secret in the form."""

    token, revocation, resource, is_oauth = "/token", "/revoke", "/userinfo", True

    def client(self):
        return {name: self.values[name] for name in ("client_id", "client_secret") if name in self.values}

    def refresh(self, token):
        form = {"grant_type": "refresh_token", "refresh_token": token, **self.client()}
        return Call("refresh", "POST", self.base() + self.token, form=form)

    def sign_out(self, token):
        form = {"token": token, "token_type_hint": "refresh_token", **self.client()}
        return Call("sign-out", "POST", self.base() + self.revocation, form=form)

    def access(self, token):
        return Call("access", "GET", self.base() + self.resource, {"Authorization": f"Bearer {token}"})

    def redeem(self, code, verifier):
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier,
            **self.client(),
        }
        return self.tokens(Call("code", "POST", self.base() + self.token, form=form).send())

    def authorization(self, path, **more):
        """The URL of an authorization request with PKCE, and its verifier."""
        verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(verifier.encode()).digest()
        query = {
            "response_type": "code", "redirect_uri": REDIRECT, "scope": "openid offline_access",
            "state": secrets.token_urlsafe(8), "code_challenge_method": "S256",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), **self.client(), **more,
        }
        return f"{self.base()}{path}?{urlencode(query)}", verifier


def is_callback(url):
    return url.startswith(REDIRECT)


def code_of(url):
    (code,) = parse_qs(urlsplit(url).query)["code"]
    return code


class OidcProvider(Form):
    """At its own pages: one to sign in, one to consent."""

    token, revocation, resource = "/token", "/token/revocation", "/me"

    def two_sessions(self):
        user = f"user-{next(NUMBERS)}"
        return self.sign_in(user), self.sign_in(user)

    def sign_in(self, user=None):
        browser = Browser()
        url, verifier = self.authorization("/auth", prompt="consent")
        page = browser.follow(browser.get(url), is_callback)
        page = browser.submit(page, login=user or f"user-{next(NUMBERS)}", password="any")
        page = browser.follow(page, is_callback)
        page = browser.follow(browser.submit(page), is_callback)
        return self.redeem(code_of(page.location), verifier)


class BetterAuth(Form):
    """Each session belongs to a user of its own: a reuse ends every session of that user at that client."""

    token, revocation, resource = "/api/auth/oauth2/token", "/api/auth/oauth2/revoke", "/api/auth/oauth2/userinfo"

    def sign_in(self):
        return self.authorize(self.sign_up())

    def two_sessions(self):
        browser = self.sign_up()
        return self.authorize(browser), self.authorize(browser)

    def sign_up(self):
        browser = Browser()
        email = f"user-{secrets.token_hex(8)}@example.com"
        signed_up = browser.json("POST", f"{self.base()}/api/auth/sign-up/email", {
            "email": email, "password": "a-long-enough-secret", "name": "A user"})
        if signed_up.status != 200:
            raise SystemExit(f"The sign-up was answered with {signed_up.status}.")
        return browser

    def authorize(self, browser):
        url, verifier = self.authorization("/api/auth/oauth2/authorize")
        return self.redeem(code_of(browser.get(url).location), verifier)


class OauthToolkit(Form):
    """django-oauth-toolkit, with the password grant."""

    token, revocation, resource = "/o/token/", "/o/revoke_token/", "/me/"

    def sign_in_call(self):
        form = {"grant_type": "password", "username": "alice", "password": "secret", "scope": "read", **self.client()}
        return Call("sign-in", "POST", self.base() + self.token, form=form)


class Glewlwyd(Form):
    """With the password grant."""

    token, revocation, resource = "/api/oidc/token", "/api/oidc/revoke", "/api/oidc/userinfo"

    def sign_in_call(self):
        form = {
            "grant_type": "password", "username": "alice", "password": "a password at glewlwyd", "scope": self.values["scope"],
            **self.client(),
        }
        return Call("sign-in", "POST", self.base() + self.token, form=form)


class Json(Dialect):
    """JSON at three paths."""

    paths = {}

    def refresh(self, token):
        return Call("refresh", "POST", self.base() + self.paths["refresh"], json_body={self.refresh_field: token})

    def sign_out(self, token):
        return Call("sign-out", "POST", self.base() + self.paths["sign_out"], json_body={self.refresh_field: token})

    def access(self, token):
        return Call("access", "GET", self.base() + self.paths["access"], {"Authorization": f"Bearer {token}"})

    def sign_in_call(self):
        return Call("sign-in", "POST", self.base() + self.paths["sign_in"], json_body=self.credentials())

    def credentials(self):
        return {"username": "alice", "password": "secret"}


class SimpleJwt(Json):
    refresh_field, access_field = "refresh", "access"
    paths = {"sign_in": "/api/token/", "refresh": "/api/token/refresh/", "sign_out": "/api/token/blacklist/", "access": "/me/"}


class ExpressRedis(Json):
    refresh_field, access_field = "refreshToken", "accessToken"
    paths = {"sign_in": "/login", "refresh": "/refresh", "sign_out": "/logout", "access": "/me"}


class Heirloom(Json):
    paths = {
        "sign_in": "/api/v1/auth/login", "refresh": "/api/v1/auth/refresh", "sign_out": "/api/v1/auth/logout",
        "access": "/api/v1/auth/check",
    }

    def credentials(self):
        return HEIRLOOM_USER


DIALECTS = {one.__name__: one for one in (OidcProvider, BetterAuth, OauthToolkit, Glewlwyd, SimpleJwt, ExpressRedis, Heirloom)}
