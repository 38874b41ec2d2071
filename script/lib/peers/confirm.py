"""Shows faults of a running peer by the shortest sequences of plain HTTP calls: confirm.py DESCRIPTION [TRIALS [CHECK...]].

DESCRIPTION is a JSON file with `dialect`, `bases` and `values` (dialects.py); torture-peers writes it. Each check is tried in
new sessions and prints how often the fault was seen, and one example: names of calls with their statuses, and no token.

This is independent of heirloom-torture. It judges nothing but the one thing that each check describes.
"""

import argparse
import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from calls import at_once
from dialects import DIALECTS

PATIENCE = 5


@dataclass
class Trial:
    """One try: what was called, and whether the fault was seen; `None` where the calls did not lead to the question."""

    peer: object
    restart: object = None
    calls: list = field(default_factory=list)

    def note(self, name, answer):
        self.calls.append(f"{name}: {answer.status}")
        return answer

    def sign_in(self):
        self.calls.append("sign-in: 200")
        return self.peer.sign_in()

    def refresh(self, tokens, name):
        """The new tokens, or `None` where it was refused."""
        return self.peer.tokens(self.note(f"refresh {name}", self.peer.refresh(tokens.refresh).send()))

    def sign_out(self, tokens, name):
        return self.note(f"sign-out with {name}", self.peer.sign_out(tokens.refresh).send()).ok

    def is_usable(self, tokens, name):
        return self.note(f"access token {name}", self.peer.access(tokens.access).send()).ok

    def stays_usable(self, tokens, name):
        """Whether an access token still works after some seconds; each instance is asked in turn."""
        began, last, refusals = time.monotonic(), 0.0, 0
        while (now := time.monotonic() - began) < PATIENCE and refusals < 2 * len(self.peer.bases):
            if self.peer.access(tokens.access).send().ok:
                last, refusals = now, 0
            else:
                refusals += 1
            time.sleep(0.02)
        works = refusals == 0
        self.calls.append(f"access token {name}: " + (f"works after {PATIENCE} s" if works else f"worked for {last:.2f} s"))
        return works

    def at_once(self, named):
        """Several calls at the same time: `(name, call)`; the answers."""
        answers = at_once(*(call for _, call in named))
        self.calls.append("at once {" + ", ".join(f"{name}: {answer.status}" for (name, _), answer in zip(named, answers)) + "}")
        return answers

    def rotated_twice(self):
        first = self.sign_in()
        second = self.refresh(first, "t0")
        return first, second


def two_chains(trial):
    """One token redeemed twice at the same time: two successors, and both can be refreshed."""
    first = trial.sign_in()
    answers = trial.at_once([("refresh t0", trial.peer.refresh(first.refresh))] * 2)
    issued = [trial.peer.tokens(answer) for answer in answers]
    if None in issued or issued[0].refresh == issued[1].refresh:
        return False
    return trial.refresh(issued[0], "t1") is not None and trial.refresh(issued[1], "t1'") is not None


def survives_concurrent_reuse(trial):
    """One token redeemed twice at the same time: the second is refused, and the successor works on."""
    first = trial.sign_in()
    answers = trial.at_once([("refresh t0", trial.peer.refresh(first.refresh))] * 2)
    issued = [tokens for tokens in map(trial.peer.tokens, answers) if tokens]
    if len(issued) != 1 or not any(answer.refused for answer in answers):
        return None
    return trial.refresh(issued[0], "t1") is not None


def survives_reuse(trial):
    """A token that was redeemed is presented again, later: it is refused, and its successor works on."""
    first, second = trial.rotated_twice()
    if trial.refresh(first, "t0 again") is not None:
        return None
    return trial.refresh(second, "t1") is not None


