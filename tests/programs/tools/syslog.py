#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes what programs tell syslog, and prints it, line by line."""

from __future__ import annotations

import os
import re
import socket

server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
server.bind("/dev/log")
os.chmod("/dev/log", 0o666)
while True:
    # Without priority and time.
    print(re.sub(r"^<\d+>(\w{3} [ \d]\d [\d:]{8} )?", "",
                 server.recv(65536).decode(errors="replace").rstrip("\n\0")), flush=True)
