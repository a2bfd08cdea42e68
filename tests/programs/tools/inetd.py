#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Serves port 8080 by starting a program for each client, its standard input
and output the connection: as inetd does, which asks accept() for no address.

    inetd.py COMMAND [ARGUMENT]..."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys

server = socket.create_server(("127.0.0.1", 8080))
while True:
    # Python's own accept() asks for the address.
    connection = ctypes.CDLL(None).accept(server.fileno(), None, None)
    if connection >= 0:
        subprocess.Popen(sys.argv[1:], stdin=connection, stdout=connection)
        os.close(connection)
