"""The servers that script/torture-peers grades, each in its configurations: how it is started, stopped and killed."""

import base64
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from calls import Call
from dialects import HEIRLOOM_USER
from processes import Postgres, Process, Redis, answers, free_port, until

HERE = Path(__file__).resolve().parent / "servers"


@dataclass
class Tools:
    """Where things are: what was fetched, a folder for this run, Heirloom's binary."""

    npm: Path
    python: Path
    folder: Path
    heirloom: str | None


class Peer:
    """A server with its stores. Subclasses say what is started, in which order."""

    title, version, configuration, dialect, profile, ready = "", "", "", "", "", "/"
    # What this configuration changes in the profile, URLs that the profile asks for, and whether it may be killed.
    extra, urls, restarts = {}, {}, True

    def __init__(self, tools, name):
        self.tools, self.name = tools, name
        self.folder = tools.folder / name
        self.folder.mkdir(parents=True)
        # As root, Postgres runs under another account, which must get here.
        self.folder.chmod(0o755)
        self.processes, self.ports, self.values = [], [], {}

    def create(self):
        """Starts it the first time."""
        raise NotImplementedError

    def start(self, process):
        if process not in self.processes:
            self.processes.append(process)
        process.start()
        return process

    def serve(self, name, command, environment=None, count=1, folder=None):
        """Servers of one program, each on a port of its own, which `{port}` in the command stands for."""
        for number in range(count):
            port = free_port()
            self.ports.append(port)

            def filled(text, port=port):
                return str(text).replace("{port}", str(port)).replace("{first}", str(self.ports[0]))

            line = [filled(word) for word in command]
            variables = {key: filled(text) for key, text in (environment or {}).items()}
            self.start(Process(name, line, self.folder / f"{name}-{number}.log", variables, folder=folder))
            # One after another: the first one creates the tables.
            self.wait()

    def wait(self):
        for port in self.ports:
            until(f"{self.name} answers", lambda port=port: answers(port, self.ready))

    def bases(self):
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def description(self):
        """What others need to speak to it."""
        return {"dialect": self.dialect, "bases": self.bases(), "values": self.values}

    def crash(self):
        """Kills everything at once, as an outage of the machine's power would, and starts it again."""
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.start()
        self.wait()

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


class Node(Peer):
    def node(self, script, *arguments):
        """The scripts stand beside the packages that they import."""
        for path in HERE.glob("*.mjs"):
            shutil.copy(path, self.tools.npm)
        return ["node", self.tools.npm / script, *arguments]

    def redis(self):
        return self.start(Redis(self.folder / "redis", *self.redis_options))

    redis_options = ()


class OidcProvider(Node):
    title, version, dialect, profile = "oidc-provider", "9.13.3", "OidcProvider", "oidc-provider"
    ready = "/.well-known/openid-configuration"
    adapter = "redis"
    # Its sessions are to survive the crash of a store that is set up for that.
    redis_options = ("--appendonly", "yes", "--appendfsync", "always")

    def create(self):
        self.values = {
            "client_id": "torture", "other_client_id": "other", "wider_scope": "openid offline_access email",
        }
        arguments = ["{port}", self.adapter]
        if self.adapter != "memory":
            arguments.append(self.redis().port)
        self.serve("oidc-provider", self.node("oidc-provider.mjs", *arguments))


class OidcProviderMemory(OidcProvider):
    # Its documentation has it for development only: a restart loses everything.
    adapter, configuration, restarts = "memory", "its own adapter in memory, one process", False


class OidcProviderRedis(OidcProvider):
    configuration = "a Redis adapter whose `consume` always succeeds, two processes"


class OidcProviderConditional(OidcProvider):
    adapter = "redis-conditional"
    configuration = "a Redis adapter whose `consume` succeeds once, two processes"


class OidcProviderRevoking(OidcProvider):
    adapter = "redis-revoking"
    configuration = "a Redis adapter whose `consume` succeeds once and otherwise revokes the grant, two processes"


class BetterAuth(Node):
    title, version, dialect, profile = "better-auth", "1.7.25, OAuth provider 1.7.5", "BetterAuth", "better-auth"
    ready, reuse_seconds = "/api/auth/ok", 0
    configuration = "strict: `refreshTokenReuseInterval: 0`, Postgres, two processes"

    def create(self):
        postgres = self.start(Postgres(self.folder / "postgres"))
        url = postgres.database("peer")
        self.serve("better-auth", self.node("better-auth.mjs", "{port}", url, self.reuse_seconds))
        own, other = self.processes[-1].output().split()[:2]
        self.values = {"client_id": own, "other_client_id": other, "wider_scope": "openid offline_access email"}


class BetterAuthInterval(BetterAuth):
    reuse_seconds = 10
    extra = {"leeway_seconds": 10}
    configuration = "`refreshTokenReuseInterval: 10`, Postgres, two processes"


