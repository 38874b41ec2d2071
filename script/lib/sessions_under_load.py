"""Users who refresh, check and sign in on several servers for a while: `sessions_under_load.py SECONDS PORT...`.

Prints one JSON object: how many requests there were, and each that was not answered as it should be."""

import json
import sys
import threading
import time
import urllib.error
import urllib.request

SECONDS, PORTS = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]
USERS = 12
END = time.monotonic() + SECONDS
requests: list[int] = []
failures: list[str] = []


def ask(port: int, method: str, path: str, body: dict | None, bearer: str | None = None) -> dict:
    headers = {"Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/v1{path}", data, headers, method=method)
    requests.append(1)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
    except (urllib.error.HTTPError, OSError) as error:
        detail = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
        failures.append(f"{method} {path}: {error} {detail}")
        return {}


def user(number: int) -> None:
    someone = {"email": f"user-{number}@example.com", "password": f"harbour {number} under violet lamps"}
    ask(PORTS[0], "POST", "/auth/register", someone)
    # A session that is kept the whole time: if one refresh fails, it is lost.
    kept = ask(PORTS[0], "POST", "/auth/login", someone)
    rounds = 0
    while time.monotonic() < END and "refresh_token" in kept:
        port = PORTS[rounds % len(PORTS)]
        ask(port, "GET", "/auth/check", None, kept["access_token"])
        kept = ask(port, "POST", "/auth/refresh", {"refresh_token": kept["refresh_token"]})
        rounds += 1
        if rounds % 10 == 0:
            passing = ask(port, "POST", "/auth/login", someone)
            ask(port, "POST", "/auth/logout", {"refresh_token": passing.get("refresh_token", "")})
        time.sleep(0.1)


users = [threading.Thread(target=user, args=(number,)) for number in range(USERS)]
for one in users:
    one.start()
for one in users:
    one.join()
print(json.dumps({"sessions": USERS, "requests": len(requests), "failures": failures}))
