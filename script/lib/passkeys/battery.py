"""The mutation battery: every case as a request, the verdict that the specification demands, and what others answer.

battery.py MODULES FIXTURE [--write]: judges all cases, prints a table, and compares the fixture or writes it. `MODULES` is
the folder with npm's modules.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import authenticator
import data_cases
import differences
import envelope_cases
import key_cases

HERE = Path(__file__).parent

KEYS = {"ES256": authenticator.es256(), "EdDSA": authenticator.eddsa(), "RS256": authenticator.rs256()}


def requests():
    """The valid ceremonies, by the names that the cases use."""
    for algorithm, key in KEYS.items():
        for ceremony in (authenticator.registration, authenticator.assertion):
            yield f"{ceremony.__name__} {algorithm}", ceremony(key)


def cases():
    yield from ((f"valid {name}", request, "accepted") for name, request in requests())
    for module in (envelope_cases, data_cases, key_cases):
        yield from module.cases(KEYS)


def changes(right, changed, path=""):
    """What leads from one request to another: a path alone for a member that is gone, a path and a value otherwise."""
    for name in {**right, **changed}:
        place = f"{path}{name}"
        if name not in changed:
            yield [place]
        elif name in right and isinstance(right[name], dict) and isinstance(changed[name], dict):
            yield from changes(right[name], changed[name], f"{place}.")
        elif name not in right or json.dumps(right[name]) != json.dumps(changed[name]):
            yield [place, changed[name]]


def shortest(originals, request):
    """The valid ceremony that a request differs least from, and the changes."""
    tried = ((name, list(changes(right, request))) for name, right in originals.items())
    return min(tried, key=lambda found: len(json.dumps(found[1])))


def fixture(judged):
    originals = dict(requests())
    lines = []
    for name, request, verdict, answers in judged:
        letters = "".join(answer[0] for answer in answers.values())
        lines.append(json.dumps([name, *shortest(originals, request), verdict, letters], separators=(",", ":"), ensure_ascii=False))
    valid = ",\n".join(f"{json.dumps(name)}: {json.dumps(request, separators=(',', ':'))}" for name, request in originals.items())
    return '{"requests": {\n' + valid + '\n},\n"cases": [\n' + ",\n".join(lines) + "\n]}\n"


def judge(modules):
    """Each case with the answers of the other verifiers, by their letters in differences.py."""
    tried = list(cases())
    assert len({name for name, _, _ in tried}) == len(tried), "each case has a name of its own"
    asked = json.dumps([request for _, request, _ in tried])

    def answers(*command):
        return json.loads(subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout)

    of_s = answers("node", str(HERE / "judge.mjs"), modules)
    of_w_and_f = answers(sys.executable, str(HERE / "judge.py"))
    for (name, request, verdict), s, (w, f) in zip(tried, of_s, of_w_and_f, strict=True):
        yield name, request, verdict, {"s": s, "w": w, "f": f}


def table(judged):
    """Per part of the ceremonies: how many cases we accept and refuse, and how many each verifier judges otherwise."""
    counts = {}
    for name, _, verdict, answers in judged:
        part = name.split(":")[0] if ":" in name else "valid ceremonies"
        row = counts.setdefault(part, Counter())
        row["accepted" if verdict == "accepted" else "refused"] += 1
        for verifier, answer in answers.items():
            row[verifier] += answer.startswith("accepted") != (verdict == "accepted")
    counts["all"] = sum(counts.values(), Counter())
    names = {"accepted": "accepted", "refused": "refused", "s": "@simplewebauthn", "w": "webauthn", "f": "fido2"}
    yield f"{'':40}" + "".join(f"{name:>16}" for name in names.values())
    for part, row in counts.items():
        yield f"{part:40}" + "".join(f"{row[name]:16}" for name in names)


def main(modules, path, write):
    judged = list(judge(modules))
    print("What we accept and refuse, and how many of these cases each other verifier judges otherwise:", *table(judged), sep="\n")
    wrong = list(differences.unexplained((name, verdict, answers) for name, _, verdict, answers in judged))
    text = fixture(judged)
    if write:
        path.write_text(text)
    elif path.read_text() != text:
        wrong.append(f"{path} is not what this script writes: run script/check-passkeys --write")
    print(*wrong, sep="\n", end="\n" if wrong else "")
    print(f"{len(judged)} cases; each difference is explained in script/lib/passkeys/differences.py" if not wrong else "FAILED")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), "--write" in sys.argv))