class ExpressRedis(Node):
    title, version, dialect, profile = "Express + Redis", "(an example of ours)", "ExpressRedis", "express-redis"
    ready = "/me"
    configuration = "as in many tutorials; Redis with its default snapshots, two processes"

    def create(self):
        self.serve("express", self.node("express-redis.mjs", "{port}", self.redis().port))


class Django(Peer):
    package, settings, ready, urls = "", {}, "/me/", {"resource_url": "/me/"}

    def create(self):
        postgres = self.start(Postgres(self.folder / "postgres"))
        variables = {
            "DATABASE_URL": postgres.database("peer"), "PEER_PACKAGE": self.package, "PYTHONPATH": str(HERE),
            "PYTHONDONTWRITEBYTECODE": "1", **self.settings,
        }
        set_up = Process("set-up", [self.tools.python, HERE / "django_peer.py"], self.folder / "set-up.log", variables)
        set_up.start()
        if set_up.process.wait(600) != 0:
            raise SystemExit(f"{self.name} could not be set up:\n{set_up.output()}")
        gunicorn = [
            self.tools.python, "-m", "gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "4", "--worker-class", "gthread",
            "--threads", "4", "--log-level", "warning", "django_peer:application",
        ]
        self.serve("gunicorn", gunicorn, variables)


class OauthToolkit(Django):
    title, version, dialect = "django-oauth-toolkit", "3.4.1", "OauthToolkit"
    profile, package = "django-oauth-toolkit", "oauth_toolkit"
    configuration = "`REFRESH_TOKEN_REUSE_PROTECTION: True`, Postgres, gunicorn with four workers"
    settings = {"PEER_REUSE_PROTECTION": "on"}

    def create(self):
        super().create()
        self.values = {"client_id": "torture", "other_client_id": "other", "scope": "read", "wider_scope": "read write"}


class OauthToolkitDefault(OauthToolkit):
    configuration = "defaults (no reuse protection), Postgres, gunicorn with four workers"
    settings = {}


class SimpleJwt(Django):
    title, version, dialect = "djangorestframework-simplejwt", "5.5.1", "SimpleJwt"
    profile, package = "simplejwt", "simplejwt"
    configuration = "`ROTATE_REFRESH_TOKENS`, `BLACKLIST_AFTER_ROTATION`, Postgres, gunicorn with four workers"


class Glewlwyd(Peer):
    title, version, dialect, profile = "glewlwyd", "2.7.5 (Debian)", "Glewlwyd", "glewlwyd"
    configuration = "OpenID Connect plugin, `refresh-token-one-use: always`, SQLite"
    ready = "/api/oidc/.well-known/openid-configuration"

    def create(self):
        secret = secrets.token_urlsafe(24)
        self.values = {
            "client_id": "torture", "client_secret": secret, "other_client_id": "other", "other_client_secret": secret,
            "scope": "openid g_profile", "wider_scope": "openid g_profile g_admin",
        }
        command = [self.tools.python, "-B", HERE / "glewlwyd_peer.py", self.folder / "data", "{port}", secret]
        self.serve("glewlwyd", command)
        until("glewlwyd is set up", lambda: "ready" in self.processes[-1].output())


class Heirloom(Peer):
    title, dialect, profile, ready = "Heirloom", "Heirloom", "heirloom", "/readyz"
    configuration = "two instances, one Postgres"

    def create(self):
        if not self.tools.heirloom:
            raise FileNotFoundError("Heirloom's binary")
        postgres = self.start(Postgres(self.folder / "postgres"))
        environment = {
            "DATABASE_URL": postgres.database("heirloom"), "HEIRLOOM_DATA_DIR": str(self.folder / "data"),
            "HEIRLOOM_MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
            "HEIRLOOM_PUBLIC_URL": "http://127.0.0.1:{first}", "HEIRLOOM_BIND": "127.0.0.1:{port}",
            "HEIRLOOM_RATE_LIMIT": "off", "HEIRLOOM_REGISTRATION": "open", "HEIRLOOM_INSECURE_FOR_TESTS": "true",
            "HEIRLOOM_BCRYPT_COST": "4",
        }
        self.serve("heirloom", [self.tools.heirloom, "serve"], environment, count=2, folder=self.folder)
        url = f"{self.bases()[0]}/api/v1/auth/register"
        answer = Call("register", "POST", url, json_body=HEIRLOOM_USER).send()
        if not answer.ok:
            raise SystemExit(f"Heirloom's user could not be registered: {answer.status}")


PEERS = {
    "oidc-provider-memory": OidcProviderMemory,
    "oidc-provider-redis": OidcProviderRedis,
    "oidc-provider-conditional": OidcProviderConditional,
    "oidc-provider-revoking": OidcProviderRevoking,
    "better-auth": BetterAuth,
    "better-auth-interval": BetterAuthInterval,
    "django-oauth-toolkit": OauthToolkit,
    "django-oauth-toolkit-default": OauthToolkitDefault,
    "simplejwt": SimpleJwt,
    "glewlwyd": Glewlwyd,
    "express-redis": ExpressRedis,
    "heirloom": Heirloom,
}
