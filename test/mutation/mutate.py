#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Mutation testing: changes one thing in the code at a time, and sees whether a test notices.

  mutate.py [--list] [--concurrent] [--minutes N] [--sample N [--seed N]] [--patience N]
            SOURCE-DIRECTORY WORK-DIRECTORY [FILE...]

FILE is a source file of lib/ or daemon/, or a directory of such; the default is FIRST, below. The work directory gets
a copy of the sources, a build of it, and results.jsonl. The next run goes on from there: it tries again what survived,
and what has changed. Tests are the rows of tests.txt; the first that fails kills the mutant. A mutant that compiles to
the same object is none. What survives must stand in survivors.txt with its reason.

With --concurrent, only what no single thread can notice: a lock, an epoch or a wait left out, an atomic step made of
two, another memory order. The default is then all files of the core.

Exits with 1 if anything else survived, or if a row of survivors.txt is about a mutant that was killed.
"""
import argparse, ctypes, filecmp, fnmatch, hashlib, json, os, random, re, shutil, signal, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
FIRST = ['lib/base/epoch.c', 'lib/base/range_table.c', 'lib/state/events.c', 'lib/pages/window.c', 'lib/base/presence.c',
         'lib/pages/install.c', 'lib/pages/fill.c']

# With --concurrent: the rooms of the core.
ROOMS = ['lib/base', 'lib/kernel', 'lib/file', 'lib/state', 'lib/pages', 'lib/calls', 'daemon']

# ---- What is changed ----

SWAPS = [ # kind, pattern, in its place
    ('compare', r'(?<![<>=!\-+*/&|^])<(?![<=])', ['<=', '>=']),
    ('compare', r'<=(?!=)', ['<', '>']),
    ('compare', r'(?<![<>=!\-])>(?![>=])', ['>=', '<=']),
    ('compare', r'(?<![<>])>=', ['>', '<']),
    ('compare', r'==', ['!=']),
    ('compare', r'!=', ['==']),
    ('logic', r'&&', ['||']),
    ('logic', r'\|\|', ['&&']),
    ('arithmetic', r'(?<=[\w)\]]) \+ (?=[\w(])', [' - ']),
    ('arithmetic', r'(?<=[\w)\]]) - (?=[\w(])', [' + ']),
    ('one off', r'\+ 1\b', ['+ 0', '+ 2']),
    ('one off', r'- 1\b', ['- 0']),
    ('rounding', r'\bmin_u64\(', ['max_u64(']),
    ('rounding', r'\bmax_u64\(', ['min_u64(']),
    ('rounding', r'\bpage_ceil\(', ['page_floor(']),
    ('rounding', r'\bpage_floor\(', ['page_ceil(']),
    ('truth', r'\btrue\b', ['false']),
    ('truth', r'\bfalse\b', ['true']),
    ('atomicity', r'\batomic_(fetch_(?:or|and|add|sub)|exchange)\(', [r'in_two_steps_\1(']),
    ('atomicity', r'\batomic_compare_exchange_(?:weak|strong)\(', ['in_two_steps_compare_exchange(']),
    ('order', r'\bmemory_order_(?:release|acquire|seq_cst|acq_rel)\b', ['memory_order_relaxed']),
    ('errno', r'-E(?:AGAIN|NOENT|EXIST|FAULT|NOMEM|TIMEDOUT|EPERM|INVAL|RANGE|CHILD|OPNOTSUPP|IO|OVERFLOW)\b',
     ['-EDOM']),
    ('flag', r' \| [A-Z][A-Z0-9_]+\b', ['']),
]

CONCURRENT = ('pair', 'atomicity', 'order')
WAITS_AND_WAKES = re.compile(r'(epoch_synchronize|futex_wait|futex_wait_until|futex_wake)\(')

NO_STATEMENT = re.compile(r'\s*(return|goto|break|continue|case|default|else|if|for|while|do|struct|const|static|size_t|'
                          r'int|u?int\d+_t|bool|char|void|enum|unsigned|volatile|check\(|PROBE_)')


def blank_comments_and_strings(text):
    """Of the same length, so that places stay."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text, flags=re.S)


