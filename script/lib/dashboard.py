"""Draws ops/grafana/heirloom.json as one page of HTML, with the numbers of a Prometheus: `dashboard.py URL SECONDS`.

Not Grafana, which is not in Debian: the same panels in the same places, each with its own query. Exits with 1 when a
query is refused or, those of failures aside, finds nothing.
"""

import html
import json
import sys
import time
import urllib.parse
import urllib.request

PROMETHEUS, SECONDS = sys.argv[1], int(sys.argv[2])
COLOURS = ["#1d6a50", "#c2410c", "#1d4ed8", "#a21caf", "#a16207", "#0f766e", "#be123c", "#4d7c0f", "#475569", "#7c3aed"]
COLUMN, ROW = 56, 34
NOW = time.time()


def ask(path: str, **parameters) -> list:
    url = f"{PROMETHEUS}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)["data"]["result"]


def expanded(expression: str) -> str:
    known = {"$__rate_interval": "30s", "$job": "heirloom", "$instance": ".*"}
    for name, value in known.items():
        expression = expression.replace(name, value)
    return expression


def named(target: dict, labels: dict) -> str:
    legend = target.get("legendFormat") or ", ".join(value for key, value in labels.items() if key != "__name__")
    for key, value in labels.items():
        legend = legend.replace("{{" + key + "}}", value).replace("{{ " + key + " }}", value)
    return legend


def short(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


def chart(lines: list, unit: str, width: int, height: int) -> str:
    left, below, legend = 52, 16, 15 * min(len(lines), 5)
    plot_width, plot_height = width - left - 10, height - below - legend - 34
    top = max((value for _, points in lines for _, value in points), default=0) or 1
    drawn = []
    for step in range(3):
        y = 28 + plot_height * step / 2
        label = short(top * (2 - step) / 2, unit)
        drawn.append(f'<line x1="{left}" x2="{width - 10}" y1="{y}" y2="{y}" stroke="#e2e8f0"/>')
        drawn.append(f'<text x="{left - 5}" y="{y + 4}" text-anchor="end" class="small">{label}</text>')
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        place = [
            f"{left + plot_width * (at - NOW + SECONDS) / SECONDS:.1f},{28 + plot_height * (1 - value / top):.1f}"
            for at, value in points
        ]
        drawn.append(f'<polyline points="{" ".join(place)}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        if number < 5:
            y = 28 + plot_height + below + 12 + 15 * number
            drawn.append(f'<rect x="{left}" y="{y - 8}" width="9" height="9" fill="{colour}"/>')
            label = html.escape(name)[:46] + f" · {short(points[-1][1], unit)}"
            drawn.append(f'<text x="{left + 14}" y="{y}" class="small">{label}</text>')
    return "".join(drawn)


def panel(one: dict) -> tuple[str, bool]:
    place, unit = one["gridPos"], one.get("fieldConfig", {}).get("defaults", {}).get("unit", "")
    x, y = place["x"] * COLUMN, place["y"] * ROW
    width, height = place["w"] * COLUMN - 8, place["h"] * ROW - 8
    title, body, is_whole = html.escape(one["title"]), "", True
    if one["type"] == "row":
        return f'<g transform="translate({x},{y})"><text y="22" class="row">{title}</text></g>', True
    if one["type"] == "stat":
        found = ask("query", query=expanded(one["targets"][0]["expr"]), time=NOW)
        is_whole = bool(found)
        texts = [
            row["metric"]["version"] if "version" in row["metric"] else short(float(row["value"][1]), unit)
            for row in found
        ]
        body = f'<text x="12" y="{height / 2 + 22}" class="big">{", ".join(texts)}</text>'
    else:
        lines = []
        for target in one["targets"]:
            found = ask("query_range", query=expanded(target["expr"]), start=NOW - SECONDS, end=NOW, step=5)
            is_whole &= bool(found) or 'status=~"5.."' in target["expr"]
            for row in found:
                points = [(at, float(value)) for at, value in row["values"] if value not in ("NaN", "+Inf", "-Inf")]
                if points:
                    lines.append((named(target, row["metric"]), points))
        lines.sort(key=lambda line: -line[1][-1][1])
        body = chart(lines, unit, width, height) if lines else f'<text x="12" y="{height / 2}" class="small">none</text>'
    frame = f'<rect width="{width}" height="{height}" fill="white" stroke="#cbd5e1" rx="4"/>'
    text = f'<g transform="translate({x},{y})">{frame}<text x="12" y="18" class="title">{title}</text>{body}</g>'
    return text, is_whole


with open("ops/grafana/heirloom.json", encoding="utf-8") as file:
    dashboard = json.load(file)
panels = [inner for one in dashboard["panels"] for inner in [one, *one.get("panels", [])]]
drawn = [(one["title"], *panel(one)) for one in panels if one["type"] in ("row", "stat", "timeseries")]
height = max((one["gridPos"]["y"] + one["gridPos"]["h"]) * ROW for one in panels) + 8
print(
    '<!doctype html><meta charset="utf-8"><style>body{margin:8px;background:#f1f5f9}text{font-family:sans-serif;'
    "fill:#0f172a;font-size:13px}.small{font-size:11px;fill:#475569}.title{font-weight:600}.row{font-size:16px;"
    "font-weight:600}.big{font-size:30px;font-weight:600;fill:#1d6a50}</style>"
    f'<svg xmlns="http://www.w3.org/2000/svg" width="{24 * COLUMN}" height="{height}">'
    + "".join(text for _, text, _ in drawn)
    + "</svg>"
)
print(height + 16, file=sys.stderr)
missing = [title for title, _, is_whole in drawn if not is_whole]
if missing:
    sys.exit("no numbers for: " + ", ".join(missing))
