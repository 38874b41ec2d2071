"""Why a token is refused."""


class VerificationError(Exception):
    """The base of all refusals. `code` is stable: compare it rather than the message."""

    code, status, message = "invalid", 401, "The access token is not valid."

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.message)


class Invalid(VerificationError):
    """Malformed, forged, of another kind, from another issuer or for another audience."""


class Expired(VerificationError):
    """The token's time has passed: the client refreshes it."""

    code, message = "expired", "The access token has expired."


class Revoked(VerificationError):
    """The session was revoked: the user signs in again."""

    code, message = "revoked", "The session of the access token was revoked."


class Outdated(VerificationError):
    """Roles or claims have changed since the token was issued: the client refreshes it."""

    code, message = "outdated", "Roles or claims have changed since the access token was issued."


class Stale(VerificationError):
    """Revocations are not known, because the stream is silent. Says nothing about the token: answer 503."""

    code, status, message = "stale", 503, "Revocations are not known at the moment."
