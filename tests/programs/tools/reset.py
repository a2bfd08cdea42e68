#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connects to 127.0.0.1 as often as asked, and resets each connection before
anything is said: a server that looks at its peer then meets ENOTCONN in the
course of events.

    reset.py PORT COUNT"""

from __future__ import annotations

import socket
import struct
import sys

for _ in range(int(sys.argv[2])):
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
