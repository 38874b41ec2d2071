"""Three machines of a cluster, each with etcd, Patroni and Postgres, in a network namespace of its own where root can
create one; otherwise all on loopback, and a cut of the network is a SIGSTOP."""

import json
import os
import pathlib
import pwd
import signal
import subprocess
import time
import urllib.request

NUMBERS = (1, 2, 3)
PASSWORDS = {"postgres": "check-cluster-superuser", "replicator": "check-cluster-replication"}

# docs/operating.md repeats this: keep them the same.
PATRONI = """scope: heirloom
name: {name}
restapi:
  listen: {address}:8008
  connect_address: {address}:8008
etcd:
  hosts: [{etcd}]
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    maximum_lag_on_failover: 1048576
    synchronous_mode: on
    primary_start_timeout: 0
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        max_connections: 100
        synchronous_commit: on
        wal_keep_size: 256MB
        wal_log_hints: on
  initdb: [encoding: UTF8, locale: C, data-checksums]
postgresql:
  listen: {address}:5432
  connect_address: {address}:5432
  data_dir: {folder}/data
  bin_dir: {binaries}
  pgpass: {folder}/pgpass
  parameters:
    unix_socket_directories: {folder}
  pg_hba:
    - local all postgres trust
    - host all all {network} scram-sha-256
    - host replication replicator {network} scram-sha-256
  authentication:
    superuser: {{username: postgres, password: {postgres}}}
    replication: {{username: replicator, password: {replicator}}}
"""


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if check and done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


