#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passes standard input and output to the server at port 8080, from the port
that the test is about: for ssh's ProxyCommand and its like.

    connect.py [--here]   with --here, from an ordinary port"""

from __future__ import annotations

import os
import selectors
import socket
import sys

client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if "--here" not in sys.argv:
    client.bind(("127.0.0.1", int(os.environ["SOURCE"])))
client.connect(("127.0.0.1", 8080))
selector = selectors.DefaultSelector()
selector.register(0, selectors.EVENT_READ)
selector.register(client, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is client:
            if not (data := client.recv(65536)):
                sys.exit()
            os.write(1, data)
        elif data := os.read(0, 65536):
            client.sendall(data)
        else:
            selector.unregister(0)
            client.shutdown(socket.SHUT_WR)
