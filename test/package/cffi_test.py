# SPDX-License-Identifier: MIT
"""cffi_test.py HEADER LIBRARY: cffi takes the header, constants and all, and calls the library by it."""
import os
import re
import sys

try:
    import cffi
except ImportError:
    print("SKIP: no cffi")
    sys.exit(77)

LENGTH = 1 << 16


def expect(is_so, what):
    if not is_so:
        sys.exit("cffi_test: " + what)


def read_declarations(path):
    """Without comments, and without directives but constants: cffi has no preprocessor."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    text = text.replace('#ifdef __cplusplus\nextern "C" {\n#endif', "").replace("#ifdef __cplusplus\n}\n#endif", "")
    return "\n".join(line for line in text.split("\n")
                     if not line.startswith("#") or re.match(r"#define \w+\s+\w+\s*$", line))


def make_file(data):
    fd = os.memfd_create("client", os.MFD_CLOEXEC)
    expect(os.write(fd, data) == len(data), "the client's file is short")
    return fd


def test_region(ffi, lib, guard):
    data = os.urandom(LENGTH)
    fd = make_file(data)
    region = ffi.new("struct uffd_guard_region **")
    options = ffi.new("struct uffd_guard_map_options *",
                      {"size": ffi.sizeof("struct uffd_guard_map_options"), "flags": lib.UFFD_GUARD_MAP_WRITE,
                       "user_data": ffi.cast("void *", 7)})
    expect(lib.uffd_guard_map(guard, fd, LENGTH, options, region) == 0, "nothing was mapped")
    region = region[0]
    expect(ffi.buffer(lib.uffd_guard_region_data(region), LENGTH)[:] == data, "the region is not the file")
    rect = ffi.new("struct uffd_guard_rect *", [100, 4096, 50, 3])
    rows = ffi.new("char[]", 150)
    expect(lib.uffd_guard_read_rect(region, rect, rows, 50) == 150, "a rectangle was not read")
    expect(ffi.buffer(rows, 150)[:] == b"".join(data[100 + i * 4096:150 + i * 4096] for i in range(3)),
           "a rectangle is not the file's")
    os.ftruncate(fd, 0)
    expect(lib.uffd_guard_update(region, 0, LENGTH) == 0, "no update")
    expect(lib.uffd_guard_region_mode(region) in (lib.UFFD_GUARD_MODE_LAZY, lib.UFFD_GUARD_MODE_EAGER), "the mode")
    events = []

    @ffi.callback("void(const struct uffd_guard_event *, void *)")
    def on_event(event, _):
        events.append((event.region == region, int(ffi.cast("intptr_t", event.user_data)), event.reasons))

    expect(lib.uffd_guard_dispatch(guard, on_event, ffi.NULL) == len(events) > 0, "no event")
    expect(events[0] == (True, 7, lib.UFFD_GUARD_LOST_TRUNCATED), "the event is %s" % (events[0],))
    lib.uffd_guard_unmap(region)
    os.close(fd)


def main():
    ffi = cffi.FFI()
    ffi.cdef(read_declarations(sys.argv[1]))
    lib = ffi.dlopen(sys.argv[2])
    expect(lib.uffd_guard_version() == lib.UFFD_GUARD_VERSION_MAJOR << 16 | lib.UFFD_GUARD_VERSION_MINOR << 8 |
           lib.UFFD_GUARD_VERSION_PATCH, "the header is of another version than the library")
    guard = ffi.new("struct uffd_guard **")
    options = ffi.new("struct uffd_guard_options *", {"size": ffi.sizeof("struct uffd_guard_options"),
                                                      "flags": lib.UFFD_GUARD_ALLOW_EAGER})
    expect(lib.uffd_guard_create(options, guard) == 0, "no guard")
    test_region(ffi, lib, guard[0])
    stats = ffi.new("struct uffd_guard_stats *", {"size": ffi.sizeof("struct uffd_guard_stats")})
    expect(lib.uffd_guard_get_stats(guard[0], stats) == 0 and stats.losses > 0 and stats.regions == 0, "the counters")
    lib.uffd_guard_destroy(guard[0])


main()
