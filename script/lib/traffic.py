"""Users of several servers for a while, some of them misbehaving: `traffic.py SECONDS PORT...`."""

import json
import random
import sys
import threading
import time
import urllib.error
import urllib.request

SECONDS, PORTS = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]
PASSWORD = "kettle-lantern-58-amber"
END = time.monotonic() + SECONDS


def ask(method: str, path: str, address: str, body: dict | None = None, bearer: str | None = None) -> dict:
    headers = {"Content-Type": "application/json", "X-Forwarded-For": address}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    url = f"http://127.0.0.1:{random.choice(PORTS)}{path}"
    data = json.dumps(body).encode() if body is not None else None
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return json.loads(error.read() or b"{}")


def use(number: int) -> None:
    chance, address = random.Random(number), f"192.0.2.{number}"
    someone = {"email": f"user-{number}@example.com", "password": PASSWORD}
    ask("POST", "/api/v1/auth/register", address, someone)
    while time.monotonic() < END:
        if chance.random() < 0.15:
            for _ in range(chance.choice([1, 1, 12])):
                wrong = {"email": f"nobody-{number}@example.com", "password": "wrong-harbour-42"}
                ask("POST", "/api/v1/auth/login", f"198.51.100.{number}", wrong)
        tokens = ask("POST", "/api/v1/auth/login", address, someone)
        before = tokens.get("refresh_token")
        for _ in range(chance.randrange(5, 40)):
            if "refresh_token" not in tokens or time.monotonic() > END:
                break
            for _ in range(chance.randrange(1, 4)):
                ask("GET", "/api/v1/auth/check", address, bearer=tokens["access_token"])
            ask("GET", "/api/v1/me", address, bearer=tokens["access_token"])
            before = tokens["refresh_token"]
            tokens = ask("POST", "/api/v1/auth/refresh", address, {"refresh_token": before})
            time.sleep(chance.random() * 0.6)
        fate = chance.random()
        if fate < 0.1:
            ask("POST", "/api/v1/auth/refresh", "203.0.113.7", {"refresh_token": before})
        elif fate < 0.6 and "refresh_token" in tokens:
            ask("POST", "/api/v1/auth/logout", address, {"refresh_token": tokens["refresh_token"]})
        elif "access_token" in tokens:
            ask("DELETE", "/api/v1/me/sessions", address, bearer=tokens["access_token"])


users = [threading.Thread(target=use, args=(number,)) for number in range(1, 13)]
for one in users:
    one.start()
for one in users:
    one.join()
