#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Figures in documents come from files that programs wrote.

    document_figures.py SOURCE           tell which documents differ from them
    document_figures.py SOURCE --write   write the figures into the documents

docs/performance.md has the tables that test/bench/figures.py makes of docs/data/{free,one,busy,clients,growth}.json, and
that test/wayland/costs.py makes of costs.*.jsonl, where these are there; README.md has some of its figures. What README.md
says of compositors, and docs/compared.md of their handlers, is in docs/compositors/matrix.dat, by the target
test-compositors."""
import difflib
import importlib.util
import json
import pathlib
import re
import sys
import textwrap

sys.dont_write_bytecode = True  # the source directory stays as it is

FIGURE = r"[0-9.]+ (?:µs|ns|KiB|x)"
ROW = rf"^(B[0-9]+[a-z]*) +\S.*? +({FIGURE}) +({FIGURE}) "  # of the table
NAMES = {"kwin": "KWin", "mir": "Mir", "weston-pixman": "weston"}  # others are called as their programs are


# ---- docs/performance.md ----

def module_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def figures_module(source):
    return module_of(source / "test/bench/figures.py")


def measured(source):
    """What was measured, or None where no data is kept."""
    columns = {name: source / f"docs/data/{name}.json" for name in ("free", "one", "busy")}
    if not all(path.exists() for path in columns.values()):
        return None
    return {name: json.loads(path.read_text()) for name, path in columns.items()}


def measured_table(source):
    found = measured(source)
    return figures_module(source).table(found) if found else None


def with_other_tables(text, source):
    bench = figures_module(source)
    for name in bench.OTHER_RUNS:
        path = source / f"docs/data/{name}.json"
        if path.exists():
            text = bench.with_other_table(text, name, json.loads(path.read_text()))
    return text


def with_table(text, table):
    pattern = r"(?<=```\n) +what / against what.*\n(?:.+\n)+?(?=```)"
    return re.sub(pattern, lambda _: table, text, count=1) if table else text


# ---- docs/performance.md: what a frame costs compositors ----

def with_costs(text, source):
    """The text, and the chart; None where nothing is kept."""
    paths = sorted((source / "docs/data").glob("costs.*.jsonl"))
    if not paths:
        return text, None
    costs = module_of(source / "test/wayland/costs.py")
    found = costs.read(paths)
    before, rest = text.split(costs.BEGIN)
    after = rest.split(costs.END)[1]
    return before + costs.BEGIN + costs.table(found) + costs.END + after, costs.chart(found)


def figures_of(text):
    return {found[1]: (found[2], found[3]) for found in re.finditer(ROW, text, flags=re.M)}


# ---- README.md: the table below the command that measures its rows ----

def with_figures(text, figures):
    named = re.search(r"--filter ((?:B[0-9]+[a-z]*,?)+)`:\n\n(\|.*\n\|.*\n)((?:\|.*\n)+)", text)
    names, lines = named[1].split(","), named[3].splitlines()
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
    chart, costs_chart = source / "docs/performance/processors.svg", source / "docs/performance/compositors.svg"
    paths = (readme, performance, compared, chart, costs_chart)
    before = {path: path.read_text() if path.exists() else "" for path in paths}
    after = dict(before)
    after[performance] = with_other_tables(with_table(before[performance], measured_table(source)), source)
    after[performance], drawn = with_costs(after[performance], source)
    after[costs_chart] = drawn or before[costs_chart]
    found = measured(source)
    after[chart] = figures_module(source).chart(found) if found else before[chart]
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
            print(f"{path.relative_to(source)} is not what was measured: cmake/document_figures.py . --write")
            print(*difflib.unified_diff(before[path].splitlines(), text.splitlines(), n=0, lineterm=""), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "--write" in sys.argv[2:]))