def bodies(lines):
    """First line and end of each function's body: '{' and '}' in the first column."""
    start = None
    for i, line in enumerate(lines):
        if line == '{':
            start = i + 1
        elif line.startswith('}') and start is not None:
            yield start, i
            start = None


def join_statement(lines, i):
    """The statement that begins in line i, and how many lines it has; or None."""
    if NO_STATEMENT.match(lines[i]) or not re.match(r'\t+[^\t ]', lines[i]):
        return None
    if i > 0 and not re.search(r'([;{}:)]|else|^)\s*$', lines[i - 1]):
        return None # the middle of one
    for n in range(1, 5):
        text = ' '.join(line.strip() for line in lines[i:i + n])
        if text.endswith(';') and text.count('(') == text.count(')'):
            is_one = text.count(';') == 1 and '{' not in text
            is_declaration = re.match(r'[a-z_]+ \*?[a-z_]+( =|;|\[)', text)
            return (text, n) if is_one and not is_declaration and re.search(r'\(|=|\+\+|--', text) else None
    return None


class File:
    def __init__(self, source, name):
        self.name = name
        with open(os.path.join(source, name), encoding='utf-8') as f:
            self.text = f.read()
        self.lines = self.text.split('\n')
        self.code = blank_comments_and_strings(self.text).split('\n')
        self.bodies = list(bodies(self.code))
        self.mutants = []

    def add(self, kind, i, new, edits=None, old=None):
        edits = edits or [[i, new]]
        # Changes elsewhere in the file are no matter.
        start, end = next(((a, b) for a, b in self.bodies if a <= i < b), (i, i + 1))
        place = [self.name, self.code[start:end], [[k - start, text] for k, text in edits]]
        digest = hashlib.sha1(json.dumps(place).encode()).hexdigest()[:12]
        self.mutants.append({'id': digest, 'file': self.name, 'line': i + 1, 'kind': kind,
                             'old': old or self.lines[i].strip(), 'new': new.strip(), 'edits': edits})

    def add_swaps(self, i):
        if re.match(r'\s*(check\(|PROBE_)', self.code[i]):
            return # a contract; a place to look in from outside
        for kind, pattern, news in SWAPS:
            for m in re.finditer(pattern, self.code[i]):
                for new in news:
                    self.add(kind, i, self.lines[i][:m.start()] + m.expand(new) + self.lines[i][m.end():])

    def add_dropped(self, i):
        found = join_statement(self.code, i)
        if found:
            text, n = found
            new = 'err = 0;' if text.startswith('err = ') else ';'
            self.add('dropped', i, new, [[i, new]] + [[k, ''] for k in range(i + 1, i + n)],
                     ' '.join(line.strip() for line in self.lines[i:i + n]))

    def add_conditions(self, i):
        m = re.match(r'^(\s*(?:\} )?(?:else )?(if|while)) \((.*)\)( \{)?$', self.code[i])
        if not m or m.group(3).count('(') != m.group(3).count(')'):
            return
        condition, tail = self.lines[i][m.start(3):m.end(3)], m.group(4) or ''
        self.add('condition', i, f'{m.group(1)} (!({condition})){tail}')
        if m.group(2) == 'if':
            self.add('condition', i, f'{m.group(1)} (0 && ({condition})){tail}')
            self.add('condition', i, f'{m.group(1)} (1 || ({condition})){tail}')

    def add_returns(self, i):
        m = re.match(r'^(\s*)return (.+);$', self.code[i])
        if m and m.group(2) == '0':
            self.add('answer', i, m.group(1) + 'return -5;')
        elif m and m.group(2) != 'NULL' and 'struct' not in m.group(2):
            self.add('answer', i, m.group(1) + 'return 0;')

    def add_constant(self, i):
        m = re.match(r'#define (\w+)\s+([^(].*\d.*|\(.*\d.*\))$', self.code[i].rstrip())
        if m:
            for change in ('* 2', '/ 2'):
                self.add('constant', i, f'#define {m.group(1)} (({m.group(2).strip()}) {change})')

    def add_pairs(self, start, end):
        """A lock that is neither taken nor given; an epoch that is neither entered nor left."""
        for i in range(start, end):
            m = re.match(r'^\s*(pthread_mutex_lock|lock_take|change_begin)(\(.*\));', self.code[i])
            if m:
                undo = {'pthread_mutex_lock': 'pthread_mutex_unlock', 'lock_take': 'lock_give',
                        'change_begin': 'change_end'}[m.group(1)] + m.group(2)
                others = [k for k in range(i + 1, end) if undo in self.code[k]]
                new = ''
            else:
                m = re.search(r'= epoch_enter\(.*\);', self.code[i])
                others = [k for k in range(i + 1, end) if m and 'epoch_leave(' in self.code[k]]
                new = m and self.lines[i][:m.start()] + '= 0;'
            if m and others:
                self.add('pair', i, '(neither this nor its end)', [[i, new]] + [[k, ';'] for k in others])

    def find_mutants(self):
        inside = set()
        for start, end in self.bodies:
            inside.update(range(start, end))
            self.add_pairs(start, end)
        for i in range(len(self.code)):
            if i not in inside:
                self.add_constant(i)
                continue
            self.add_swaps(i)
            self.add_dropped(i)
            self.add_conditions(i)
            self.add_returns(i)
        unique = {m['id']: m for m in self.mutants}
        return sorted(unique.values(), key=lambda m: (m['line'], m['kind']))