class Network:
    """Addresses, and how to cut a machine off."""

    def __init__(self) -> None:
        self.prefix = f"hl{os.getpid()}"
        self.is_separate = os.getuid() == 0 and self._can_separate()

    def _can_separate(self) -> bool:
        probe = f"{self.prefix}-probe"
        made = subprocess.run(["ip", "netns", "add", probe], capture_output=True).returncode == 0
        subprocess.run(["ip", "netns", "delete", probe], capture_output=True)
        return made

    def lay_out(self) -> None:
        if not self.is_separate:
            return
        bridge = f"{self.prefix}b"
        run("ip", "link", "add", bridge, "type", "bridge")
        run("ip", "address", "add", "10.213.77.254/24", "dev", bridge)
        run("ip", "link", "set", bridge, "up")
        for number in NUMBERS:
            space, cable = self.space(number), f"{self.prefix}v{number}"
            run("ip", "netns", "add", space)
            run("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
            run("ip", "link", "set", cable, "master", bridge, "up")
            run("ip", "-n", space, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
            run("ip", "-n", space, "link", "set", "eth0", "up")
            run("ip", "-n", space, "link", "set", "lo", "up")

    def space(self, number: int) -> str:
        return f"{self.prefix}-{number}"

    def address(self, number: int) -> str:
        return f"10.213.77.{number}" if self.is_separate else f"127.0.0.{number}"

    @property
    def block(self) -> str:
        return "10.213.77.0/24" if self.is_separate else "127.0.0.0/8"

    def inside(self, number: int) -> list[str]:
        return ["ip", "netns", "exec", self.space(number)] if self.is_separate else []

    def cut(self, number: int, is_cut: bool) -> None:
        """From everything: the other machines and Heirloom."""
        run("ip", "link", "set", f"{self.prefix}v{number}", "down" if is_cut else "up")

    def cut_from_machines(self, number: int, is_cut: bool) -> None:
        """From the other two machines, and not from Heirloom."""
        for other in NUMBERS:
            if other != number:
                change = "add" if is_cut else "delete"
                run("ip", "-n", self.space(number), "route", change, "blackhole", f"{self.address(other)}/32")

    def remove(self) -> None:
        if not self.is_separate:
            return
        for number in NUMBERS:
            pids = run("ip", "netns", "pids", self.space(number), check=False).split()
            for pid in pids:
                kill(int(pid), signal.SIGKILL)
            run("ip", "netns", "delete", self.space(number), check=False)
        run("ip", "link", "delete", f"{self.prefix}b", check=False)


def kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


class Machine:
    """One of the three."""

    def __init__(self, number: int, network: Network, folder: pathlib.Path, binaries: str) -> None:
        self.number, self.network, self.binaries = number, network, binaries
        self.name, self.address = f"node{number}", network.address(number)
        self.folder = folder / self.name
        self.folder.mkdir(mode=0o700)
        self.etcd: subprocess.Popen | None = None
        self.patroni: subprocess.Popen | None = None

    def lay_out(self) -> None:
        etcd = ", ".join(f"{self.network.address(number)}:2379" for number in NUMBERS)
        text = PATRONI.format(name=self.name, address=self.address, etcd=etcd, folder=self.folder,
                              binaries=self.binaries, network=self.network.block, **PASSWORDS)
        self.configuration.write_text(text)
        if os.getuid() == 0:
            account = pwd.getpwnam("postgres")
            for path in (self.folder, self.configuration):
                os.chown(path, account.pw_uid, account.pw_gid)

    @property
    def configuration(self) -> pathlib.Path:
        return self.folder / "patroni.yml"

    def _start(self, name: str, *command: str) -> subprocess.Popen:
        account = ["--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        log = open(self.folder / f"{name}.log", "ab")
        whole = [*self.network.inside(self.number), "setpriv", "--pdeathsig", "KILL", *account, *command]
        environment = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", "HOME": str(self.folder)}
        return subprocess.Popen(whole, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                                env=environment, start_new_session=True)

    def start_etcd(self) -> None:
        peer, client = f"http://{self.address}:2380", f"http://{self.address}:2379"
        members = ",".join(f"node{number}=http://{self.network.address(number)}:2380" for number in NUMBERS)
        self.etcd = self._start(
            "etcd", "etcd", "--name", self.name, "--data-dir", str(self.folder / "etcd"),
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--enable-v2=true", "--initial-cluster", members, "--heartbeat-interval", "200", "--election-timeout", "2000")

    def start_patroni(self) -> None:
        self.patroni = self._start("patroni", "patroni", str(self.configuration))

    @property
    def postmaster(self) -> int | None:
        try:
            return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None

    def kill_postmaster(self) -> None:
        """`kill -9` of it alone: its children notice, and end."""
        if self.postmaster:
            kill(self.postmaster, signal.SIGKILL)

    def kill_patroni(self) -> None:
        if self.patroni:
            self.patroni.kill()
            self.patroni.wait()

    def kill_etcd(self) -> None:
        if self.etcd:
            self.etcd.kill()
            self.etcd.wait()

    def signal_all(self, number: int) -> None:
        """Of its processes, the parents first."""
        parents = [pid for pid in (self.patroni and self.patroni.pid, self.postmaster, self.etcd and self.etcd.pid) if pid]
        children = run("pgrep", "-P", ",".join(map(str, parents)), check=False).split()
        for pid in [*parents, *map(int, children)]:
            kill(pid, number)

    def kill_all(self) -> None:
        """Without a network namespace, that is everything that was started here."""
        postmaster = self.postmaster
        self.signal_all(signal.SIGCONT)
        self.kill_patroni()
        self.kill_etcd()
        if postmaster:
            kill(postmaster, signal.SIGQUIT)


class Cluster:
    """All three, and what they say about themselves."""

    def __init__(self, folder: pathlib.Path, binaries: str) -> None:
        self.network = Network()
        self.machines = [Machine(number, self.network, folder, binaries) for number in NUMBERS]

    def start(self) -> None:
        self.network.lay_out()
        for machine in self.machines:
            machine.lay_out()
            machine.start_etcd()
        for machine in self.machines:
            machine.start_patroni()
        self.until_whole(300)

    def stop(self) -> None:
        for machine in self.machines:
            machine.kill_all()
        time.sleep(0.5)
        self.network.remove()

    def members(self) -> dict[str, dict]:
        """By name. Empty while one Patroni does not answer, or has another view than the others: after a cut, the old
        primary reports for a while what it knew before."""
        views = [self._view(machine) for machine in self.machines]
        leaders = [sorted(name for name, member in view.items() if member["role"] == "leader") for view in views]
        return views[0] if leaders[0] and leaders.count(leaders[0]) == len(leaders) else {}

    def _view(self, machine: Machine) -> dict[str, dict]:
        try:
            with urllib.request.urlopen(f"http://{machine.address}:8008/cluster", timeout=2) as answer:
                return {member["name"]: member for member in json.load(answer)["members"]}
        except OSError:
            return {}

    @property
    def roles(self) -> dict[str, list[str]]:
        return self._roles(self.members())

    @staticmethod
    def _roles(members: dict[str, dict]) -> dict[str, list[str]]:
        roles: dict[str, list[str]] = {}
        for name, member in members.items():
            if member.get("state") in ("running", "streaming"):
                roles.setdefault(member["role"], []).append(name)
        return roles

    def machine(self, name: str) -> Machine:
        return next(machine for machine in self.machines if machine.name == name)

    @property
    def leader(self) -> Machine:
        """Waits until all agree on one."""
        for _ in range(240):
            if names := self.roles.get("leader"):
                return self.machine(names[0])
            time.sleep(0.5)
        raise SystemExit("The machines do not agree on a leader.")

    @property
    def is_whole(self) -> bool:
        members = self.members()
        roles = self._roles(members)
        timelines = {member.get("timeline") for member in members.values()}
        return len(roles.get("leader", [])) == 1 and len(roles.get("sync_standby", [])) == 1 and \
            len(roles.get("replica", [])) == 1 and len(timelines) == 1

    def until_whole(self, seconds: int) -> None:
        until = time.monotonic() + seconds
        while not self.is_whole:
            if time.monotonic() > until:
                raise SystemExit(f"The cluster did not become whole: {self.members()}")
            time.sleep(0.5)

    def switch_over(self) -> None:
        roles = self.roles
        run("patronictl", "-c", str(self.machines[0].configuration), "switchover", "heirloom", "--force",
            "--master", roles["leader"][0], "--candidate", roles["sync_standby"][0])

    def sql(self, statement: str) -> list[list[str]]:
        hosts = ",".join(machine.address for machine in self.machines)
        address = f"host={hosts} port=5432 user=postgres password={PASSWORDS['postgres']} dbname=heirloom " \
                  "target_session_attrs=read-write connect_timeout=5"
        rows = run("psql", "-XAtq", "-F", "|", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", statement)
        return [row.split("|") for row in rows.splitlines()]
