# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other projects' own tests, under the distribution's libc and under the
patched one: test by test, what they say must be the same.

tests/peers/*.toml says what to install, build and run, and how to read the
results off what it prints."""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from portzero import parallel, tree
from portzero.column import open_column
from portzero.project import OUT, ROOT, Failure, exclusive

FOLDER = ROOT / "tests/peers"
TRANSCRIPTS = OUT / "peers"
LIBCS = ("distro", "patched")
# Tests that depend on the machine's load say now this, now that: what differs
# is run again, and counts if nothing that it said is the same.
ROUNDS = 3

Results = dict[str, str]


@dataclass(frozen=True)
class Peer:
    """One file.  `case` is a regular expression for a line that has a test's
    result, with the groups `name` and `result`; `least` is how many tests there
    must be."""

    name: str
    what: str
    packages: list[str]
    sources: list[str]
    build: str
    run: str
    case: str
    least: int
    seconds: int


def load(path: Path) -> Peer:
    """Read a peer's file.  Raises Failure if something in it is not right."""
    kinds = {"what": str, "packages": list, "sources": list, "build": str, "run": str,
             "case": str, "least": int, "seconds": int}
    try:
        table = {"packages": [], "sources": [], "build": "", **tomllib.loads(path.read_text())}
    except tomllib.TOMLDecodeError as error:
        raise Failure(str(path), str(error), "correct it") from None
    for key in sorted({*table, *kinds}):
        if not isinstance(table.get(key), kinds.get(key, ())):
            raise Failure(str(path), f"'{key}' is missing, unknown, or of the wrong kind",
                          f"it has {', '.join(kinds)}")
    if not {"name", "result"} <= set(re.compile(table["case"]).groupindex):
        raise Failure(str(path), "'case' lacks the group name or result", "correct it")
    return Peer(path.stem, **table)


def read(peer: Peer, told: str) -> Results:
    """The tests' results by their names.  A name that comes again gets a
    number, so that none is lost."""
    found: Results = {}
    for match in re.finditer(peer.case, told, re.MULTILINE):
        name, number = match["name"], 1
        while name in found:
            number += 1
            name = f"{match['name']} #{number}"
        found[name] = match["result"]
    return found


def _run(peer: Peer, libc: str, turn: int) -> tuple[str, Results]:
    path = TRANSCRIPTS / f"{peer.name}.{libc}.{turn}"
    script = f"exec 2>&1\n. /portzero/prelude.sh\n{peer.run}\n"
    command = ["timeout", "--kill-after=1", str(peer.seconds), "sh", "-c", script]
    with path.open("wb") as out:
        status = tree.run(open_column(libc), command, out, peer.seconds + 10)
    results = read(peer, path.read_text(errors="replace"))
    if status == 124:
        results["(the suite as a whole)"] = f"not at its end after {peer.seconds} s"
    return libc, results


def differences(rounds: dict[str, list[Results]]) -> list[str]:
    """What the libcs never say the same of, over all rounds."""
    said: dict[str, dict[str, set[str]]] = {
        libc: defaultdict(set) for libc in rounds}
    names = dict.fromkeys(name for turns in rounds.values() for turn in turns for name in turn)
    for libc, turns in rounds.items():
        for turn in turns:
            for name in names:
                said[libc][name].add(turn.get(name, "(nothing)"))
    first, second = rounds
    return [f"{name}: {first} {' or '.join(sorted(said[first][name]))}, "
            f"{second} {' or '.join(sorted(said[second][name]))}"
            for name in names if not said[first][name] & said[second][name]]


def check(peer: Peer) -> bool:
    """Run a peer's tests on both libcs, say what differs.  Returns whether
    nothing does."""
    rounds: dict[str, list[Results]] = {libc: [] for libc in LIBCS}
    for turn in range(ROUNDS):
        parallel.each(lambda number, turn=turn: _run(peer, LIBCS[number], turn),
                      range(len(LIBCS)), lambda told: rounds[told[0]].append(told[1]))
        differing = differences(rounds)
        if not differing:
            break
    count = min(len(turn) for turns in rounds.values() for turn in turns)
    passed = sum(result.startswith("ok") for result in rounds[LIBCS[1]][-1].values())
    print(f"{peer.name:<16}{count:>6} tests, {passed} pass: "
          f"{f'{len(differing)} differ' if differing else 'equal'}"
          f"{f' (in {turn + 1} rounds)' if turn else ''}", flush=True)
    for line in differing:
        print(f"  {line}")
    if count < peer.least:
        print(f"  only {count} tests ran, {peer.least} should have: see {TRANSCRIPTS}")
    return not differing and count >= peer.least


def run(names: list[str]) -> int:
    """Check the peers of these names, or all.  Returns 0 if nothing differs,
    1 if something does."""
    peers = [load(path) for path in sorted(FOLDER.glob("*.toml"))]
    if unknown := sorted(set(names) - {peer.name for peer in peers}):
        raise Failure(f"peer '{unknown[0]}'", "there is no such file in tests/peers",
                      f"use {', '.join(peer.name for peer in peers)}")
    chosen = [peer for peer in peers if not names or peer.name in names]
    if not chosen:
        raise Failure("check-peers", f"there is nothing in {FOLDER}", "restore the checkout")
    TRANSCRIPTS.mkdir(parents=True, exist_ok=True)
    tree.install(package for peer in chosen for package in peer.packages)
    for peer in chosen:
        tree.build(peer.name, peer.sources, peer.build)
    with exclusive("peers"):
        return 0 if all([check(peer) for peer in chosen]) else 1
