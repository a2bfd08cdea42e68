# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what the glibc series costs, and puts the tables into docs/benchmarks.md.

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
TUNABLE = "GLIBC_TUNABLES=glibc.net.port0_peers"
PAGE = ROOT / "docs/benchmarks.md"
NAMES = str(OUT / "bench" / "names")
# A column, and what goes before the command.
Variant = tuple[Column, list[str]]


def build() -> None:
    Path(NAMES).parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-o", NAMES,
                    ROOT / "tests/bench/names.c"], check=True)


def measure(runs: dict[str, Variant]) -> dict[str, float]:
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
                   f"--log-file={report}", NAMES, "-n", str(calls), what]
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


def put(text: str, name: str, made: str) -> str:
    """The text, with `made` between the marks of that name."""
    begin, end = f"<!-- {name}: made by make bench -->\n", "<!-- end of what is made -->"
    before, found, rest = text.partition(begin)
    _, closed, behind = rest.partition(end)
    if not found or not closed:
        sys.exit(f"bench: {PAGE} has no marks for '{name}'; restore them (git checkout)")
    return before + begin + made + end + behind


def judged(text: str, value: float, aim: float) -> str:
    """The ratio or time, and whether it is what we want."""
    return f"{text} ({'at most' if value <= aim else '**more than**'} {aim:g})"


def calls(libcs: dict[str, Variant]) -> str:
    """What getpeername() costs that looks nothing up, or finds no peer."""
    rows = []
    for what, title, aim in (
            ("success-tcp", "TCP, a peer at another port", 0),
            ("success-udp", "UDP, a peer at another port", 0),
            ("unconnected-tcp", "TCP, no peer", 4),
            ("unbound-udp", "UDP, not bound, no peer", 4),
            ("unbound-udp6", "UDP over IPv6, not bound, no peer", 4),
            ("any-udp", "UDP, bound to no address, no peer", 0),
            ("bound-udp6", "UDP over IPv6, bound, no peer", 0),
            ("bound-udp", "UDP, bound to an address, no peer", 0)):
        got = measure({name: (column, [*prefix, NAMES, what])
                       for name, (column, prefix) in libcs.items()})
        base = instructions(*libcs["stock"], what)
        counts = [f"{instructions(*libcs[name], what) - base:+.0f}" for name in ("patched", "off")]
        ratio = got["patched"] / got["stock"]
        told = f"{ratio:.2f}"
        rows.append([title, *(duration(got[name]) for name in ("stock", "patched", "off")),
                     judged(told, ratio, aim) if aim else told, *counts])
        print(rows[-1], flush=True)
    return table(["socket", "stock", "patched", "patched, tunable at 0", "patched / stock",
                  "instructions, patched", "tunable at 0"], rows)


def accepting(libcs: dict[str, Variant]) -> str:
    rows = []
    for what, title in (("accept-named", "accept with the address"),
                        ("accept-unnamed", "accept without it")):
        got = measure({name: (column, [*prefix, NAMES, what])
                       for name, (column, prefix) in libcs.items()})
        rows.append([title, *map(duration, got.values()), f"{got['patched'] / got['stock']:.2f}",
                     f"{got['served'] / got['stock']:.2f}"])
        print(rows[-1], flush=True)
    return table(["call", "stock", "patched", "tunable at 0", "tunable at 2", "patched / stock",
                  "tunable at 2 / stock"], rows)


def crowded(patched: Column) -> str:
    """A UDP socket without a peer, among others."""
    rows = []
    for what, title, aim in (("any-udp", "bound to no address", 0),
                             ("bound-udp6", "bound, IPv6", 0),
                             ("bound-udp", "bound to an address", 10),
                             ("shared-udp", "the same, shared by two sockets (SO_REUSEPORT)", 0),
                             ("device-udp", "bound to address and interface (SO_BINDTODEVICE)", 0),
                             ("dump-udp", "(one bare sock_diag dump)", 0)):
        got = measure({str(crowd): (patched, [NAMES, what, str(crowd)]) for crowd in CROWDS})
        rows.append([title, *(judged(duration(time), time / 1000, aim) if aim else duration(time)
                              for time in got.values())])
        print(rows[-1], flush=True)
    return table(["UDP socket without a peer", *(f"{crowd:,} others" for crowd in CROWDS)], rows)


def named(patched: Column) -> str:
    """A peer at port 0, among other sockets."""
    rows = []
    for protocol, aim in (("tcp", 1.15), ("udp", 2.3)):
        for crowd in CROWDS:
            runs = {name: (patched, [NAMES, f"{name}-{protocol}", str(crowd)])
                    for name in ("port0", "dump", "proc", "ss")
                    # It takes seconds, which is all there is to say.
                    if (name, protocol, crowd) != ("proc", "udp", 100000)}
            got = measure(runs)
            ratio = got["port0"] / got["dump"]
            rows.append([protocol.upper(), f"{crowd:,}",
                         *(duration(got[name]) if name in got else "not measured"
                           for name in ("port0", "dump", "proc", "ss")),
                         judged(f"{ratio:.2f}", ratio, aim)])
            print(rows[-1], flush=True)
    return table(["protocol", "other sockets", "getpeername at port 0", "bare sock_diag dump",
                  "reading /proc/net", "ss", "getpeername / dump"], rows)


def main() -> None:
    build()
    stock, patched = open_column("stock"), open_column("patched")
    libcs: dict[str, Variant] = {"stock": (stock, []), "patched": (patched, []),
                                 "off": (patched, ["env", f"{TUNABLE}=0"])}
    told = {
        "where": f"Linux {platform.release().split('-')[0]}, {os.cpu_count()} cores; medians of "
                 f"{PROCESSES} processes\nwith 31 rounds each (5 of calls that take milliseconds), "
                 "taken in turn.\n",
        "calls": calls(libcs),
        "accept": accepting({**libcs, "served": (patched, ["env", f"{TUNABLE}=2"])}),
        "bound": crowded(patched),
        "named": named(patched),
    }
    text = PAGE.read_text()
    for name, made in told.items():
        text = put(text, name, made)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()