def replay_beside_redemption(trial):
    """A stale token is replayed while the newest is redeemed: the replay is refused, and the new successor works on."""
    first, second = trial.rotated_twice()
    replay, redemption = trial.at_once(
        [("refresh t0 again", trial.peer.refresh(first.refresh)), ("refresh t1", trial.peer.refresh(second.refresh))]
    )
    third = trial.peer.tokens(redemption)
    if third is None or not replay.refused:
        return False
    return trial.refresh(third, "t2") is not None


def old_generations(trial):
    """After three rotations the first token is presented: following the answers leads to a working token."""
    first, second = trial.rotated_twice()
    third = trial.refresh(second, "t1")
    trial.refresh(third, "t2")
    at = first
    for step in range(6):
        at = trial.refresh(at, "t0 again" if step == 0 else "the answer")
        if at is None:
            return False
    return True


def sign_out_beside_refresh(trial):
    """A sign-out is acknowledged beside a refresh with the same token: the successor works on."""
    first = trial.sign_in()
    sign_out, refresh = trial.at_once(
        [("sign-out with t0", trial.peer.sign_out(first.refresh)), ("refresh t0", trial.peer.refresh(first.refresh))]
    )
    second = trial.peer.tokens(refresh)
    if second is None:
        return False
    if not sign_out.ok:
        return None
    return trial.refresh(second, "t1") is not None


def sign_out_with_stale_token(trial):
    """A sign-out with the token that was just rotated is acknowledged: the successor works on."""
    first, second = trial.rotated_twice()
    if not trial.sign_out(first, "t0"):
        return None
    return trial.refresh(second, "t1") is not None


def refresh_after_sign_out(trial):
    """A sign-out is acknowledged, and the token works on."""
    first = trial.sign_in()
    if not trial.sign_out(first, "t0"):
        return None
    return trial.refresh(first, "t0") is not None


def access_after_sign_out(trial):
    """A sign-out is acknowledged, and the access token works on, after five seconds too."""
    first = trial.sign_in()
    if not trial.sign_out(first, "t0"):
        return None
    return trial.stays_usable(first, "of t0")


def earlier_access_after_sign_out(trial):
    """A sign-out with the newest token is acknowledged, and the access token of the generation before works on, after five
    seconds too."""
    _first, second = trial.rotated_twice()
    third = trial.refresh(second, "t1")
    if not trial.sign_out(third, "t2"):
        return None
    return trial.stays_usable(second, "of t1")


def access_after_reuse(trial):
    """A reuse was refused, and the session's newest access token works on, after five seconds too."""
    first, second = trial.rotated_twice()
    if trial.refresh(first, "t0 again") is not None:
        return None
    return trial.stays_usable(second, "of t1")


def access_after_rotation(trial):
    """The access token of the generation before works after a rotation."""
    first, _second = trial.rotated_twice()
    return trial.is_usable(first, "of t0")


def crash_forgets(trial):
    """Everything is killed a moment after a refresh was acknowledged, and started again: the new token is refused."""
    if trial.restart is None:
        return None
    _first, second = trial.rotated_twice()
    trial.restart()
    trial.calls.append("kill -9, start")
    return trial.refresh(second, "t1") is None


def crash_revives(trial):
    """Everything is killed a moment after a sign-out was acknowledged, and started again: the token works again."""
    if trial.restart is None:
        return None
    first = trial.sign_in()
    if not trial.sign_out(first, "t0"):
        return None
    trial.restart()
    trial.calls.append("kill -9, start")
    return trial.refresh(first, "t0") is not None


def reuse_ends_other_sessions(trial):
    """A reuse in one session of a user ends another session of that user."""
    first, other = trial.peer.two_sessions()
    trial.calls.append("two sign-ins: 200")
    trial.refresh(first, "t0")
    trial.refresh(first, "t0 again")
    return trial.refresh(other, "of the other session") is None


def may_be_stored(trial):
    """An answer with tokens does not carry `Cache-Control: no-store` (RFC 6749, section 5.1)."""
    first = trial.sign_in()
    answer = trial.note("refresh t0", trial.peer.refresh(first.refresh).send())
    found = answer.headers.get("Cache-Control", "")
    trial.calls.append(f"Cache-Control: {found or 'absent'}")
    return "no-store" not in found


