"""Scenes of a cluster under load: `main.py FOLDER BINARIES HEIRLOOM PORT PORT METRICS METRICS`. See script/check-cluster."""

import base64
import os
import pathlib
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

from load import Load
from nodes import PASSWORDS, Cluster, Machine

FOLDER, BINARIES, HEIRLOOM = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
PORTS, METERS = [int(port) for port in sys.argv[4:6]], [int(port) for port in sys.argv[6:8]]
# Only scenes with this in their name.
CHOSEN = sys.argv[8] if len(sys.argv) > 8 else ""
CLIENTS = 8
# Longer than ttl + loop_wait: what Patroni does, it has begun by then.
WATCHED = 30
MOST = 240


class Instances:
    """Two servers, and the roles that they use."""

    def __init__(self, cluster: Cluster) -> None:
        hosts = ",".join(f"{machine.address}:5432" for machine in cluster.machines)
        parameters = "target_session_attrs=read-write&sslmode=disable"
        self.owner = f"postgres://postgres:{PASSWORDS['postgres']}@{hosts}/heirloom?{parameters}"
        self.url = f"postgres://heirloom_app:check-cluster-runtime@{hosts}/heirloom?{parameters}"
        self.key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.processes: list[subprocess.Popen] = []

    def start(self, cluster: Cluster) -> None:
        leader = cluster.leader.address
        subprocess.run(["psql", "-XAtq", "-d", f"host={leader} user=postgres password={PASSWORDS['postgres']} "
                        "dbname=postgres", "-c", "CREATE DATABASE heirloom"], check=True)
        self._heirloom(["migrate", "--roles"], {"HEIRLOOM_DATABASE_URL_OWNER": self.owner}).wait()
        for port, metrics in zip(PORTS, METERS):
            more = {"HEIRLOOM_BIND": f"127.0.0.1:{port}", "HEIRLOOM_METRICS_BIND": f"127.0.0.1:{metrics}"}
            self.processes.append(self._heirloom(["serve", "--no-migrate"], more))
        for port in PORTS:
            self._until_ready(port)

    def _heirloom(self, arguments: list[str], more: dict[str, str]) -> subprocess.Popen:
        log = open(FOLDER / "heirloom.log", "ab")
        environment = {
            "PATH": os.environ["PATH"], "DATABASE_URL": self.url, "HEIRLOOM_MASTER_KEY": self.key,
            "HEIRLOOM_DATA_DIR": str(FOLDER / "data"), "HEIRLOOM_PUBLIC_URL": "http://127.0.0.1",
            "HEIRLOOM_INSECURE_FOR_TESTS": "true", "HEIRLOOM_BCRYPT_COST": "4", "HEIRLOOM_RATE_LIMIT": "off"}
        return subprocess.Popen([HEIRLOOM, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                cwd=FOLDER, env=environment | more)

    def _until_ready(self, port: int) -> None:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit("Heirloom does not become ready:\n" + (FOLDER / "heirloom.log").read_text()[-4000:])

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


class Theatre:
    """Plays scenes, and keeps a row of the table for each."""

    def __init__(self, cluster: Cluster, load: Load) -> None:
        self.cluster, self.load = cluster, load
        self.rows: list[list[str]] = []
        self.faults: list[str] = []

    def play(self, name: str, fault: Callable[[], object], repair: Callable[[], object]) -> None:
        if CHOSEN not in name:
            return
        print(f"\n== {name}", file=sys.stderr, flush=True)
        tally, began, before = self.load.tally, time.monotonic(), self.cluster.leader.name
        tally.begin()
        fault()
        time.sleep(max(0.0, began + WATCHED - time.monotonic()))
        if not self.load.all_go_on(MOST):
            tally.fault("the clients did not go on")
        repair()
        self.cluster.until_whole(MOST)
        whole = time.monotonic() - began
        if not self.load.all_go_on(MOST):
            tally.fault("the clients did not go on after the repair")
        self.load.pause()
        self.load.judge(self.cluster.sql)
        longest = max(tally.longest.values(), default=0.0)
        after = self.cluster.leader.name
        self.rows.append([
            name, "stays" if after == before else "moves", f"{longest:.1f} s", str(tally.rotations),
            str(tally.unavailable), str(tally.revocations), f"{tally.slowest_revocation:.1f} s",
            f"{whole:.0f} s", str(len(tally.faults))])
        print(" | ".join(self.rows[-1]), file=sys.stderr, flush=True)
        for text in tally.faults[:10]:
            print(f"  FAULT {text}", file=sys.stderr, flush=True)
        self.faults += tally.faults
        self.load.resume()

    def table(self) -> str:
        head = ["scene", "the primary", "no rotation for", "rotations", "503", "revocations",
                "the other instance knew after", "whole again after", "faults"]
        rows = [head, ["---"] * len(head), *self.rows]
        return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def both(machine: Machine) -> None:
    machine.kill_patroni()
    machine.kill_postmaster()


def scenes(theatre: Theatre) -> None:
    cluster, network = theatre.cluster, theatre.cluster.network

    def nothing() -> None:
        pass

    def primary(name: str, fault: Callable[[Machine], object], repair: Callable[[Machine], object]) -> None:
        machine = cluster.leader
        theatre.play(name, lambda: fault(machine), lambda: repair(machine))

    theatre.play("nothing fails", nothing, nothing)
    primary("`kill -9` of the primary's postmaster", Machine.kill_postmaster, lambda _: nothing())
    primary("`kill -9` of the postmaster and its Patroni", both, Machine.start_patroni)
    primary("`kill -9` of the primary's Patroni only", Machine.kill_patroni, Machine.start_patroni)
    theatre.play("planned switchover", cluster.switch_over, nothing)
    other = next(machine for machine in cluster.machines if machine is not cluster.leader)
    theatre.play("an etcd member is lost", other.kill_etcd, other.start_etcd)
    primary("the etcd member beside the primary is lost", Machine.kill_etcd, Machine.start_etcd)
    if not network.is_separate:
        primary("the primary's machine stands still (SIGSTOP)", lambda machine: machine.signal_all(signal.SIGSTOP),
                lambda machine: machine.signal_all(signal.SIGCONT))
        return
    primary("the primary's machine is cut off", lambda machine: network.cut(machine.number, True),
            lambda machine: network.cut(machine.number, False))
    primary("the primary is cut off from the other machines only",
            lambda machine: network.cut_from_machines(machine.number, True),
            lambda machine: network.cut_from_machines(machine.number, False))


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cluster = Cluster(FOLDER, BINARIES)
    instances = Instances(cluster)
    try:
        print("\n== three machines with etcd, Patroni and Postgres", file=sys.stderr, flush=True)
        cluster.start()
        instances.start(cluster)
        theatre = Theatre(cluster, Load(PORTS, CLIENTS))
        if not theatre.load.all_go_on(MOST):
            raise SystemExit("The clients did not begin.")
        scenes(theatre)
    finally:
        instances.stop()
        cluster.stop()
    if not cluster.network.is_separate:
        print("Without root there are no network namespaces: the network was not cut.", file=sys.stderr)
    print(theatre.table())
    if theatre.faults:
        raise SystemExit(f"{len(theatre.faults)} faults")


main()
