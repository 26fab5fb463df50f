#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All figures of docs/performance.md in one go: runs uffd-guard-bench three times (both processors free, one of them
allowed, another program busy), prints one table of them, and with --write keeps them in docs/data and puts the table into
the documents; cmake/document_figures.py compares these with the data.

  figures.py BENCH SOURCE-DIRECTORY [--write] [--from DIR] [--keep DIR] [--seconds N]

--from takes the results of a run before, which --keep has left in a directory as free.json, one.json and busy.json.
--seconds is for the first run (100), the others get four fifths of it. The run of many clients takes 16, and that of
growing work 30: some eight minutes together."""
import argparse
import json
import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True  # the source directory stays as it is
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import bars

COLUMNS = ("free", "one", "busy")
ROWS = "B1,B2,B3,B3a,B4,B4u,B4w,B4m,B5,B5r,B6,B7,B7x,B8,B9,B9p,B10,B11,B12"
OTHER_RUNS = {"clients": 16, "growth": 30}  # seconds
PROCESSORS = (1, 2, 4, 16)
BEGIN, END = "<!-- figures.py: begin -->\n", "<!-- figures.py: end -->\n"
OTHERS = ("README.md", "docs/adopting.md", "docs/compared.md")


def measure(bench, column, seconds, rows=ROWS):
    print(f"measuring: {column}, about {seconds} s", file=sys.stderr)
    command = [bench, "--json", "--beside", column, "--seconds", str(seconds), "--filter", rows]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout)


def keep(directory, column, result):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"{column}.json").write_text(json.dumps(result, indent=1) + "\n")


def results(arguments):
    found = {}
    for column in COLUMNS:
        if arguments.results:
            found[column] = json.loads((arguments.results / f"{column}.json").read_text())
            continue
        seconds = arguments.seconds if column == "free" else arguments.seconds * 4 // 5
        found[column] = measure(arguments.bench, column, max(seconds, 1))
        if arguments.keep:
            keep(arguments.keep, column, found[column])
    return found


def result_of(arguments, name):
    """Of another run, or None."""
    if arguments.results:
        path = arguments.results / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None
    found = measure(arguments.bench, "free", OTHER_RUNS[name], name)
    if arguments.keep:
        keep(arguments.keep, name, found)
    return found


def value(unit, number):
    """As uffd-guard-bench prints it."""
    if number is None:
        return "n/a"
    if unit == "bytes":
        return f"{number / 1024:.0f} KiB"
    if unit == "times":
        return f"{number:.2f} x"
    if number < 10000:
        return f"{number:.0f} ns"
    return f"{number / 1000:.1f} µs" if number < 100000 else f"{number / 1000:.0f} µs"


def ratio(row):
    if row is None or row["ratio"] is None:
        return "n/a "
    mark = "~" if row["disturbed"] else " " if row["verdict"] == "ok" else "!"
    digits = 3 if row["ratio"] >= 0.01 else 1
    return f"{row['ratio']:.{digits}g}{mark}"


def medians(row):
    """Of ours and of the one that it is compared with, as texts."""
    named = {contender["name"]: contender for contender in row["contenders"]}
    pair = (row["contenders"][0], named[row["against"]]) if row["contenders"] else ({}, {})
    return [value(row["unit"], contender.get("median")) for contender in pair]


def line(row, one, busy):
    ours, against = medians(row)
    spread = "n/a" if row["spread"] is None else f"{100 * row['spread']:.1f} %"
    there = f"{one['target']:.3g}" if one else ""
    return (f"{row['id']:<5}{row['title']:<41}{ours:>10}{against:>10} {ratio(row):>8}{row['target']:>7.3g}{spread:>8}"
            f" {ratio(one):>8} {ratio(busy):>8}{there:>7}").rstrip() + "\n"


def table(found):
    rows = {column: {row["id"]: row for row in found[column]["rows"]} for column in COLUMNS}
    text = (f"{'':<5}{'what / against what':<41}{'ours':>10}{'against':>10}{'ratio':>8} {'target':>7}{'spread':>8}"
            f"{'one':>8} {'busy':>8}{'target':>8}\n")
    for name, row in rows["free"].items():
        text += line(row, rows["one"].get(name), rows["busy"].get(name))
    return text


def rate(items, name, n_processors):
    """A second, and whether it was measured. Beyond what was measured: k processors do k / (1 + s (k - 1)) times what one
    does, with the s of the largest k that was measured; but not less than fewer do."""
    known = {item["threads"]: 1e9 / item[name] for item in items if item[name]}
    if n_processors in known:
        return known[n_processors], True
    most = max(known)
    if most == 1:
        return known[1], False
    s = max((most * known[1] / known[most] - 1) / (most - 1), 0)
    return max(known[1] * n_processors / (1 + s * (n_processors - 1)), known[most]), False


def count(number):
    return f"{float(f'{number:.3g}'):,.0f}"


def clients_lines(found, name, title, scales):
    clients = sorted({item["clients"] for item in found})
    text = ""
    for n_processors in PROCESSORS:
        cells = []
        for n_clients in clients:
            items = [item for item in found if item["clients"] == n_clients]
            known = max(item["threads"] for item in items if item[name])
            wanted = n_processors if scales and n_clients > 1 else min(n_processors, known) if n_clients > 1 else 1
            number, is_measured = rate(items, name, wanted)
            is_measured = is_measured and wanted == n_processors
            cells.append(count(number) + (" " if is_measured else "*"))
        text += f"{title:<40}{n_processors:>3}  " + "".join(f"{cell:>14}" for cell in cells) + "\n"
        title = ""
    return text


def clients_table(result):
    found = [item for item in result["clients"] if item["commit"]]
    single = {item["clients"]: item for item in found if item["threads"] == 1}
    text = f"{'clients':<45}" + "".join(f"{n:>13,} " for n in sorted(single)) + "\n"
    text += clients_lines(found, "commit", "commits a second, on processors", True)
    text += clients_lines(found, "fault", "first looks a second, one handler", False)
    rows = (("processor time of a commit", lambda n, item: value("ns", item["commit_cpu"])),
            ("processors, at 60 commits a second each", lambda n, item: f"{n * 60 * item['commit_cpu'] / 1e9:.2g}"),
            ("memory for a client that does nothing", lambda n, item: f"{item['bytes']:.0f} B" if item["bytes"] else "-"))
    for title, cell in rows:
        text += f"{title:<45}" + "".join(f"{cell(n, single[n]):>13} " for n in sorted(single)).rstrip() + "\n"
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def growth_table(result):
    text = f"{'':<43}{'from n to n':<22}{'first':>9}{'last':>11}{'slope':>8}{'expected':>10}\n"
    for row in result["growth"]:
        (first, first_ns), (last, last_ns) = row["points"][0], row["points"][-1]
        text += (f"{row['title']:<43}{f'{first} to {last} ' + row['unit']:<22}{value('ns', first_ns):>9}"
                 f"{value('ns', last_ns):>11}{row['exponent'] + 0:>8.2f}{row['expected']:>10}"
                 f"{'' if row['verdict'] == 'ok' else ' !'}\n")
    return text


OTHER_TABLES = {"clients": clients_table, "growth": growth_table}


def with_other_table(text, name, result):
    """The text of docs/performance.md with the table of another run in its place."""
    begin, end = BEGIN.replace("begin", f"{name} begin"), END.replace("end", f"{name} end")
    before, rest = text.split(begin)
    return before + begin + "```\n" + OTHER_TABLES[name](result) + "```\n" + end + rest.split(end)[1]


def read_old(text):
    """Of each row of the old table, its two medians."""
    number = r"([\d.]+ (?:µs|ns|ms|KiB|x))"
    found = re.finditer(rf"^(B\w+) .*? {number} +{number} ", text, re.MULTILINE)
    return {match[1]: (match[2], match[3]) for match in found}


def rewrite_others(source, before, found):
    """Other documents copy times and sizes from the table."""
    after = {row["id"]: medians(row) for row in found["free"]["rows"]}
    changes = {}
    for name, pair in before.items():
        for old, new in zip(pair, after.get(name, pair)):
            changes.setdefault(old, set()).add(new)
    for document in OTHERS:
        text = (source / document).read_text()
        for old in re.findall(r"(?<= )[\d.,]+ (?:µs|ns|ms)(?=[^a-z])", text):
            if len(changes.get(old, ())) != 1:
                print(f"{document}: {old}: look yourself which row that is", file=sys.stderr)
        def change(match):
            new = changes.get(match[0], ())
            return next(iter(new)) if len(new) == 1 else match[0]
        (source / document).write_text(re.sub(r"(?<= )[\d.,]+ (?:µs|ns|ms|KiB)(?=[^a-z])", change, text))


CHARTED = ("B1", "B2", "B3", "B4", "B4u", "B4w", "B5r")
COLOURS = {"free": ("#5e2ca5", "two processors, with the copier"), "one": ("#d07a00", "one processor, no copier"),
           "busy": ("#555555", "two processors, another program busy")}


def chart(found):
    """An SVG of the rows that the copier shares: their ratios, by processors."""
    rows = {column: {row["id"]: row for row in found[column]["rows"]} for column in COLUMNS}
    groups = []
    for name in CHARTED:
        if name in rows["free"]:
            values = [(rows[column][name]["ratio"], column) for column in COLUMNS if name in rows[column]]
            label = f'{name} {rows["free"][name]["title"].split(" / ")[0]}'
            groups.append((label, [pair for pair in values if pair[0] is not None]))
    title = "Ratio to a peer without a guard, by processors (less is better)"
    return bars.svg(title, groups, COLOURS, (0, 0.5, 1, 1.5, 2), 250)


def write_other(source, name, result):
    document = source / "docs/performance.md"
    document.write_text(with_other_table(document.read_text(), name, result))
    keep(source / "docs/data", name, result)


def write(source, found):
    document = source / "docs/performance.md"
    text = document.read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    document.write_text(before + BEGIN + "```\n" + table(found) + "```\n" + END + after)
    for column in COLUMNS:
        keep(source / "docs/data", column, found[column])
    (source / "docs/performance/processors.svg").write_text(chart(found))
    rewrite_others(source, read_old(old), found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench")
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--from", dest="results", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=100)
    arguments = parser.parse_args()
    found = results(arguments)
    others = {name: result_of(arguments, name) for name in OTHER_RUNS}
    if any(found[column]["interrupted"] for column in COLUMNS):
        sys.exit("a run was interrupted")
    sys.stdout.write(table(found))
    print("\n! above its target   ~ the machine was disturbed: measure again")
    for name, result in others.items():
        if result:
            sys.stdout.write("\n" + OTHER_TABLES[name](result))
    print("\n* by the model, from what was measured")
    if arguments.write:
        write(arguments.source, found)
        for name, result in others.items():
            if result:
                write_other(arguments.source, name, result)


if __name__ == "__main__":
    main()
