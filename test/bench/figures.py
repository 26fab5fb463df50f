#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All figures of docs/performance.md in one go: runs uffd-guard-bench three times (both processors free, one of them
allowed, another program busy), prints one table of them, and with --write keeps them in docs/data and puts the table into
the documents; cmake/document_figures.py compares these with the data.

  figures.py BENCH SOURCE-DIRECTORY [--write] [--from DIR] [--keep DIR] [--seconds N]

--from takes the results of a run before, which --keep has left in a directory as free.json, one.json and busy.json.
--seconds is for the first run (100), the others get four fifths of it: less than eight minutes together."""
import argparse
import json
import pathlib
import re
import subprocess
import sys

COLUMNS = ("free", "one", "busy")
ROWS = "B1,B2,B3,B3a,B4,B4u,B4w,B4m,B5,B5r,B6,B7,B7x,B8,B9,B10,B11,B12"
BEGIN, END = "<!-- figures.py: begin -->\n", "<!-- figures.py: end -->\n"
OTHERS = ("README.md", "docs/adopting.md", "docs/compared.md")


def measure(bench, column, seconds):
    print(f"measuring: {column}, about {seconds} s", file=sys.stderr)
    command = [bench, "--json", "--beside", column, "--seconds", str(seconds), "--filter", ROWS]
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


def read_old(text):
    """Of each row of the old table, its two medians."""
    number = r"([\d.]+ (?:µs|ns|ms|KiB|x))"
    found = re.finditer(rf"^(B\w+) .*? {number} +{number} ", text, re.MULTILINE)
    return {match[1]: (match[2], match[3]) for match in found}


def rewrite_others(source, before, found):
    """Other documents copy times from the table."""
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
        (source / document).write_text(re.sub(r"(?<= )[\d.,]+ (?:µs|ns|ms)(?=[^a-z])", change, text))


def write(source, found):
    document = source / "docs/performance.md"
    text = document.read_text()
    before, rest = text.split(BEGIN)
    old, after = rest.split(END)
    document.write_text(before + BEGIN + "```\n" + table(found) + "```\n" + END + after)
    for column in COLUMNS:
        keep(source / "docs/data", column, found[column])
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
    if any(found[column]["interrupted"] for column in COLUMNS):
        sys.exit("a run was interrupted")
    sys.stdout.write(table(found))
    print("\n! above its target   ~ the machine was disturbed: measure again")
    if arguments.write:
        write(arguments.source, found)


if __name__ == "__main__":
    main()