def refused_without_error(trial):
    """A refusal of an OAuth 2.0 endpoint is not a 400 or 401 with `error` in JSON (RFC 6749, section 5.2)."""
    if not trial.peer.is_oauth:
        return None
    answer = trial.note("refresh garbage", trial.peer.refresh("not-a-refresh-token").send())
    trial.calls.append(f"error: {answer.field('error') or 'absent'}")
    return answer.status not in (400, 401) or not isinstance(answer.field("error"), str)


def access_token_refreshes(trial):
    """An access token is accepted as a refresh token."""
    first = trial.sign_in()
    return trial.note("refresh with the access token", trial.peer.refresh(first.access).send()).ok


def retry_is_punished(trial):
    """An honest client repeats a refresh whose answer was lost, without having used the successor: its session is lost."""
    first, second = trial.rotated_twice()
    again = trial.refresh(first, "t0 again")
    return again is None and trial.refresh(second, "t1") is None


CHECKS = {
    one.__name__.replace("_", "-"): one
    for one in (
        two_chains, survives_concurrent_reuse, survives_reuse, replay_beside_redemption, old_generations, sign_out_beside_refresh,
        sign_out_with_stale_token, refresh_after_sign_out, access_after_sign_out, earlier_access_after_sign_out,
        access_after_reuse, access_after_rotation, retry_is_punished, crash_forgets, crash_revives, reuse_ends_other_sessions,
        may_be_stored, refused_without_error, access_token_refreshes,
    )
}


# The properties of heirloom-torture that these show to be violated; the others show figures.
CONFIRMS = {
    "fork": ["two-chains"],
    "reuse-ends-session": ["survives-concurrent-reuse", "replay-beside-redemption", "survives-reuse"],
    "reuse-detected": ["survives-reuse", "survives-concurrent-reuse"],
    "leeway-ends": ["old-generations"],
    "sign-out-ends-session": ["sign-out-beside-refresh", "refresh-after-sign-out"],
    "crash-safe": ["crash-forgets", "crash-revives"],
    "access-revoked": ["access-after-sign-out", "earlier-access-after-sign-out", "access-after-reuse"],
    "token-kinds-kept": ["access-token-refreshes"],
    "no-store": ["may-be-stored"],
    "error-shape": ["refused-without-error"],
}

# These take seconds each.
SLOW = {"access-after-sign-out", "earlier-access-after-sign-out", "access-after-reuse", "crash-forgets", "crash-revives"}


def run(peer, name, trials, restart=None):
    """How often a fault was seen of the trials that led to the question, and the calls of one trial."""
    seen, asked, example = 0, 0, ""
    trials = min(trials, 3) if name in SLOW else trials
    for _ in range(trials):
        trial = Trial(peer, restart)
        found = CHECKS[name](trial)
        if found is not None:
            asked += 1
        if found:
            seen += 1
        if found or not example:
            example = " → ".join(trial.calls)
        time.sleep(0.01)
    return {"check": name, "what": CHECKS[name].__doc__, "seen": seen, "of": asked, "trials": trials, "example": example}


def line(found):
    asked = f"{found['seen']} of {found['of']}" if found["of"] else "does not apply"
    return f"{found['check']:30} {asked:15} {found['example']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("description", type=Path)
    parser.add_argument("trials", type=int, nargs="?", default=20)
    parser.add_argument("checks", nargs="*", help=", ".join(CHECKS))
    given = parser.parse_args()
    about = json.loads(given.description.read_text())
    peer = DIALECTS[about["dialect"]](about["bases"], **about["values"])
    restart = (lambda: subprocess.run(about["restart"], shell=True, check=True)) if about.get("restart") else None
    for name in given.checks or CHECKS:
        print(line(run(peer, name, given.trials, restart)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