def is_concurrent(mutant):
    return mutant['kind'] in CONCURRENT or mutant['kind'] == 'dropped' and WAITS_AND_WAKES.match(mutant['old'])


# ---- Running ----

def become_reaper():
    """What a killed test leaves behind becomes ours, to be ended too."""
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children():
    while True:
        with open(f'/proc/self/task/{os.getpid()}/children', encoding='ascii') as f:
            children = [int(pid) for pid in f.read().split()]
        if not children:
            return
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def run(command, directory, seconds):
    """The exit status and the output; None: not in time."""
    with open(os.path.join(directory, 'mutation.log'), 'w+', errors='replace', encoding='utf-8') as log:
        process = subprocess.Popen(command, cwd=directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                   start_new_session=True, env=dict(os.environ, CK_VERBOSITY='normal'))
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            process.kill()
            process.wait()
        end_children()
        log.seek(0)
        return status, log.read()


def skips_of(output):
    """Reasons for which something was not tested."""
    return set(re.findall(r'^SKIP: .*', output, flags=re.M))


class Tests:
    def __init__(self, source, build, patience, is_concurrent):
        self.source, self.build, self.is_concurrent = source, build, is_concurrent
        self.skips = {} # of a target, on the unchanged source
        with open(os.path.join(HERE, 'tests.txt'), encoding='utf-8') as f:
            rows = [line.split() for line in f if line.strip() and not line.startswith('#')]
        self.rows = [(row[0], patience * float(row[1]), row[2], row[3:]) for row in rows]

    def for_file(self, name):
        """Seconds, target and command of each."""
        room = os.path.basename(name)[:-2]
        for pattern, seconds, program, arguments in self.rows:
            if pattern.startswith('concurrent:') and not self.is_concurrent:
                continue
            if not fnmatch.fnmatch(name, pattern.removeprefix('concurrent:')):
                continue
            program = program.replace('{room}', room)
            target = os.path.basename(program)
            if target.startswith('unit_') and not os.path.exists(f'{self.source}/test/unit/{target[5:]}.c'):
                continue
            command = ['./' + program] + [a.replace('{source}', self.source) for a in arguments]
            yield seconds, target, command

    def make(self, target):
        return run(['cmake', '--build', '.', '--target', target], self.build, 300)

    def hash_of_object(self, name):
        path = f'{self.build}/CMakeFiles/uffd_guard_objects.dir/{name}.o'
        with open(path, 'rb') as f:
            return hashlib.sha1(f.read()).hexdigest()

    def judge(self, mutant, original):
        """The verdict, and the test that gave it."""
        if self.make('uffd_guard_objects')[0] != 0:
            return 'does not build', ''
        if self.hash_of_object(mutant['file']) == original:
            return 'same', ''
        for seconds, target, command in self.for_file(mutant['file']):
            if self.make(target)[0] != 0:
                return 'does not build', ''
            status, output = run(command, self.build, seconds)
            if status is None or status not in (0, 77):
                return 'killed', target + (': too late' if status is None else '')
            if skips_of(output) - self.skips.get(target, set()): # which .ci/run does not take
                return 'killed', target + ': skips'
        return 'survived', ''

    def check_unchanged(self, names):
        rows = {tuple(command): (seconds, target) for name in names for seconds, target, command in self.for_file(name)}
        for command, (seconds, target) in rows.items():
            status, output = self.make(target)
            if status == 0:
                status, output = run(command, self.build, seconds)
            if status not in (0, 77):
                sys.exit(f'{" ".join(command)}: fails on the unchanged source ({status})\n{output[-2000:]}')
            self.skips.setdefault(target, set()).update(skips_of(output))


