"""Services with the packed verifiers beside a real server: each revocation is refused by all of them.

real.py TRIALS BASE OTHER AUDIENCE FEED_KEY HEIRLOOM NAME COMMAND [NAME COMMAND]...: a command reads tokens and writes verdicts, a
line each. The services follow the server at OTHER; users and operators use the one at BASE. Writes `stop` and `start` for the script
that runs the server at OTHER, and reads a line when that is done.
"""

import itertools
import json
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

TRIALS, BASE, OTHER, AUDIENCE, FEED_KEY, HEIRLOOM, *COMMANDS = sys.argv[1:]
PASSWORD = "kettle-lantern-58-amber"
numbers = itertools.count(1)
waits = {}


class Service:
    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            [*command.split(), BASE, OTHER, AUDIENCE, FEED_KEY, *name.split(", ")[1:]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def verdict(self, token):
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


services = [Service(*pair) for pair in zip(COMMANDS[::2], COMMANDS[1::2])]


def post(path, body, token=None):
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    request = urllib.request.Request(f"{BASE}/api/v1/{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
            return json.loads(text) if text else {}
    except urllib.error.HTTPError as error:
        return {"status": error.code, **json.loads(error.read())}


def operator(*arguments):
    subprocess.run([HEIRLOOM, *arguments], check=True, stdout=subprocess.DEVNULL)


class User:
    """A user who has just signed in, and the token for the service."""

    def __init__(self):
        self.email = f"user{next(numbers)}@example.com"
        account = {"email": self.email, "password": PASSWORD}
        post("auth/register", account)
        self.take(post("auth/login", account))

    def take(self, answer):
        self.refresh_token = answer["refresh_token"]
        self.token = post("auth/token", {"audience": AUDIENCE}, answer["access_token"])["access_token"]

    def refresh(self):
        self.take(post("auth/refresh", {"refresh_token": self.refresh_token}))


def expect(what, verdict, *tokens):
    """All services come to that verdict, a minute from now at most."""
    began = time.monotonic()
    for service in services:
        for token in tokens:
            while (answer := service.verdict(token)) != verdict:
                if time.monotonic() - began > 60:
                    sys.exit(f"{service.name} answers {answer!r} and not {verdict!r}: {what}")
                time.sleep(0.005)
            took = time.monotonic() - began
            waits.setdefault((what, service.name), []).append(took)


def revocations():
    """Each kind of them, by another user."""
    for _ in range(int(TRIALS)):
        user = User()
        expect("signed in", "good", user.token)
        post("auth/logout", {"refresh_token": user.refresh_token})
        expect("signed out", "revoked", user.token)

        user = User()
        first = user.refresh_token
        user.refresh()
        user.refresh()
        expect("refreshed", "good", user.token)
        assert post("auth/refresh", {"refresh_token": first})["code"] == "refresh_token_reused"
        expect("a refresh token was used again", "revoked", user.token)

        user = User()
        expect("signed in", "good", user.token)
        operator("user", "block", user.email)
        expect("blocked", "revoked", user.token)

        user = User()
        expect("signed in", "good", user.token)
        operator("user", "grant", user.email, "editor")
        expect("given a role", "outdated", user.token)
        user.refresh()
        expect("refreshed after the role", "good", user.token)

        users = [User(), User()]
        expect("signed in", "good", *(each.token for each in users))
        operator("sessions", "revoke", "--everyone")
        expect("everyone's sessions revoked", "revoked", *(each.token for each in users))


def server(what):
    print(what, flush=True)
    assert sys.stdin.readline().strip() == "done"


def outage():
    user, left = User(), User()
    post("auth/logout", {"refresh_token": left.refresh_token})
    expect("signed in", "good", user.token)
    expect("signed out", "revoked", left.token)
    server("stop")
    expect("the server is stopped", "stale", user.token, left.token)
    server("start")
    expect("the server is back", "good", user.token)
    expect("the server is back", "revoked", left.token)
    expect("another audience", "invalid", post("auth/login", {"email": user.email, "password": PASSWORD})["access_token"])


revocations()
outage()
for (what, name), seconds in waits.items():
    middle, most = statistics.median(seconds) * 1000, max(seconds) * 1000
    print(f"{what}: {name}, {len(seconds)} times: median {middle:.1f} ms, most {most:.0f} ms", file=sys.stderr)
if int(TRIALS) > 10:
    token = User().token
    expect("signed in", "good", token)
    for service in (each for each in services if "," not in each.name):
        service.process.stdin.write("compare\n")
        print(f"a verification against one without the stream: {service.name}: {service.verdict(token)}", file=sys.stderr)
for service in services:
    service.process.stdin.close()
    if service.process.wait(timeout=60) != 0:
        sys.exit(f"{service.name} ended with {service.process.returncode}")
print("over", flush=True)
