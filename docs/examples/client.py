#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A client for server.c: it shares memory, and then cuts it. client.py ./server"""
import os
import socket
import subprocess
import sys

LENGTH = 1 << 20

ours, theirs = socket.socketpair()
memory = os.memfd_create("client")
os.pwrite(memory, b"pixels" * (LENGTH // 6), 0)
os.ftruncate(memory, LENGTH)
server = subprocess.Popen([sys.argv[1]], stdin=theirs, stdout=subprocess.PIPE, text=True)
socket.send_fds(ours, [LENGTH.to_bytes(4, sys.byteorder)], [memory])
print("all of it:    ", server.stdout.readline(), end="")
os.ftruncate(memory, LENGTH // 2)
ours.send(bytes(4))
print("cut to a half:", server.stdout.readline(), end="")
ours.close()
theirs.close()
sys.exit(server.wait())
