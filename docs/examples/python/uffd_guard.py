# SPDX-License-Identifier: MIT
"""libuffd_guard for Python, by ctypes: as much of it as a program needs that looks at clients' memory.

A function that returns a negative errno raises OSError. A region is read as a memoryview, which must not be used after
unmap(): Python cannot know. Constants have the names of uffd_guard.h without UFFD_GUARD_.
"""
import ctypes
import os
from ctypes import POINTER, c_int, c_size_t, c_ssize_t, c_uint32, c_uint64, c_void_p

ALLOW_EAGER = 0x1
NO_EVENTS = 0x20
MAP_WRITE = 0x1
MAP_DIRECT = 0x2
MAP_ONLY_DIRECT = 0x40
MODE_LAZY, MODE_DIRECT, MODE_EAGER = range(3)
LOST_TRUNCATED = 0x1
VERSION = (0, 2)


class Options(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("flags", c_uint32), ("read_deadline_ms", c_uint32), ("max_resident", c_uint64),
                ("log", c_void_p), ("log_data", c_void_p), ("max_regions", c_uint32), ("reserved", c_uint32)]


class MapOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("flags", c_uint32), ("addr", c_void_p), ("offset", c_uint64),
                ("reserve", c_size_t), ("max_resident", c_uint64), ("user_data", c_void_p)]


class Rect(ctypes.Structure):
    """offset, stride, width (bytes of a row), height (rows)."""
    _fields_ = [("offset", c_uint64), ("stride", c_uint64), ("width", c_uint64), ("height", c_uint64)]


_library = ctypes.CDLL(os.environ.get("UFFD_GUARD_LIBRARY", "libuffd_guard.so.0"))


def _declare(name, result, *arguments):
    function = getattr(_library, "uffd_guard_" + name)
    function.restype = result
    function.argtypes = arguments
    return function


def _check(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


_version = _declare("version", c_uint32)
_create = _declare("create", c_int, POINTER(Options), POINTER(c_void_p))
_destroy = _declare("destroy", None, c_void_p)
_map = _declare("map", c_int, c_void_p, c_int, c_size_t, POINTER(MapOptions), POINTER(c_void_p))
_unmap = _declare("unmap", None, c_void_p)
_data = _declare("region_data", c_void_p, c_void_p)
_length = _declare("region_length", c_size_t, c_void_p)
_mode = _declare("region_mode", c_int, c_void_p)
_update = _declare("update", c_int, c_void_p, c_uint64, c_uint64)
_update_rects = _declare("update_rects", c_int, c_void_p, POINTER(Rect), c_size_t)
_read_rect = _declare("read_rect", c_ssize_t, c_void_p, POINTER(Rect), c_void_p, c_size_t)
_write = _declare("write", c_ssize_t, c_void_p, c_uint64, c_void_p, c_size_t)
_take_losses = _declare("region_take_losses", c_uint32, c_void_p)

if _version() < VERSION[0] << 16 | VERSION[1] << 8:
    raise ImportError("libuffd_guard is older than %d.%d" % VERSION)


class Guard:
    def __init__(self, flags=NO_EVENTS, max_regions=0):
        self._guard = c_void_p()
        options = Options(size=ctypes.sizeof(Options), flags=flags, max_regions=max_regions)
        _check(_create(options, self._guard))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        _destroy(self._guard)

    def map(self, fd, length, flags=0):
        return Region(self._guard, fd, length, flags)


class Region:
    """Made by Guard.map()."""

    def __init__(self, guard, fd, length, flags):
        self._region = c_void_p()
        options = MapOptions(size=ctypes.sizeof(MapOptions), flags=flags)
        _check(_map(guard, fd, length, options, self._region))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.unmap()

    def unmap(self):
        _unmap(self._region)
        self._region = c_void_p()

    @property
    def data(self):
        """Pages are read from the file when they are first touched, and stay as they are until update()."""
        array = (ctypes.c_ubyte * _length(self._region)).from_address(_data(self._region))
        return memoryview(array).cast("B")

    @property
    def mode(self):
        return _mode(self._region)

    def update(self, *rects):
        """Bring rectangles up to date; without any, everything."""
        if rects:
            _check(_update_rects(self._region, (Rect * len(rects))(*rects), len(rects)))
        else:
            _check(_update(self._region, 0, _length(self._region)))

    def read(self, rect):
        """The rectangle's rows one after the other, from the file; and how many bytes it had."""
        rows = (ctypes.c_ubyte * (rect.width * rect.height))()
        n = _check(_read_rect(self._region, rect, rows, rect.width))
        return bytes(rows), n

    def write(self, offset, data):
        """How many bytes the file has taken: fewer where it ends."""
        return _check(_write(self._region, offset, data, len(data)))

    def take_losses(self):
        return _take_losses(self._region)
