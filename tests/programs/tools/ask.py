#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asks a server at port 8080 twice: first from the port that the test is
about (port 0, or another as the control), then from an ordinary one.

    ask.py [--udp] [--tls] [--alpn NAME] [--first] SEND [UNTIL]

Sends SEND (escapes as in Python), prints the answer up to the first match of
UNTIL (default: the first line), after "first: " and "then: "; with --first
only the first.

That the first gets no answer is told by the second, which is asked in the
meantime and gets one: not by a guess at how long an answer may take."""

from __future__ import annotations

import argparse
import os
import re
import socket
import ssl
import threading

PATIENCE = 2  # Seconds until the second is asked.
GRACE = {"tcp": 10, "udp": 3}  # And for an answer to the first after that to the second.
ALONE = 30  # For an answer that nothing else tells of.


def connected(source: int, arguments: argparse.Namespace) -> socket.socket:
    kind = socket.SOCK_DGRAM if arguments.udp else socket.SOCK_STREAM
    client = socket.socket(socket.AF_INET, kind)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if source:
        client.bind(("127.0.0.1", source))
    client.connect(("127.0.0.1", int(os.environ.get("LISTENER", "8080"))))
    return client


def answer(source: int, arguments: argparse.Namespace) -> str:
    spoken, got = "", b""
    try:
        client = connected(source, arguments)
        if arguments.tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if arguments.alpn:
                context.set_alpn_protocols([arguments.alpn])
            client = context.wrap_socket(client)
            if arguments.alpn:
                spoken = f"{client.version()} {client.selected_alpn_protocol()} "
        client.sendall(arguments.send.encode().decode("unicode_escape").encode("latin-1"))
        while arguments.until and not re.search(arguments.until.encode(), got):
            piece = client.recv(4096)
            if not piece:
                return (got.decode(errors="backslashreplace") + " [closed]").strip()
            got += piece
        return spoken + got.decode(errors="backslashreplace").strip()
    except ConnectionRefusedError:
        return "[refused]"
    except (ConnectionError, ssl.SSLError) as error:
        # Whether the end comes with a reset depends on what the server had
        # read by then: chance.
        if isinstance(error, ConnectionError) or "EOF" in str(error):
            return (got.decode(errors="backslashreplace") + " [closed]").strip()
        return f"[{error}]"


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag in ("--udp", "--tls", "--first"):
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--alpn")
    parser.add_argument("send")
    parser.add_argument("until", nargs="?", default=r"\n")
    arguments = parser.parse_args()
    said: dict[str, str] = {}

    def ask(which: str, source: int) -> None:
        said[which] = answer(source, arguments)

    first = threading.Thread(target=ask, args=["first", int(os.environ["SOURCE"])], daemon=True)
    first.start()
    first.join(ALONE if arguments.first else PATIENCE)
    if not arguments.first:
        then = threading.Thread(target=ask, args=["then", 0], daemon=True)
        then.start()
        then.join(ALONE)
        first.join(GRACE["udp" if arguments.udp else "tcp"])
    print("first:", said.get("first", "[nothing]"), flush=True)
    if not arguments.first:
        print("then:", said.get("then", "[nothing]"), flush=True)


main()
