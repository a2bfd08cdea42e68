# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/faults.md: what was injected into the patched functions, and
what came of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import native
from portzero.column import open_column
from portzero.project import OUT, ROOT

WAYS = {"faults": ["tcp", "udp", "udp6", "accept"],
        "replies": ["tcp", "udp", "udp6", "mptcp", "accept"]}
ROW = re.compile(r"\w+ +(.*?) +tried (\d+)  named (\d+)  as the kernel (\d+)  wrong (\d+)")
HEAD = ["tried", "the right peer", "the kernel's error", "wrong"]


def rows(program: str, folder: Path) -> dict[str, dict[str, list[int]]]:
    """What the program told, by what was injected and by the way to ask."""
    path = native.compiled(folder, program)
    found: dict[str, dict[str, list[int]]] = {}
    for way in WAYS[program]:
        column = open_column("patched-accept" if way == "accept" else "patched")
        status, told = native.run(column, folder, str(path), way)
        for line in told.splitlines():
            match = ROW.match(line)
            if match is None or status != 0:
                sys.exit(f"{program} {way}: {line}; exit status {status}")
            found.setdefault(match[1], {})[way] = [int(text) for text in match.groups()[1:]]
    return found


def table(program: str, title: str, found: dict[str, dict[str, list[int]]]) -> str:
    lines = [[title, "asked of", *HEAD]]
    lines.append(["---"] * len(lines[0]))
    total = [0] * len(HEAD)
    for what, ways in found.items():
        sums = [sum(column) for column in zip(*ways.values(), strict=True)]
        total = [old + new for old, new in zip(total, sums, strict=True)]
        asked = "all" if list(ways) == WAYS[program] else ", ".join(ways)
        lines.append([what, asked, *(f"{number:,}" for number in sums)])
    lines.append(["**all**", "", *(f"{number:,}" for number in total)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> None:
    folder = OUT / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    (ROOT / "docs/faults.md").write_text(f"""# Faults in the glibc series

Written by `make faults`. The patched `getpeername()` asks for the peer of a socket of each
kind that is connected to port 0 (`accept`: the patched `accept()` accepts a connection from
there, with `glibc.net.port0_peers=2`), while one system call fails, or its answer is false. What must come of it is the
right peer, or what the kernel itself says (ENOTCONN, ECONNABORTED, and its own EFAULT and
EINVAL); no descriptor may be left, no signal blocked, nothing written past the buffer, and it
must not hang. Everything else is wrong.

## Each system call fails

With each error number from 1 to 133, by a seccomp filter (`tests/patch/faults.c`). A call
that is not made leaves the right peer: `mmap` and `munmap` are made for long replies only.

{table("faults", "system call", rows("faults", folder))}
## Each answer is false

One value or one bit at a time, by a tracer (`tests/patch/replies.c`); where a call is made
more than once, in each of its turns. The tables have to say of UDP the same twice; of
streams, what they say of the peer's address is trusted, and not falsified here. The parser is
[fuzzed and proved](glibc-tests.md) besides.

{table("replies", "answer", rows("replies", folder))}""")


main()
