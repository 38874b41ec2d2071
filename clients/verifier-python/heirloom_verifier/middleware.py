"""Middleware for WSGI and ASGI, and the answers to requests that are refused."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Awaitable, Callable, Iterable, MutableMapping, NamedTuple, Optional

from ._errors import VerificationError
from ._verifier import Verifier

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApplication = Callable[[Message, Receive, Send], Awaitable[None]]
IsPublic = Callable[[str], bool]


class Refusal(NamedTuple):
    """An answer, for any framework."""

    status: int
    headers: dict[str, str]
    body: bytes


def bearer(authorization: Optional[str]) -> Optional[str]:
    """The token of an Authorization header; None when it holds none."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def refusal(error: Optional[VerificationError] = None) -> Refusal:
    """The answer to an error: 503 with Retry-After for Stale, else 401. Without an error: to a request without a token."""
    status, code, detail = 401, "unauthenticated", "An access token is needed."
    if error is not None:
        status, code, detail = error.status, error.code, str(error)
    challenge = "Bearer" if error is None else f'Bearer error="invalid_token", error_description="{code}"'
    headers = {"Retry-After": "1"} if status == 503 else {"WWW-Authenticate": challenge}
    body = json.dumps({"status": status, "code": code, "detail": detail}).encode()
    return Refusal(status, {"Content-Type": "application/problem+json", "Cache-Control": "no-store", **headers}, body)


class WsgiMiddleware:
    """Lets requests with a good token pass; the claims are in `environ["heirloom.claims"]`.

    `is_public` returns whether a path needs no token; the claims are then None.
    """

    def __init__(self, app: WSGIApplication, verifier: Verifier, is_public: IsPublic = lambda path: False) -> None:
        self._app, self._verifier, self._is_public = app, verifier, is_public

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        token, answer = bearer(environ.get("HTTP_AUTHORIZATION")), refusal()
        environ["heirloom.claims"] = None
        if self._is_public(environ.get("PATH_INFO", "")):
            return self._app(environ, start_response)
        try:
            environ["heirloom.claims"] = self._verifier.verify(token) if token else None
        except VerificationError as error:
            answer = refusal(error)
        if environ["heirloom.claims"] is not None:
            return self._app(environ, start_response)
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers.items()))
        return [answer.body]


class AsgiMiddleware:
    """Lets requests with a good token pass; the claims are in `scope["heirloom.claims"]`.

    `is_public` returns whether a path needs no token; the claims are then None. A WebSocket is verified when it opens.
    """

    def __init__(self, app: AsgiApplication, verifier: Verifier, is_public: IsPublic = lambda path: False) -> None:
        self._app, self._verifier, self._is_public = app, verifier, is_public

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        token, answer = bearer(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")), refusal()
        scope["heirloom.claims"] = None
        if self._is_public(scope["path"]):
            return await self._app(scope, receive, send)
        try:
            scope["heirloom.claims"] = await self._verifier.verify_async(token) if token else None
        except VerificationError as error:
            answer = refusal(error)
        if scope["heirloom.claims"] is not None:
            return await self._app(scope, receive, send)
        kind = "http.response"
        if scope["type"] == "websocket":
            if "websocket.http.response" not in (scope.get("extensions") or {}):
                # Try again later, or a violation of the policy (RFC 6455, 7.4).
                return await send({"type": "websocket.close", "code": 1013 if answer.status == 503 else 1008})
            kind = "websocket.http.response"
        headers = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
        await send({"type": kind + ".start", "status": answer.status, "headers": headers})
        await send({"type": kind + ".body", "body": answer.body})
