"""Fills the tables of docs/torture-grades.md: document.py DOCUMENT SUMMARY... (`summary.json` of torture-peers).

The lines between `<!-- grades -->` and `<!-- end -->` become the table of grades, and those between `<!-- NAME... -->` and
`<!-- end -->` the results of these peers, side by side. A later summary replaces a peer of an earlier one.
"""

import json
import re
import sys
from pathlib import Path

from confirm import CHECKS, CONFIRMS
from servers import PEERS

FAULTS = {check for checks in CONFIRMS.values() for check in checks}
WORDS = {"holds": "holds", "violated": "**violated**", "could_not_be_tried": "could not be tried", "not_applicable": "—"}


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def row(*cells):
    return "| " + " | ".join(map(cell, cells)) + " |"


def runs(one):
    return one["runs"] - one["failed"]


def letters(one):
    return ", ".join(sorted({letter or "none" for letter in one["grades"]})) or "—"


def grades(found):
    yield row("server", "configuration", "runs", "grade", "violated")
    yield row(*["---"] * 5)
    for one in found.values():
        violated = [f"`{name}`" for name, verdicts in one["verdicts"].items() if "violated" in verdicts]
        if not runs(one):
            violated = ["not graded: see the plain calls"]
        server = f"{one['title']} {one['version']}".strip()
        yield row(server, one["configuration"], runs(one), letters(one), ", ".join(violated) or "nothing")


def seen(one, name):
    for check in one["confirmed"]:
        if check["check"] == name and check["of"]:
            return f"{check['seen']} of {check['of']}"
    return "—"


def verdict(one, name):
    """Of all runs; the words of the last one for a figure."""
    verdicts = one["verdicts"].get(name, [])
    last = next((found for found in one["properties"] if found["property"] == name), None)
    if last and last["rank"] == "figure":
        return last["saw"] if last["verdict"] == "measured" else "—"
    words = [WORDS.get(found, found) for found in sorted(set(verdicts))]
    if len(words) < 2:
        return "".join(words) or "—"
    return ", ".join(f"{WORDS.get(found, found)} ({verdicts.count(found)} of {len(verdicts)})" for found in sorted(set(verdicts)))


def results(peers):
    heads = [one["name"] for one in peers]
    names = dict.fromkeys(found["property"] for one in peers for found in one["properties"])
    if names:
        yield row("with the kit", *heads)
        yield row(*["---"] * (len(heads) + 1))
        yield row("grade (runs)", *(f"{letters(one)} ({runs(one)})" if runs(one) else "not graded" for one in peers))
        for name in names:
            cells = [verdict(one, name) for one in peers]
            if set(cells) != {"—"}:
                yield row(f"`{name}`", *cells)
        yield ""
    yield row("by plain calls", *heads)
    yield row(*["---"] * (len(heads) + 1))
    for name in CHECKS:
        yield row(f"`{name}`", *(seen(one, name) for one in peers))
    examples = [
        f"- `{check['check']}`, {one['name']}: {check['example']}"
        for one in peers for check in one["confirmed"] if check["seen"] and check["check"] in FAULTS
    ]
    if examples:
        yield from ["", "The calls that showed a fault:", "", *examples]


def fill(text, found):
    def replace(match):
        names = match.group(1).split()
        if names == ["grades"]:
            lines = grades(found)
        else:
            known = [found[name] for name in names if name in found]
            if not known:
                return match.group(0)
            lines = results(known)
        return f"<!-- {match.group(1)} -->\n\n" + "\n".join(lines) + "\n\n<!-- end -->"

    return re.sub(r"<!-- ([a-z -]+?) -->\n.*?<!-- end -->", replace, text, flags=re.DOTALL)


def main():
    document, *summaries = map(Path, sys.argv[1:])
    found = {}
    for summary in summaries:
        found |= {one["name"]: one for one in json.loads(summary.read_text())}
    ordered = {name: found[name] for name in PEERS if name in found}
    document.write_text(fill(document.read_text(), ordered))


if __name__ == "__main__":
    main()
