# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what the glibc series costs, and writes docs/benchmarks.md.

Only figures of one run are compared: the rows that belong together are timed
in turn, and each is the median of several processes, each of which is the
median of many rounds.  Instructions in user space are counted by valgrind."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
from pathlib import Path

from portzero.column import Column, open_column
from portzero.project import OUT, ROOT

PROCESSES = 5
CROWDS = [0, 1000, 10000, 100000]
OFF = "GLIBC_TUNABLES=glibc.net.port0_peers=0"


def program() -> Path:
    path = OUT / "bench" / "names"
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path,
                    ROOT / "tests/bench/names.c"], check=True)
    return path


def measure(runs: dict[str, tuple[Column, list[str]]]) -> dict[str, float]:
    """Return the nanoseconds of each run, taken in turn."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(PROCESSES):
        for name, (column, command) in runs.items():
            told = OUT / "bench" / "told"
            with told.open("wb") as out:
                if column.run(command, stdout=out) != 0:
                    sys.exit(f"bench: {' '.join(command)} failed")
            times[name].append(float(told.read_text()))
    return {name: statistics.median(values) for name, values in times.items()}


def instructions(column: Column, prefix: list[str], what: str) -> float:
    """Return how many instructions one call takes in user space, that of the
    program around it included."""
    few, many = 1000, 3000
    totals = []
    for calls in (few, many):
        report = OUT / "bench" / "callgrind"
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                   f"--log-file={report}", str(OUT / "bench" / "names"), "-n", str(calls), what]
        if column.run([*prefix, *command]) != 0:
            sys.exit(f"bench: {' '.join(command)} failed")
        match = re.search(r"Collected : (\d+)", report.read_text())
        if match is None:
            sys.exit(f"bench: no count of instructions in {report}")
        totals.append(int(match[1]))
    return (totals[1] - totals[0]) / (many - few)


def duration(nanoseconds: float) -> str:
    if nanoseconds < 10_000:
        return f"{nanoseconds:.0f} ns"
    if nanoseconds < 10_000_000:
        return f"{nanoseconds / 1000:.0f} us"
    return f"{nanoseconds / 1_000_000:.0f} ms"


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def main() -> None:
    names = str(program())
    stock, patched = open_column("stock"), open_column("patched")
    rows = []
    for what, title in (
            ("success-tcp", "getpeername, TCP, a peer at another port"),
            ("success-udp", "getpeername, UDP, a peer at another port"),
            ("unconnected-tcp", "getpeername, TCP, no peer"),
            ("unbound-udp", "getpeername, UDP, not bound, no peer"),
            ("unbound-udp6", "getpeername, UDP over IPv6, not bound, no peer"),
            ("bound-udp", "getpeername, UDP, bound, no peer"),
            ("bound-udp6", "getpeername, UDP over IPv6, bound, no peer"),
            ("accept-named", "accept with the address"),
            ("accept-unnamed", "accept without it")):
        variants = {"stock": (stock, []), "patched": (patched, []), "off": (patched, ["env", OFF])}
        got = measure({name: (column, [*prefix, names, what])
                       for name, (column, prefix) in variants.items()})
        counts = ["", ""]
        if not what.startswith("accept"):
            base = instructions(stock, [], what)
            counts = [f"{instructions(*variants[name], what) - base:+.0f}"
                      for name in ("patched", "off")]
        rows.append([title, *(duration(got[name]) for name in ("stock", "patched", "off")),
                     f"{got['patched'] / got['stock']:.2f}", *counts])
        print(rows[-1], flush=True)
    calls = table(["call", "stock", "patched", "patched, tunable off", "patched / stock",
                   "instructions, patched", "tunable off"], rows)

    rows = []
    for protocol in ("tcp", "udp"):
        for crowd in CROWDS:
            runs = {name: (patched, [names, f"{name}-{protocol}", str(crowd)])
                    for name in ("port0", "dump", "proc", "ss")
                    # It takes seconds, which is all there is to say.
                    if (name, protocol, crowd) != ("proc", "udp", 100000)}
            got = measure(runs)
            rows.append([protocol.upper(), f"{crowd:,}",
                         *(duration(got[name]) if name in got else "not measured"
                           for name in ("port0", "dump", "proc", "ss")),
                         f"{got['port0'] / got['dump']:.2f}"])
            print(rows[-1], flush=True)
    peers = table(["protocol", "other sockets", "getpeername at port 0", "bare sock_diag dump",
                   "reading /proc/net", "ss", "getpeername / dump"], rows)

    (ROOT / "docs/benchmarks.md").write_text(f"""# Benchmarks

Written by `make bench`, on Linux {platform.release().split("-")[0]} with {os.cpu_count()} cores. Medians of
{PROCESSES} processes with 31 rounds each (5 of calls that take milliseconds), taken in
turn. The machine is shared: compare within
a row.

{calls}
The instructions are those in user space, as the difference from stock per call, counted
by valgrind.

## A peer at port 0

{peers}
The dump is the floor: one request to sock_diag with the same filter and nothing around
it. The kernel walks its whole hash table for it (for TCP, the size of the table
matters more than the number of sockets). Around the dump there are the system calls that
find out that there is a peer at all, what identifies the socket, and whether the caller's
arguments are good (getsockopt, getsockname and fstat, ten calls in all), and a second
request for the one entry that was found, which does not walk: the tables are read without a
lock (see `patches/README.md`). All of it is worth some 6 us, which shows where the table is
small and nearly empty.

A bound UDP socket without a peer takes four system calls: that it is not TCP, that it has a
port (or sendmsg would give it one), that it is UDP (or sendmsg could send something), and
what sendmsg says. Each costs about as much as the failing getpeername.
""")


main()
