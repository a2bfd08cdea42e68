#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a command that talks to a server by its standard input and output: it
gets SEND (escapes as in Python), and the end of its input as soon as what it
prints matches UNTIL: not before the answer is there, and without a guess at
how long that takes.

    talk.py SEND UNTIL COMMAND [ARGUMENT]...

Prints what the command prints; the exit status is the command's."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys

send, until, *command = sys.argv[1:]
process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert process.stdin and process.stdout
with contextlib.suppress(BrokenPipeError):
    process.stdin.write(send.encode().decode("unicode_escape").encode("latin-1"))
    process.stdin.flush()
told = b""
while piece := os.read(process.stdout.fileno(), 65536):
    os.write(1, piece)
    told += piece
    if not process.stdin.closed and re.search(until.encode(), told, re.MULTILINE):
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
sys.exit(process.wait() if process.returncode is None else process.returncode)
