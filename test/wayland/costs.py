#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a frame costs compositors: the table and the chart with which docs/performance.md begins, of what
wayland-cost --keep=FILE has written.

    costs.py FILE...    print the table of these files

cmake/document_figures.py puts both into the documents, of docs/data/costs.SUITE.jsonl."""
import json
import pathlib
import sys

BEGIN, END = "<!-- costs.py: begin -->\n", "<!-- costs.py: end -->\n"
NAMES = {"weston-pixman": "weston, pixman", "weston-gl": "weston, GL", "kwin": "KWin"}
RELEASES = {"bookworm": "Debian 12", "trixie": "Debian 13"}
COLOURS = {("direct", False): ("#5e2ca5", "sealed, little new"), ("lazy", False): ("#d07a00", "copied, little new"),
           ("lazy", True): ("#555555", "copied, all new")}


def read(paths):
    """Of each compositor of each release, what its largest frame costs, by (mode, whether all is new)."""
    found = {}
    for path in paths:
        release = path.name.split(".")[-2]
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        largest = {}
        for row in rows:
            largest[row["compositor"]] = max(row["width"], largest.get(row["compositor"], 0))
        for row in rows:
            if row["width"] == largest[row["compositor"]]:
                name = f"{NAMES.get(row['compositor'], row['compositor'])} ({RELEASES.get(release, release)})"
                found.setdefault(name, {})[row["mode"], row["damage"] == 100] = row
    return found


def cells(costs, is_all):
    sealed, copied = costs["direct", is_all], costs["lazy", is_all]
    more = (copied["guarded_us"] - copied["plain_us"]) / 1000
    return [f"{copied['plain_us'] / 1000:.2f} ms", f"{sealed['ratio']:.2f} x", f"{copied['ratio']:.2f} x, {more:+.1f} ms"]


def size(costs):
    return "{width}x{height}".format(**costs["lazy", True])


def table(found):
    little = sorted({costs["lazy", False]["damage"] for costs in found.values()})
    share = " or ".join(map(str, little)) + " % new"
    lines = [f"| compositor | frame | {share} | sealed | copied | all new | sealed | copied |", "|---" * 8 + "|"]
    lines += [f"| {' | '.join([name, size(costs)] + cells(costs, False) + cells(costs, True))} |"
              for name, costs in found.items()]
    return "\n".join(lines) + "\n"


def chart(found):
    """An SVG of the ratios, guarded to not."""
    x0, x1, most, height, y = 225, 740, 3.0, 13, 56
    def x(ratio):
        return x0 + min(ratio, most) / most * (x1 - x0)
    parts = ['<text x="20" y="30" font-size="17">Processor time of a frame, guarded to not guarded (less is better)</text>']
    for name, costs in found.items():
        parts.append(f'<text x="20" y="{y + 25}">{name}</text>')
        for case, (colour, _) in COLOURS.items():
            ratio = costs[case]["ratio"]
            parts.append(f'<rect x="{x0}" y="{y}" width="{x(ratio) - x0:.0f}" height="{height}" fill="{colour}"/>'
                         f'<text x="{x(ratio) + 4:.0f}" y="{y + 11}" font-size="12">{ratio:.2f}</text>')
            y += height + 1
        y += 12
    for tick in (0, 1, 2, 3):
        parts.insert(0, f'<line x1="{x(tick):.0f}" y1="46" x2="{x(tick):.0f}" y2="{y}" stroke="#{"888" if tick == 1 else "ddd"}"/>')
        parts.append(f'<text x="{x(tick):.0f}" y="{y + 16}" text-anchor="middle" font-size="12">{tick}</text>')
    for i, (colour, title) in enumerate(COLOURS.values()):
        parts.append(f'<rect x="{20 + 200 * i}" y="{y + 32}" width="14" height="14" fill="{colour}"/>'
                     f'<text x="{40 + 200 * i}" y="{y + 44}">{title}</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="800" height="{y + 60}" font-family="sans-serif" '
            'font-size="14">\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.stdout.write(table(read([pathlib.Path(name) for name in sys.argv[1:]])))
