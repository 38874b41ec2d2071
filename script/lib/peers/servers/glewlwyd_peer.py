"""Starts Debian's glewlwyd for two clients with the password grant and refresh tokens that serve once: glewlwyd_peer.py FOLDER
PORT SECRET."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent.parent / "providers"))

from glewlwyd import become  # noqa: E402


def client(name):
    return {
        "client_id": name, "name": name, "enabled": True, "confidential": True, "client_secret": sys.argv[3],
        "redirect_uri": ["http://127.0.0.1/callback"], "authorization_type": ["code", "password", "refresh_token"],
        "token_endpoint_auth_method": ["client_secret_post"], "scope": ["openid", "g_profile"],
    }


become(Path(sys.argv[1]), int(sys.argv[2]), [client("torture"), client("other")], {
    "allow-non-oidc": True, "auth-type-password-enabled": True, "auth-type-refresh-enabled": True,
    "refresh-token-one-use": "always", "pkce-required": False,
    "introspection-revocation-allowed": True, "introspection-revocation-allow-target-client": True,
})
