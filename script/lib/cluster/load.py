"""Clients that behave well, and one that revokes, on two instances of Heirloom. They judge every answer."""

import base64
import http.client
import json
import random
import threading
import time
import uuid

PASSWORD = "kettle-lantern-58-amber"
# Heirloom answers within 5 s; a client on a busy machine waits for longer.
PATIENCE = 30


class Instance:
    def __init__(self, port: int) -> None:
        self.port = port
        self.threads = threading.local()

    def ask(self, method: str, path: str, body: dict | None = None, bearer: str | None = None,
            key: str | None = None) -> tuple[int, dict]:
        """Status and body. Status 0: no answer."""
        headers = {"Content-Type": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        if key:
            headers["Idempotency-Key"] = key
        data = json.dumps(body) if body is not None else None
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, f"/api/v1{path}", data, headers)
            answer = connection.getresponse()
            text = answer.read()
        except OSError:
            return 0, {}
        finally:
            connection.close()
        return answer.status, json.loads(text) if text else {}


def parts(token: str) -> tuple[str, int]:
    """Session and generation, which a refresh token names."""
    text = token.removeprefix("hrt_")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return str(uuid.UUID(bytes=raw[2:18])), int.from_bytes(raw[18:22], "big")


class Tally:
    """What all clients have seen together."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rotations = 0
        self.unavailable = 0
        self.revocations = 0
        self.slowest_revocation = 0.0
        self.faults: list[str] = []
        # When each instance last rotated, and how long it went without, at most.
        self.last: dict[int, float] = {}
        self.longest: dict[int, float] = {}

    def begin(self) -> None:
        with self.lock:
            now = time.monotonic()
            self.rotations = self.unavailable = self.revocations = 0
            self.slowest_revocation = 0.0
            self.faults = []
            self.last = {port: now for port in self.last}
            self.longest = {}

    def rotated(self, port: int) -> None:
        with self.lock:
            now = time.monotonic()
            gap = now - self.last.get(port, now)
            self.last[port], self.longest[port] = now, max(gap, self.longest.get(port, 0.0))
            self.rotations += 1

    def away(self) -> None:
        with self.lock:
            self.unavailable += 1

    def fault(self, text: str) -> None:
        with self.lock:
            self.faults.append(text)

    def revoked(self, seconds: float) -> None:
        with self.lock:
            self.revocations += 1
            self.slowest_revocation = max(self.slowest_revocation, seconds)


class Client(threading.Thread):
    """Ends with the process; stands still between `pause` and `resume`, with no request under way."""

    def __init__(self, number: int, instances: list[Instance], tally: Tally) -> None:
        super().__init__(daemon=True)
        self.credentials = {"email": f"client-{number}@example.com", "password": PASSWORD}
        self.instances, self.tally = instances, tally
        self.may_run, self.is_still = threading.Event(), threading.Event()
        self.may_run.set()

    def run(self) -> None:
        try:
            self.until_answered("POST", "/auth/register", self.credentials, (201, 409))
            self.prepare()
            while True:
                if not self.may_run.is_set():
                    self.is_still.set()
                    self.may_run.wait()
                    self.is_still.clear()
                self.step()
                time.sleep(random.uniform(0.05, 0.15))
        except Exception as error:
            self.tally.fault(f"{self.credentials['email']} stopped: {error!r}")
            self.is_still.set()

    def prepare(self) -> None:
        pass

    def step(self) -> None:
        raise NotImplementedError

    def any(self) -> Instance:
        return random.choice(self.instances)

    def until_answered(self, method: str, path: str, body: dict, wanted: tuple[int, ...]) -> dict:
        """Asks any instance again for as long as it answers 503."""
        while True:
            status, answer = self.any().ask(method, path, body)
            if status in wanted:
                return answer
            self.expect_away(f"{method} {path}", status, answer)

    def expect_away(self, what: str, status: int, answer: dict) -> None:
        """Anything but 503 is a fault."""
        if status == 503:
            self.tally.away()
        else:
            self.tally.fault(f"{self.credentials['email']}: {what} answered {status} {answer.get('code', '')}")
        time.sleep(0.2)


class Honest(Client):
    """Keeps its newest token, and repeats a refresh with the same key until it is answered."""

    since: dict[int, int] = {}

    def prepare(self) -> None:
        self.take(self.until_answered("POST", "/auth/login", self.credentials, (200,)))

    def take(self, tokens: dict) -> None:
        self.refresh_token, self.access_token = tokens["refresh_token"], tokens["access_token"]
        self.key = str(uuid.uuid4())

    def step(self) -> None:
        instance = self.any()
        body = {"refresh_token": self.refresh_token}
        status, answer = instance.ask("POST", "/auth/refresh", body, key=self.key)
        if status != 200:
            return self.expect_away("refresh", status, answer)
        (_, before), (_, after) = parts(self.refresh_token), parts(answer["refresh_token"])
        if after != before + 1:
            self.tally.fault(f"{self.credentials['email']}: generation {before} was followed by {after}")
        self.tally.rotated(instance.port)
        self.since[instance.port] = self.since.get(instance.port, 0) + 1
        self.take(answer)
        status, answer = self.any().ask("GET", "/auth/check", bearer=self.access_token)
        if status not in (200, 204):
            self.expect_away("check", status, answer)


class Revoker(Client):
    """Signs in and out. What it has revoked must be refused by both instances from then on."""

    revoked: list[tuple[str, str]]

    def prepare(self) -> None:
        self.revoked = []

    def step(self) -> None:
        tokens = self.until_answered("POST", "/auth/login", self.credentials, (200,))
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        while True:
            here = self.any()
            status, answer = here.ask("POST", "/auth/logout", {"refresh_token": refresh})
            if status == 204:
                break
            self.expect_away("logout", status, answer)
        revoked_at = time.monotonic()
        self.revoked.append((access, refresh))
        self.refused(here, access, refresh, "at once")
        there = next(instance for instance in self.instances if instance is not here)
        # S-58: within a second; S-60 where the connection to the primary was lost: measured.
        while there.ask("GET", "/auth/check", bearer=access)[0] in (200, 204):
            if time.monotonic() > revoked_at + PATIENCE:
                self.tally.fault("a revoked session is live at the other instance")
                break
            time.sleep(0.01)
        self.tally.revoked(time.monotonic() - revoked_at)

    def refused(self, instance: Instance, access: str, refresh: str, when: str) -> None:
        answers = (("check", instance.ask("GET", "/auth/check", bearer=access)),
                   ("refresh", instance.ask("POST", "/auth/refresh", {"refresh_token": refresh})))
        for what, (status, answer) in answers:
            if status not in (401, 503):
                self.tally.fault(f"a revoked session, {when}: {what} answered {status} {answer.get('code', '')}")

    def refused_all(self) -> int:
        """The newest of all that was revoked since the beginning; how many."""
        newest = self.revoked[-40:]
        for access, refresh in newest:
            for instance in self.instances:
                self.refused(instance, access, refresh, "after the scene")
        return len(newest)


class Load:
    def __init__(self, ports: list[int], number: int) -> None:
        self.tally = Tally()
        self.instances = [Instance(port) for port in ports]
        self.honest = [Honest(n, self.instances, self.tally) for n in range(number)]
        self.revoker = Revoker(number, self.instances, self.tally)
        for client in self.clients:
            client.start()

    @property
    def clients(self) -> list[Client]:
        return [*self.honest, self.revoker]

    def all_go_on(self, seconds: float) -> bool:
        """Waits until each client has rotated at each instance again."""
        for client in self.honest:
            client.since = {instance.port: 0 for instance in self.instances}
        until = time.monotonic() + seconds
        while not all(all(client.since.values()) for client in self.honest):
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def pause(self) -> None:
        for client in self.clients:
            client.may_run.clear()
        for client in self.clients:
            client.is_still.wait()

    def resume(self) -> None:
        for client in self.clients:
            client.may_run.set()

    def judge(self, sql) -> None:
        """Against the database: nothing acknowledged is lost, nothing was revoked that nobody revoked."""
        rows = {row[0]: row[1:] for row in sql("SELECT id, generation, revoked_reason FROM sessions")}
        for client in self.honest:
            session, generation = parts(client.refresh_token)
            found = rows.get(session)
            if found is None or int(found[0]) != generation or found[1]:
                self.tally.fault(f"{client.credentials['email']}: generation {generation} was acknowledged; found {found}")
        known = {parts(refresh)[0] for _, refresh in self.revoker.revoked}
        for session in known:
            if session in rows and rows[session][1] != "signed_out":
                self.tally.fault(f"the database has lost the revocation of {session}")
        for session, (_, reason) in rows.items():
            if reason and reason not in ("signed_out", "session_limit"):
                self.tally.fault(f"{session} was revoked: {reason}")
        self.revoker.refused_all()