def copy_changed(path, to):
    """A file that is the same keeps its time, so that it is not built again. One that differs gets a new time."""
    if os.path.isdir(path):
        for name in os.listdir(path):
            copy_changed(os.path.join(path, name), os.path.join(to, name))
    elif not os.path.exists(to) or not filecmp.cmp(path, to, shallow=False):
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copyfile(path, to)
        shutil.copymode(path, to)


def prepare(source, work):
    """A copy of the sources, and its build. A run that was killed may have left a mutant in it."""
    copy, build = f'{work}/source', f'{work}/build'
    for name in ('CMakeLists.txt', 'README.md', 'LICENSE', 'include', 'lib', 'daemon', 'test', 'cmake', 'docs'):
        copy_changed(os.path.join(source, name), os.path.join(copy, name))
    shutil.copy2(f'{HERE}/in_two_steps.h', work)
    generator = ['-G', 'Ninja'] if shutil.which('ninja') else []
    subprocess.run(['cmake', '-S', copy, '-B', build, *generator, '--log-level=WARNING', '-DCMAKE_BUILD_TYPE=None',
                    '-DUFFD_GUARD_TOOLS=OFF', '-DUFFD_GUARD_CHECKS=ON', '-DCMAKE_LINK_DEPENDS_NO_SHARED=ON',
                    f'-DCMAKE_C_FLAGS=-O1 -include {work}/in_two_steps.h'], check=True, stdout=subprocess.DEVNULL)
    return copy, build


def read_results(path):
    if not os.path.exists(path):
        return {}
    with open(path, encoding='utf-8') as f:
        return {r['id']: r for r in map(json.loads, f)}


def try_mutant(tests, source, mutant):
    path = os.path.join(source, mutant['file'])
    with open(path, encoding='utf-8') as f:
        text = f.read()
    tests.make('uffd_guard_objects')
    original = tests.hash_of_object(mutant['file'])
    lines = text.split('\n')
    for i, new in mutant['edits']:
        lines[i] = new
    try:
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(lines))
        return tests.judge(mutant, original)
    finally:
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)


# ---- Survivors that are known, and the report ----

def read_survivors():
    known = {}
    with open(os.path.join(HERE, 'survivors.txt'), encoding='utf-8') as f:
        for line in f:
            if line.strip() and not line.startswith('#'):
                name, old, new, reason = line.strip().split(' ;; ')
                known[(name, old, new)] = reason
    return known


