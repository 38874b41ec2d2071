"""Starts Debian's glewlwyd with a database of its own, one client and one user: glewlwyd.py FOLDER PORT REDIRECT_URI SECRET.

It signs with ES256, and knows of no verified addresses. It becomes glewlwyd itself, so that stopping this stops glewlwyd.
"""

import json
import os
import sqlite3
import sys
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

SCHEMA = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
INSTALLED = Path("/etc/glewlwyd/glewlwyd.conf")
PASSWORD = "a password at glewlwyd"


def configuration(folder, port):
    """Debian's own, at our port and with our database."""
    lines = []
    for line in INSTALLED.read_text().splitlines():
        if line.startswith("@include"):
            line = f'database = {{ type = "sqlite3"; path = "{folder / "glewlwyd.db"}"; }};'
        elif line.startswith("port="):
            line = f'port={port}\nbind_address="127.0.0.1"'
        elif line.startswith("external_url="):
            line = f'external_url="http://127.0.0.1:{port}"'
        elif line.startswith("log_mode="):
            line = 'log_mode="console"'
        lines.append(line)
    return "\n".join(lines)


def ask(opener, method, url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with opener.open(request, timeout=10) as answer:
        return answer.read()


def until_it_answers(opener, url):
    for _ in range(300):
        try:
            return ask(opener, "GET", url)
        except OSError:
            time.sleep(0.1)
    raise SystemExit("glewlwyd does not answer")


def set_up(port, clients, more=None):
    """What its administrator would click: the plugin with these parameters besides ours, the clients, the user."""
    base = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    until_it_answers(opener, f"{base}/config")
    ask(opener, "POST", f"{base}/api/auth/", {"username": "admin", "password": "password"})
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    parameters = {
        "iss": f"{base}/api/oidc", "jwt-type": "ecdsa", "jwt-key-size": "256", "key": private, "cert": public,
        "access-token-duration": 3600, "refresh-token-duration": 3600, "code-duration": 600,
        "allow-non-oidc": False, "auth-type-code-enabled": True, "auth-type-token-enabled": False,
        "auth-type-id-token-enabled": True, "auth-type-none-enabled": False, "auth-type-password-enabled": False,
        "auth-type-client-enabled": False, "auth-type-device-enabled": False, "auth-type-refresh-enabled": False,
        "pkce-allowed": True, "pkce-required": True, "subject-type": "public", "jwks-show": True,
        "name-claim": "mandatory", "email-claim": "mandatory", "scope-claim": "no", **(more or {}),
    }
    ask(opener, "POST", f"{base}/api/mod/plugin/", {
        "module": "oidc", "name": "oidc", "display_name": "OpenID Connect", "parameters": parameters,
        "order_rank": 0, "readonly": False,
    })
    for client in clients:
        ask(opener, "POST", f"{base}/api/client/", client)
    ask(opener, "POST", f"{base}/api/user/", {
        "username": "alice", "password": PASSWORD, "name": "Alice", "email": "alice@glewlwyd.example",
        "enabled": True, "scope": ["openid", "g_profile"],
    })
    print("ready", flush=True)


def become(folder, port, clients, more=None):
    """Becomes glewlwyd itself; the first time in this folder, a child of it sets it up."""
    folder.mkdir(parents=True, exist_ok=True)
    first = not (folder / "glewlwyd.db").exists()
    if first:
        database = sqlite3.connect(folder / "glewlwyd.db")
        database.executescript(SCHEMA.read_text())
        database.close()
    (folder / "glewlwyd.conf").write_text(configuration(folder, port))
    if first and os.fork() == 0:
        set_up(port, clients, more)
        os._exit(0)
    os.execv("/usr/bin/glewlwyd", ["glewlwyd", "--config-file", str(folder / "glewlwyd.conf")])


def main():
    folder, port, redirect_uri, secret = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    become(folder, port, [{
        "client_id": "heirloom", "name": "Heirloom", "enabled": True, "confidential": True,
        "client_secret": secret, "redirect_uri": [redirect_uri], "authorization_type": ["code"],
        "token_endpoint_auth_method": ["client_secret_basic"], "scope": ["openid"],
    }])


if __name__ == "__main__":
    main()
