"""Runs peers one after another, confirms faults by plain calls, and lets heirloom-torture grade each.

grade.py --kit PROGRAM --fetched FOLDER --out FOLDER [--heirloom PROGRAM] [--runs N] [--trials N] NAME...

For each peer the folder gets `NAME/confirm.json`, `NAME/run-N.json`, `.html` and `.txt`; and for all `summary.json` and
`summary.md`. It exits with 1 where a verdict flipped between runs, or a peer could not be run.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from confirm import CHECKS, CONFIRMS, line, run
from dialects import DIALECTS, HEIRLOOM_USER
from servers import PEERS, Tools

HERE = Path(__file__).resolve().parent
PROFILES = HERE.parent.parent.parent / "crates" / "heirloom-torture" / "src" / "profiles"
# Who signs in where the profile can do that.
USERS = {
    "OauthToolkit": ("alice", "secret"), "SimpleJwt": ("alice", "secret"), "ExpressRedis": ("alice", "secret"),
    "Glewlwyd": ("alice", "a password at glewlwyd"), "Heirloom": (HEIRLOOM_USER["email"], HEIRLOOM_USER["password"]),
}


def say(text):
    print(text, file=sys.stderr, flush=True)


class Control:
    """A socket: a program that connects to it waits until the peer was killed and started again."""

    def __init__(self, path, restart):
        self.path, self.restart = path, restart
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                try:
                    self.restart()
                    connection.sendall(b"done")
                except (SystemExit, OSError, subprocess.SubprocessError) as error:
                    say(f"  the restart failed: {error}")
                    connection.sendall(b"failed")

    def command(self):
        return shlex.join([sys.executable, "-B", str(HERE / "restart.py"), str(self.path)])


def profile(peer, folder):
    """The profile, with what this configuration changes in it."""
    path = PROFILES / f"{peer.profile}.json"
    if not path.exists():
        path = HERE / f"{peer.profile}.json"
    changed = folder / "profile.json"
    changed.write_text(json.dumps({**json.loads(path.read_text()), **peer.extra}, indent=2))
    return changed


def command(given, peer, description, folder, number):
    """The command line of a run; tokens and secrets are in files."""
    bases = peer.bases()
    values = folder / "values.json"
    values.write_text(json.dumps({**peer.values, **{name: bases[0] + path for name, path in peer.urls.items()}}))
    values.chmod(0o600)
    words = [given.kit, bases[0]]
    for base in bases[1:]:
        words += ["--url", base]
    words += ["--profile", str(profile(peer, folder)), "--values", str(values)]
    if peer.restarts:
        words += ["--restart-command", peer.control.command()]
    if peer.dialect in USERS:
        words += ["--user", USERS[peer.dialect][0]]
    else:
        tokens = [sys.executable, "-B", str(HERE / "tokens.py"), str(description), "30"]
        words += ["--tokens-command", shlex.join(tokens)]
    out = given.out / peer.name
    for kind in ("json", "html"):
        words += ["--output", str(out / f"run-{number}.{kind}")]
    return words + given.kit_options


def letter(report):
    """The letter of a run, or that it would be at best; none where too little could be judged."""
    found = report["grade"]
    return found["letter"] or (f"at best {found['at_best']}" if found.get("at_best") else None)


def grade(given, peer, description, folder, number):
    """One run of the kit: its report."""
    out, began = given.out / peer.name, time.monotonic()
    password = USERS.get(peer.dialect, ("", ""))[1]
    words = command(given, peer, description, folder, number)
    try:
        done = subprocess.run(words, input=password + "\n", capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired:
        say(f"  run {number}: stopped after 15 minutes")
        return None
    (out / f"run-{number}.txt").write_text(done.stdout + done.stderr)
    report = out / f"run-{number}.json"
    if done.returncode not in (0, 1, 3) or not report.exists():
        say(f"  run {number}: exit {done.returncode}\n{done.stderr[-2000:]}")
        return None
    found = json.loads(report.read_text())
    say(f"  run {number}: exit {done.returncode}, grade {letter(found) or 'none'}, {time.monotonic() - began:.0f} s: {found['grade']['reason']}")
    return found


def confirm(given, peer):
    dialect = DIALECTS[peer.dialect](peer.bases(), **peer.values)
    found = []
    for name in CHECKS:
        one = run(dialect, name, given.trials, peer.crash if peer.restarts else None)
        say("  " + line(one)[:150])
        found.append(one)
    (given.out / peer.name / "confirm.json").write_text(json.dumps(found, indent=2, ensure_ascii=False))
    return found


def examine(given, name, folder):
    """Everything about one peer."""
    say(f"\n== {name}")
    out = given.out / name
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    peer = PEERS[name](Tools(given.fetched / "npm", given.fetched / "venv" / "bin" / "python", folder, given.heirloom), name)
    peer.control = None
    try:
        peer.create()
        private = folder / f"{name}-private"
        private.mkdir(mode=0o700)
        peer.control = Control(private / "control", peer.crash)
        description = private / "peer.json"
        description.write_text(json.dumps(peer.description()))
        confirmed = confirm(given, peer) if given.trials else []
        reports = [grade(given, peer, description, private, number) for number in range(1, given.runs + 1)]
    finally:
        if peer.control:
            peer.control.socket.close()
        peer.stop()
        for log in peer.folder.glob("**/*.log"):
            shutil.copy(log, out)
    return summary(peer, confirmed, reports)


def summary(peer, confirmed, reports):
    verdicts = {}
    for report in filter(None, reports):
        for one in report["properties"]:
            verdicts.setdefault(one["property"], []).append(one["verdict"])
    letters = [letter(report) for report in reports if report]
    flips = {name: found for name, found in verdicts.items() if len({*found} & {"holds", "violated"}) > 1}
    last = next((report for report in reversed(reports) if report), None)
    return {
        "name": peer.name, "title": peer.title, "version": peer.version, "configuration": peer.configuration,
        "runs": len(reports), "failed": reports.count(None), "grades": letters, "flips": flips, "verdicts": verdicts,
        "confirmed": confirmed, "properties": last["properties"] if last else [], "duration_ms": last and last["duration_ms"],
    }


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(found):
    """The summary in Markdown, as docs/torture-grades.md has it."""
    lines = ["| server | configuration | runs | grade | violated |", "| --- | --- | --- | --- | --- |"]
    for one in found:
        violated = [name for name, verdicts in one["verdicts"].items() if "violated" in verdicts]
        counts = [f"{name} ({one['verdicts'][name].count('violated')} of {len(one['verdicts'][name])})" for name in violated]
        letters = ", ".join(sorted({str(letter or "none") for letter in one["grades"]}))
        lines.append(
            f"| {one['title']} {one['version']} | {one['configuration']} | {one['runs'] - one['failed']} | {letters or '—'} | "
            f"{', '.join(counts) or 'nothing'} |"
        )
    for one in found:
        lines += ["", f"### {one['name']}", "", "| check | seen | calls |", "| --- | --- | --- |"]
        for check in one["confirmed"]:
            seen = f"{check['seen']} of {check['of']}" if check["of"] else "does not apply"
            lines.append(f"| {check['check']} | {seen} | {cell(check['example'])} |")
        figures = [p for p in one["properties"] if p["rank"] == "figure"]
        if figures:
            lines += ["", "| figure | |", "| --- | --- |"]
            lines += [f"| {cell(figure['title'])} | {cell(figure['saw'])} |" for figure in figures]
    return "\n".join(lines) + "\n"


def unconfirmed(one):
    """Violations that the kit reports and that no plain calls showed."""
    seen = {check["check"] for check in one["confirmed"] if check["seen"]}
    for name, verdicts in one["verdicts"].items():
        if "violated" in verdicts and not seen & set(CONFIRMS.get(name, [])):
            yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kit", required=True)
    parser.add_argument("--fetched", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--heirloom")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--kit-option", dest="kit_options", action="append", default=[])
    parser.add_argument("names", nargs="+", choices=list(PEERS), metavar="NAME")
    given = parser.parse_args()
    # Stops what runs, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found, failed = [], False
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        os.chmod(folder, 0o755)
        for name in given.names:
            try:
                one = examine(given, name, Path(folder))
            except (SystemExit, OSError, subprocess.SubprocessError) as error:
                if isinstance(error, SystemExit) and error.code == 143:
                    raise
                say(f"  could not be run: {error}")
                failed = True
                continue
            found.append(one)
            for flipped, verdicts in one["flips"].items():
                say(f"  FLIPPED between runs: {flipped}: {', '.join(verdicts)}")
            for violated in unconfirmed(one):
                say(f"  not confirmed by plain calls: {violated}")
            failed = failed or bool(one["flips"] or one["failed"])
            (given.out / "summary.json").write_text(json.dumps(found, indent=2, ensure_ascii=False))
            (given.out / "summary.md").write_text(table(found))
    say(f"\n{given.out / 'summary.md'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
