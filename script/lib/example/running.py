"""The example as script/example starts it, and requests to it from outside of a browser."""

import base64
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[3]
PATIENCE = 180  # seconds: a machine may be busy
PASSWORD = "kettle-lantern-58-amber"


def free_ports():
    """The first of three ports that are free, below those that the kernel gives to outgoing connections."""
    while True:
        first = random.randrange(20000, 32000)
        if not any(is_open(first + number) for number in range(3)):
            return first


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def until(what, is_true):
    """Waits for something, and returns it."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := is_true():
            return found
        time.sleep(0.05)
    raise SystemExit(f"It did not happen: {what}")


class Answer:
    def __init__(self, answer):
        self.status, self.headers, self.text = answer.status, answer.headers, answer.read().decode()

    def json(self):
        return json.loads(self.text)


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def ask(method, url, token=None, body=None, **headers):
    """A request by a program, or by a thief. Header names have underscores."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if body is not None:
        headers["Content-Type"] = "application/json"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        return Answer(urllib.request.build_opener(Stay).open(request, timeout=PATIENCE))
    except urllib.error.HTTPError as error:
        return Answer(error)


def expiry(token):
    """When an access token expires, as it says itself."""
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"]


class Example:
    """`with Example("node") as example`: stopped as by Ctrl-C."""

    def __init__(self, kind):
        self.kind, self.port = kind, free_ports()
        # The kinds share their data: who has an account with one has it with all.
        self.alice, self.mallory = f"alice-{kind}@example.com", f"mallory-{kind}@example.com"
        self.auth, self.api, self.app = (f"http://127.0.0.1:{self.port + number}" for number in range(3))

    def __enter__(self):
        environment = {**os.environ, "EXAMPLE_PORT": str(self.port)}
        # In a process group of its own, with the default action for SIGINT, as at a terminal.
        self.process = subprocess.Popen(
            [ROOT / "script/example", self.kind], env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        for line in self.process.stdout:
            if found := re.search(r"Open (\S+)", line):
                assert found[1] == self.app, line
                return self
        sys.exit(self.process.wait())

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGINT)
        assert self.process.wait(PATIENCE) == 130
        for number in range(3):
            assert not is_open(self.port + number), "something still listens"

    def heirloom(self):
        """The process of the server that signs users in."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return next(int(child) for child in children if os.readlink(f"/proc/{child}/exe").endswith("/heirloom"))

    def operator(self, *arguments):
        """The command line of Heirloom, on its server."""
        environment = {"PATH": os.environ["PATH"], "HEIRLOOM_DATA_DIR": os.environ["EXAMPLE_FOLDER"] + "/data",
                       "HEIRLOOM_PUBLIC_URL": self.auth}
        subprocess.run([os.environ["EXAMPLE_BINARIES"] + "/heirloom", *arguments], env=environment, check=True,
                       stdout=subprocess.DEVNULL)

    def post(self, path, body, token=None, **headers):
        return ask("POST", f"{self.auth}/api/v1/{path}", token, body, **headers)

    def token(self, email):
        """Heirloom's own token, of a user who signs in by a program, and that for the API."""
        own = self.post("auth/login", {"email": email, "password": PASSWORD}).json()["access_token"]
        return own, self.post("auth/token", {"audience": self.api}, own).json()["access_token"]

    def notes(self, token, method="GET", path="", body=None, **headers):
        return ask(method, f"{self.api}/notes{path}", token, body, **headers)

    def refuses(self, token, why="revoked"):
        """The API refuses a token that has not expired, and says why."""
        answer = until("the API refuses", lambda: (answer := self.notes(token)).status == 401 and answer)
        assert time.time() < expiry(token), "it was refused because it expired"
        assert why in answer.headers["WWW-Authenticate"], answer.headers["WWW-Authenticate"]
