"""Processes on loopback that can be stopped, killed and started again: servers, Redis, Postgres."""

import http.client
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

POSTGRES_BINARIES = ["/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what, condition, seconds=180):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.05)
    raise SystemExit(f"This did not happen within {seconds} s: {what}")


def answers(port, path="/"):
    """Whether HTTP is answered there, with whatever status below 500."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < 500
    finally:
        connection.close()


def listens(port):
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return True


def exists(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


class Process:
    """A program with its children in a process group of its own."""

    def __init__(self, name, command, log, environment=None, user=None, folder=None):
        self.name, self.command, self.log, self.user, self.folder = name, command, log, user, folder
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, cwd=self.folder,
                user=self.user, start_new_session=True,
            )

    def end(self, how):
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, how)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def stop(self):
        self.end(signal.SIGTERM)

    def kill(self):
        self.end(signal.SIGKILL)

    def output(self):
        return Path(self.log).read_text(errors="replace")


class Redis(Process):
    """With Debian's defaults: snapshots (RDB), no append-only file. Other options are those of the command line."""

    def __init__(self, folder, *options):
        folder.mkdir(parents=True)
        self.port = free_port()
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), *options]
        super().__init__("redis", command, folder / "redis.log")

    def start(self):
        super().start()
        until("Redis listens", lambda: listens(self.port))


class Postgres(Process):
    """A cluster of its own with defaults, on loopback without passwords."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        self.port, self.binaries, self.data = free_port(), postgres_binaries(), folder / "data"
        user = "postgres" if os.geteuid() == 0 else None
        self.name_of_user = user or pwd.getpwuid(os.geteuid()).pw_name
        self.data.mkdir()
        if user:
            shutil.chown(self.data, user)
            shutil.chown(folder, user)
        self.run = lambda *command: subprocess.run(
            command, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        self.run(self.binaries / "initdb", "-D", str(self.data), "-A", "trust", "-E", "UTF8", "--no-sync")
        command = [
            str(self.binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), "-h", "127.0.0.1", "-k", "",
            "-c", "max_connections=200",
        ]
        super().__init__("postgres", command, folder / "postgres.log", user=user, folder="/")

    def start(self):
        super().start()
        until("Postgres listens", self.is_ready)

    def is_ready(self):
        done = subprocess.run(
            [self.binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
        )
        return done.returncode == 0

    def kill(self):
        # Its processes are in groups of their own.
        listed = subprocess.run(["ps", "-axo", "pid=,ppid="], check=True, capture_output=True, text=True).stdout
        pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
        children = [child for child, parent in pairs if self.process and parent == self.process.pid]
        super().kill()
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
            except ProcessLookupError:
                pass
        until("Postgres has ended", lambda: not any(map(exists, children)))

    def stop(self):
        # SIGINT: without waiting for the clients.
        self.end(signal.SIGINT)

    def database(self, name):
        self.run(
            self.binaries / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", self.name_of_user, name
        )
        return f"postgres://{self.name_of_user}@127.0.0.1:{self.port}/{name}"


def postgres_binaries():
    given = os.environ.get("HEIRLOOM_PG_BIN")
    if given:
        return Path(given)
    found = [Path(path) for pattern in POSTGRES_BINARIES for path in sorted(Path("/").glob(pattern.lstrip("/")))]
    complete = [path for path in found if (path / "initdb").exists()]
    if complete:
        return complete[-1]
    program = shutil.which("initdb")
    if not program:
        raise SystemExit("Postgres is missing: initdb was not found.")
    return Path(program).resolve().parent
