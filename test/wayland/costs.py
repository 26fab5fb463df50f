#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a frame costs compositors: the table and the chart with which docs/performance.md begins, of what
wayland-cost --keep=FILE has written.

    costs.py FILE...    print the table of these files

cmake/document_figures.py puts both into the documents, of docs/data/costs.SUITE.jsonl."""
import json
import pathlib
import sys

sys.dont_write_bytecode = True  # the source directory stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "bench"))
import bars

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
    groups = [(name, [(costs[case]["ratio"], case) for case in COLOURS]) for name, costs in found.items()]
    title = "Processor time of a frame, guarded to not guarded (less is better)"
    return bars.svg(title, groups, COLOURS, (0, 1, 2, 3), 225)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.stdout.write(table(read([pathlib.Path(name) for name in sys.argv[1:]])))
