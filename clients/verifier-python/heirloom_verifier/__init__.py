"""Verifies Heirloom's access tokens, and refuses revoked sessions within a second. See the README."""

from ._errors import Expired, Invalid, Outdated, Revoked, Stale, VerificationError
from ._verifier import Verifier
from .middleware import AsgiMiddleware, WsgiMiddleware, bearer, refusal

__all__ = ["AsgiMiddleware", "Expired", "Invalid", "Outdated", "Revoked", "Stale", "VerificationError", "Verifier",
           "WsgiMiddleware", "bearer", "refusal"]
