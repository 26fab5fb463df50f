# SPDX-License-Identifier: MIT
"""python_test.py SOURCE_DIRECTORY: the example in Python, with clients of its own; UFFD_GUARD_LIBRARY says where the
library is. What it declares is what the header has."""
import errno
import os
import re
import socket
import subprocess
import sys
import zlib

source = sys.argv[1]
example = source + "/docs/examples/python"
sys.dont_write_bytecode = True
sys.path.insert(0, example)
import uffd_guard

LENGTH = 1 << 20


def expect(is_so, what):
    if not is_so:
        sys.exit("python_test: " + what)


# ---- The header ----

def read_header():
    with open(source + "/include/uffd_guard.h", encoding="utf-8") as file:
        return re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)


def members_of(header, name):
    body = re.search(r"struct %s \{(.*?)\n\};" % name, header, re.S).group(1)
    body = re.sub(r"\(\*(\w+)\)\([^)]*\)", r"\1", body)  # a function: its name
    return [re.search(r"(\w+)(\[\d+\])?$", one.strip()).group(1)
            for one in re.split("[;,]", body) if one.strip()]


def test_declarations(header):
    for name, structure in ("options", uffd_guard.Options), ("map_options", uffd_guard.MapOptions), (
            "rect", uffd_guard.Rect):
        names = [field[0] for field in structure._fields_]
        expect(names == members_of(header, "uffd_guard_" + name), "%s is not as in the header: %s" % (name, names))
    n_constants = 0
    for name, value in vars(uffd_guard).items():
        number = re.search(r"#define UFFD_GUARD_%s\s+(0x[0-9a-f]+)u" % name, header)
        if name.isupper() and number:
            expect(int(number.group(1), 16) == value, name + " is another number in the header")
            n_constants += 1
    expect(n_constants >= 6, "only %d constants were found" % n_constants)


# ---- The module ----

def make_file(data):
    fd = os.memfd_create("client", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    expect(os.write(fd, data) == len(data), "the client's file is short")
    return fd


def test_module():
    data = os.urandom(LENGTH)
    fd = make_file(data)
    with uffd_guard.Guard(max_regions=1) as guard, guard.map(fd, LENGTH, uffd_guard.MAP_WRITE) as region:
        expect(region.data == data, "the region is not the file")
        rect = uffd_guard.Rect(100, 4096, 50, 3)
        rows = b"".join(data[100 + i * 4096:150 + i * 4096] for i in range(3))
        expect(region.read(rect) == (rows, 150), "a rectangle is not the file's")
        expect(region.write(7, b"seven") == 5 and os.pread(fd, 5, 7) == b"seven", "nothing was written")
        region.update(uffd_guard.Rect(0, 4096, 4096, 1))
        expect(region.data[7:12] == b"seven", "a rectangle is not up to date")
        os.ftruncate(fd, 0)
        region.update()
        expect(region.data == bytes(LENGTH), "what was cut is not zeros")
        expect(region.take_losses() == uffd_guard.LOST_TRUNCATED, "the loss is not told")
        expect(region.mode in (uffd_guard.MODE_LAZY, uffd_guard.MODE_EAGER), "the mode is wrong")
        try:
            guard.map(fd, LENGTH)
            expect(False, "a second region was mapped")
        except OSError as error:
            expect(error.errno == errno.ENFILE, "max_regions: %s" % error)


# ---- The server ----

def test_server():
    data = os.urandom(LENGTH)
    fd = make_file(data)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with subprocess.Popen([sys.executable, "-B", example + "/server.py"], stdin=theirs, stdout=subprocess.PIPE,
                          text=True) as server:
        theirs.close()
        socket.send_fds(ours, [LENGTH.to_bytes(4, sys.byteorder)], [fd])
        expect(server.stdout.readline() == "%08x\n" % zlib.crc32(data), "the sum is wrong")
        os.ftruncate(fd, 5000)
        ours.send(b"next")
        cut = data[:5000] + bytes(LENGTH - 5000)
        expect(server.stdout.readline() == "%08x, bytes are missing\n" % zlib.crc32(cut), "the sum is wrong once cut")
        ours.close()
    expect(server.returncode == 0, "the server has ended with %d" % server.returncode)


test_declarations(read_header())
test_module()
test_server()
