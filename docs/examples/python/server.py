#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up a client's memory, and again at each message: ../server.c in Python. The client is the socket on standard
input; its first message is the length in bytes, and carries the descriptor."""
import os
import socket
import sys
import zlib

import uffd_guard

client = socket.socket(fileno=0)
message, descriptors, _, _ = socket.recv_fds(client, 4, 1)
length = int.from_bytes(message, sys.byteorder)

with uffd_guard.Guard() as guard, guard.map(descriptors[0], length) as region:
    os.close(descriptors[0])  # the region has one of its own
    while True:
        checksum = zlib.crc32(region.data)  # the client may truncate its file now
        is_short = region.take_losses() & uffd_guard.LOST_TRUNCATED
        print("%08x%s" % (checksum, ", bytes are missing" if is_short else ""), flush=True)
        if not client.recv(4):
            break
        region.update()
