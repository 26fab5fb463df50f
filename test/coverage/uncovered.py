#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which code of the core no test runs, compared with uncovered.txt, which says why.

  uncovered.py SOURCE-DIRECTORY BUILD-DIRECTORY

The build is that of cmake/coverage.cmake, after its tests. A row of uncovered.txt is about a stretch of code: the line
that it quotes, in the function that it names, and what follows up to the next line that is run. A reason that begins
with "by chance" is of code that is run in some rounds only.

Prints stretches without a row, and rows without a stretch; exits with 1 if there are any.
"""
import collections, json, os, re, subprocess, sys

HERE = os.path.dirname(os.path.abspath(__file__))
CORE = re.compile(r'(daemon|lib/(base|kernel|file|state|pages|calls))/[^/]*$')


def find_counts(build):
    for directory, _, names in os.walk(build):
        yield from ((directory, name) for name in sorted(names) if name.endswith('.gcda'))


def read_lines(source, build):
    """Of each file of the core: number of a line -> how often it ran, and its function."""
    files = collections.defaultdict(dict)
    for directory, name in find_counts(build):
        text = subprocess.run(['gcov', '--json-format', '--stdout', name], cwd=directory, check=True,
                              capture_output=True, text=True).stdout
        for answer in map(json.loads, text.splitlines()):
            for file in answer['files']:
                path = os.path.join(answer['current_working_directory'], file['file'])
                path = os.path.relpath(os.path.normpath(path), source)
                if not CORE.match(path):
                    continue
                for line in file['lines']:
                    count, function = files[path].get(line['line_number'], (0, ''))
                    files[path][line['line_number']] = (count + line['count'],
                                                        function or line.get('function_name', ''))
    return files


def find_stretches(source, files):
    """(file, function, code) -> the numbers of its lines, of all that are alike; and these three of each line."""
    stretches, idle = collections.defaultdict(list), set()
    for path, lines in sorted(files.items()):
        with open(os.path.join(source, path), encoding='utf-8') as f:
            code = f.read().split('\n')
        key = None
        for number, (count, function) in sorted(lines.items()):
            if count > 0:
                key = None
                continue
            here = (path, function, code[number - 1].strip())
            if key is None or key[1] != function:
                key = here
            stretches[key].append(number)
            idle.add(here)
    return stretches, idle


def read_known():
    known = {}
    with open(os.path.join(HERE, 'uncovered.txt'), encoding='utf-8') as f:
        for row in f:
            if row.strip() and not row.startswith('#'):
                path, function, code, reason = row.strip().split(' ;; ')
                known[(path, function, code)] = reason
    return known


def main():
    source, build = map(os.path.abspath, sys.argv[1:3])
    files = read_lines(source, build)
    stretches, idle = find_stretches(source, files)
    known = read_known()
    new = [key for key in stretches if key not in known]
    stale = [key for key in known if key not in idle and not known[key].startswith('by chance')]
    for key in new:
        print(f'{key[0]}:{stretches[key][0]}: no test runs this, and no row says why: {" ;; ".join(key)} ;; ')
    for key in stale:
        print(f'uncovered.txt: this is run, or gone: {" ;; ".join(key)}')
    n_all, n_idle = sum(map(len, files.values())), sum(map(len, stretches.values()))
    n_known = sum(len(numbers) for key, numbers in stretches.items() if key in known)
    print(f'of {n_all} lines of the core {n_idle} are not run; {n_known} of these have a reason, in {len(known)} rows')
    return 1 if new or stale else 0


if __name__ == '__main__':
    sys.exit(main())