def report(files, results, is_partial):
    known = read_survivors()
    status = n_real = n_all_killed = n_all_known = 0
    print(f'{"file":28} mutants  killed   rate  survived: known  unknown')
    for file in files:
        tried = [results[m['id']] for m in file.found if m['id'] in results]
        real = [r for r in tried if r['verdict'] in ('killed', 'survived')]
        survived = [r for r in real if r['verdict'] == 'survived']
        unknown = [r for r in survived if (r['file'], r['old'], r['new']) not in known]
        n_killed = len(real) - len(survived)
        rate = f'{100 * n_killed / len(real):.0f} %' if real else '-'
        missing = len(file.found) - len(tried)
        n_real += len(real)
        n_all_killed += n_killed
        n_all_known += len(survived) - len(unknown)
        print(f'{file.name:28} {len(real):7} {n_killed:7} {rate:>6} {len(survived) - len(unknown):16} {len(unknown):8}'
              + (f'  ({missing} not tried yet)' if missing else ''))
        for r in unknown:
            print(f'  line {r["line"]}, {r["kind"]}: {r["file"]} ;; {r["old"]} ;; {r["new"]} ;; ')
        lived = {(r['file'], r['old'], r['new']) for r in survived}
        gone = [key for key in known if key[0] == file.name and key not in lived and not missing
                and not file.is_drawn and not is_partial]
        for key in gone:
            print(f'  stands in survivors.txt, but did not survive: {" ;; ".join(key)}')
        if unknown or gone:
            status = 1
    if n_real > n_all_known:
        print(f'{"all":28} {n_real:7} {n_all_killed:7} {100 * n_all_killed / n_real:4.0f} %, '
              f'{100 * n_all_killed / (n_real - n_all_known):.0f} % without the {n_all_known} that are known')
    return status


def list_files(source, names):
    for name in names:
        path = os.path.join(source, name)
        if os.path.isdir(path):
            yield from sorted(os.path.join(name, n) for n in os.listdir(path) if n.endswith('.c'))
        else:
            yield name


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--list', action='store_true', help='print the mutants, change nothing')
    parser.add_argument('--concurrent', action='store_true', help='only what takes two threads to notice')
    parser.add_argument('--minutes', type=float, default=1e6, help='begin no mutant after so many')
    parser.add_argument('--sample', type=int, help='of each file no more than so many, drawn at random')
    parser.add_argument('--seed', type=int, default=1, help='draw others (1)')
    parser.add_argument('--patience', type=float, default=1, help='times the limits of tests.txt, on a busy machine (1)')
    parser.add_argument('source')
    parser.add_argument('work')
    parser.add_argument('files', nargs='*')
    options = parser.parse_args()
    end = time.monotonic() + 60 * options.minutes
    source, work = os.path.abspath(options.source), os.path.abspath(options.work)

    files = [File(source, name) for name in list_files(source, options.files or (ROOMS if options.concurrent else FIRST))]
    for file in files:
        file.found = [m for m in file.find_mutants() if not options.concurrent or is_concurrent(m)]
        file.is_drawn = options.sample is not None and options.sample < len(file.found)
        if file.is_drawn:
            chosen = random.Random(f'{options.seed} {file.name}').sample(file.found, options.sample)
            file.found = [m for m in file.found if m in chosen]
    if options.list:
        for file in files:
            for m in file.found:
                print(f'{m["file"]}:{m["line"]}: {m["kind"]}: {m["old"]} ;; {m["new"]}')
        return 0

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)) # and put the source back
    become_reaper()
    copy, build = prepare(source, work)
    tests = Tests(copy, build, options.patience, options.concurrent)
    tests.check_unchanged([file.name for file in files])
    results_path = f'{work}/results.jsonl'
    results = read_results(results_path)
    for m in (m for file in files for m in file.found):
        if time.monotonic() > end or results.get(m['id'], {'verdict': 'survived'})['verdict'] != 'survived':
            continue
        begin = time.monotonic()
        verdict, by = try_mutant(tests, copy, m)
        results[m['id']] = {**{k: m[k] for k in ('id', 'file', 'line', 'kind', 'old', 'new')}, 'verdict': verdict,
                            'by': by, 'seconds': round(time.monotonic() - begin, 1)}
        with open(results_path, 'a', encoding='utf-8') as f:
            f.write(json.dumps(results[m['id']]) + '\n')
        print(f'{m["file"]}:{m["line"]}: {verdict} {by}'.rstrip(), flush=True)
    return report(files, results, options.concurrent)


if __name__ == '__main__':
    sys.exit(main())
