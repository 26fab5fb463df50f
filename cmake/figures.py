#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Figures in documents come from files that programs wrote.

    figures.py SOURCE           tell which documents differ from them
    figures.py SOURCE --write   write the figures into the documents

docs/data/bench.json, by uffd-guard-bench --json: the table of docs/performance.md, and the figures of README.md. Where
that file is not there, README.md's are compared with the table. docs/compositors/matrix.dat, by the target
test-compositors: what README.md says of compositors, and the handlers in docs/compared.md."""
import difflib
import json
import math
import pathlib
import re
import sys
import textwrap

FIGURE = r"[0-9.]+ (?:µs|ns|KiB)"
ROW = rf"^(B[0-9]+[a-z]*) +\S.*?  +({FIGURE}) +({FIGURE}) +.*$"  # of the table
NAMES = {"kwin": "KWin", "mir": "Mir", "weston-pixman": "weston"}  # others are called as their programs are


# ---- As test/bench/bench_report_table.c prints them ----

def time_text(ns):
    if ns < 10000:
        return f"{ns:.0f} ns"
    return f"{ns / 1000:.1f} µs" if ns < 100000 else f"{ns / 1000:.0f} µs"


def value_text(row, value):
    return time_text(value) if row["unit"] == "ns" else f"{value / 1024:.0f} KiB"


def medians(row):
    contenders = {contender["name"]: contender["median"] for contender in row["contenders"]}
    ours = row["contenders"][0]["median"]
    return value_text(row, ours), value_text(row, contenders[row["against"]])


def number(value):
    return "nan" if value is None or math.isnan(value) else f"{value:.3g}"


def line_of(row):
    ours, against = medians(row)
    verdict = "disturbed" if row.get("disturbed") else {"ok": "ok", "miss": "MISS"}[row["verdict"]]
    return (f"{row['id']:<4} {row['title']:<40}{ours:>11}{against:>11}{number(row['ratio']):>8}"
            f"{number(row['target']):>8}{100 * row['spread']:6.1f} %  {verdict}")


# ---- docs/performance.md ----

def with_table(text, rows):
    lines = {row["id"]: line_of(row) for row in rows if row["verdict"] != "n/a"}
    return re.sub(ROW, lambda found: lines.get(found[1], found[0]), text, flags=re.M)


def figures_of(text):
    return {found[1]: (found[2], found[3]) for found in re.finditer(ROW, text, flags=re.M)}


# ---- README.md: the table below the line that names its rows ----

def with_figures(text, figures):
    named = re.search(r"\(rows ((?:B[0-9]+[a-z]*(?:, )?)+)\):\n\n(\|.*\n\|.*\n)((?:\|.*\n)+)", text)
    names, lines = named[1].split(", "), named[3].splitlines()
    if len(names) != len(lines):
        sys.exit(f"README.md names {len(names)} rows, and has {len(lines)}")
    for at, name in enumerate(names):
        what, ours, against = lines[at].strip("| ").split(" | ")
        if name not in figures:
            sys.exit(f"there is no figure of {name}")
        ours, against = figures[name][0], re.sub("^" + FIGURE, figures[name][1], against)
        lines[at] = f"| {what} | {ours} | {against} |"
    return text[:named.start(3)] + "\n".join(lines) + "\n" + text[named.end(3):]


# ---- README.md: compositors that were attacked ----

def sentence_of(suite, cells):
    programs = sorted({(NAMES.get(cell[1], cell[1]), cell[2]) for cell in cells}, key=lambda p: p[0].lower())
    deaths = {}
    for side in ("plain", "guarded"):
        outcomes = [cell[6] for cell in cells if cell[3] == side]
        deaths[side] = f"{sum(o.startswith(('SIG', 'exit')) for o in outcomes)} of {len(outcomes)}"
    listed = ", ".join(f"{name} {release}" for name, release in programs[:-1])
    listed += f" and {programs[-1][0]} {programs[-1][1]}" if listed else f"{programs[0][0]} {programs[0][1]}"
    return (f"Attacks on compositors of Debian {suite}: {deaths['plain']} killed the compositor as it is, {deaths['guarded']} "
            f"the guarded one ({listed}; [attack by attack](docs/compositors/matrix.txt)).")


def with_compositors(text, cells):
    suites = list(dict.fromkeys(cell[0] for cell in cells))
    sentences = " ".join(sentence_of(suite, [c for c in cells if c[0] == suite]) for suite in suites)
    unbroken = re.sub(r"\[[^]]*\]", lambda link: link[0].replace(" ", "\0"), sentences)
    paragraph = textwrap.fill(unbroken, 120, break_long_words=False, break_on_hyphens=False).replace("\0", " ")
    pattern = r"^Attacks on compositors of Debian (?:.+\n)+?(?=\n)"
    if not re.search(pattern, text, flags=re.M):
        sys.exit("README.md has no paragraph \"Attacks on compositors of Debian\"")
    return re.sub(pattern, lambda _: paragraph + "\n", text, count=1, flags=re.M)


# ---- docs/compared.md: handlers of real compositors ----

HANDLERS = {"wlroots": ("cage", "labwc", "phoc", "sway", "wayfire"), "KWin": ("kwin",), "Mir": ("mir",),
            "libwayland": ("mutter", "weston-pixman")}
ATTACKS = ("short", "zero", "regrow", "storm", "grow-beyond", "capture-short", "destroy-shrink", "keymap")


def fate(cells):
    outcomes = [cell[6] for cell in cells]
    n_deaths = sum(outcome.startswith(("SIG", "exit")) for outcome in outcomes)
    n_told = sum(outcome not in ("kept", "died") for outcome in outcomes) - n_deaths
    for word, n in (("**dies**", n_deaths), ("told", n_told)):
        if n:
            return word if n == len(outcomes) else f"{word} {n} of {len(outcomes)}"
    return "lives" if outcomes else "-"


def with_handlers(text, cells):
    lines = [f"| attack | {' | '.join(HANDLERS)} | any, guarded |", "|---" * (len(HANDLERS) + 2) + "|"]
    for attack in ATTACKS:
        plain = [cell for cell in cells if cell[3] == "plain" and cell[4] == attack]
        fates = [fate([cell for cell in plain if cell[1] in names]) for names in HANDLERS.values()]
        fates.append(fate([cell for cell in cells if cell[3] == "guarded" and cell[4] == attack]))
        lines.append(f"| `{attack}` | {' | '.join(fates)} |")
    changed, n = re.subn(r"^\| attack \|.*\n(?:\|.*\n)+", lambda _: "\n".join(lines) + "\n", text, flags=re.M)
    if n != 1:
        sys.exit("docs/compared.md has no table of attacks")
    return changed


def main(source, write):
    readme, performance, compared = source / "README.md", source / "docs/performance.md", source / "docs/compared.md"
    before = {path: path.read_text() for path in (readme, performance, compared)}
    after = dict(before)
    measured = source / "docs/data/bench.json"
    if measured.exists():
        after[performance] = with_table(before[performance], json.loads(measured.read_text())["rows"])
    after[readme] = with_figures(before[readme], figures_of(after[performance]))
    data = (source / "docs/compositors/matrix.dat").read_text().splitlines()
    cells = [line.split() for line in data if line and not line.startswith("#")]
    after[readme] = with_compositors(after[readme], cells)
    after[compared] = with_handlers(before[compared], cells)
    status = 0
    for path, text in after.items():
        if write:
            path.write_text(text)
        elif text != before[path]:
            status = 1
            print(f"{path.relative_to(source)} is not what was measured: cmake/figures.py . --write")
            print(*difflib.unified_diff(before[path].splitlines(), text.splitlines(), n=0, lineterm=""), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "--write" in sys.argv[2:]))
