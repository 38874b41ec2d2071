"""The identity that schemathesis uses (SCHEMATHESIS_HOOKS of script/schemathesis), and what is not a failure.

HEIRLOOM_TRIED_AS is `anonymous`, `user` or `admin`. What it tries revokes sessions, blocks users and removes roles,
its own among them. So the token is looked at before each request, and where it is no longer good there is a new sign-in,
if necessary as a new user.
"""

import itertools
import os
import subprocess

import requests
import schemathesis
from schemathesis.openapi.checks import RejectedPositiveData

BASE = os.environ["HEIRLOOM_TRIED_AT"]
IDENTITY = os.environ["HEIRLOOM_TRIED_AS"]
SERVER = os.environ["HEIRLOOM_TRIED_PROGRAM"]
PASSWORD = "marble-lantern-73"

numbers = itertools.count(1)


def new_person() -> str:
    email = f"{IDENTITY}-{next(numbers)}@schemathesis.example"
    role = ["--admin"] if IDENTITY == "admin" else []
    subprocess.run(
        [SERVER, "user", "add", email, *role], input=PASSWORD + "\n", text=True, check=True, capture_output=True
    )
    return email


def sign_in(email: str) -> str | None:
    answer = requests.post(f"{BASE}/api/v1/auth/login", json={"email": email, "password": PASSWORD}, timeout=30)
    return answer.json()["access_token"] if answer.ok else None


def is_good(token: str) -> bool:
    bearer = {"Authorization": f"Bearer {token}"}
    answer = requests.get(f"{BASE}/api/v1/auth/check", headers=bearer, timeout=30)
    return answer.status_code == 204 and IDENTITY in [*answer.headers["X-Auth-Roles"].split(","), "user"]


# Rules that a schema cannot express: well-formed values that are refused. (field, code) of the problem's errors; any
# other refusal of what the description allows is a failure.
RULES = {
    # Whether a password is easy to guess; which one is the current one.
    *((field, code)
      for field in ("password", "new_password")
      for code in ("too_common", "too_short", "too_long", "forbidden_character", "is_your_address")),
    ("current_password", "wrong_password"),
    # Texts are counted and checked after they were trimmed and normalised (NFC).
    *((field, code)
      for field in ("name", "device_name", "reason", "blocked_reason", "claims")
      for code in ("too_long", "too_deep", "forbidden_character")),
    # Numbers that a database does not keep exactly.
    ("claims", "number_out_of_range"),
    # E-mail addresses have more rules than `format: email`.
    ("email", "not_an_address"),
    # A user types their own address to delete the account, and another one to change it.
    ("email", "different"),
    ("email", "unchanged"),
    # Only a value from an earlier answer is a cursor.
    ("cursor", "invalid"),
    # About more than one field.
    ("session_id", "exactly_one"),
    ("password", "exactly_one"),
    ("password", "required"),
    ("token", "invalid"),
    # Only what the operator's list names is a service.
    ("audience", "unknown"),
    ("audience", "not_configured"),
    # Only who has no password yet names none.
    ("current_password", "required"),
    ("code", "required"),
    ("blocked_reason", "needs_blocked"),
    # Different roles are counted, not words.
    ("roles", "too_many"),
}


@schemathesis.serializer("application/secevent+jwt")
def security_event_token(context, value):
    """A JWS in compact form: the text as it is (RFC 8935)."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def filter_failure(context, failure, case, response) -> bool:
    """Whether it is one."""
    if not isinstance(failure, RejectedPositiveData) or response.status_code not in (410, 422):
        return True
    problem = response.json()
    # The challenge of a sign-in, which a schema cannot know either.
    if problem["code"] == "challenge_expired":
        return False
    # A code from an email or an app, or a signature, which a schema cannot know.
    if problem["code"] in ("code_invalid", "passkey_invalid"):
        return False
    errors = problem.get("errors", [])
    return not errors or any((error["field"], error["code"]) not in RULES for error in errors)


class Identity:
    def __init__(self) -> None:
        self.email: str | None = None
        self.token: str | None = None

    def get(self, case, context) -> str:
        if self.token is None or not is_good(self.token):
            self.token = sign_in(self.email) if self.email else None
        if self.token is None or not is_good(self.token):
            self.email = new_person()
            self.token = sign_in(self.email)
        return self.token

    def set(self, case, data, context) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


if IDENTITY != "anonymous":
    schemathesis.auth(refresh_interval=None)(Identity)
