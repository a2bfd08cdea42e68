# SPDX-License-Identifier: LGPL-2.1-or-later
"""The patched functions when system calls fail, and when the kernel's answers
are false."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from selftest.mutations import wrong_library
from native import compiled, run
from portzero.column import Column

# One of the calls that each way must make: letting it fail must be noticed.
FAULTS = {"tcp": "recvfrom", "udp": "recvfrom", "udp6": "recvfrom", "accept": "socket"}
REPLIES = ["tcp", "udp", "udp6", "mptcp", "accept"]
# What no false answer survives, for want of a second look ...
DECISIVE = ["SO_PROTOCOL: size", "SO_COOKIE: size"]
# ... what is looked at again, and what does not matter.
REPAIRED = ["SO_COOKIE: bit", "reply: cookie, bit", "getsockname: size"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("faults")
    return {name: compiled(folder, name) for name in ("faults", "replies")}


def column_for(columns: dict[str, Column], way: str) -> Column:
    return columns["patched-accept" if way == "accept" else "patched"]


@pytest.mark.parametrize("way", FAULTS)
def test_faults(columns: dict[str, Column], programs: dict[str, Path], tmp_path: Path,
                way: str) -> None:
    status, told = run(column_for(columns, way), tmp_path, str(programs["faults"]), way)
    assert status == 0, told
    named = {line.split()[1]: int(match[1]) for line in told.splitlines()
             if (match := re.search(r"named (\d+)", line))}
    # The faults were met, and where they do not matter the peer was named.
    assert named[FAULTS[way]] == 0
    assert named["close"] > 100


@pytest.mark.parametrize("way", REPLIES)
def test_replies(columns: dict[str, Column], programs: dict[str, Path], tmp_path: Path,
                 way: str) -> None:
    status, told = run(column_for(columns, way), tmp_path, str(programs["replies"]), way)
    assert status == 0, told
    rows = {match[1].strip(): (int(match[2]), int(match[3])) for line in told.splitlines()
            if (match := re.match(rf"{way} +(.*?) +tried (\d+)  named (\d+)", line))}
    assert all(rows[what][1] == 1 for what in DECISIVE)
    assert all(rows[what][0] == rows[what][1] for what in REPAIRED)


@pytest.mark.parametrize("program", ["faults", "replies"])
def test_a_wrong_peer_is_noticed(columns: dict[str, Column], programs: dict[str, Path],
                                 tmp_path: Path, program: str) -> None:
    status, told = run(columns["patched"], tmp_path, "env",
                       f"LD_PRELOAD={wrong_library(tmp_path)}",
                       "WRONG=getpeername: port 1 for port 0", str(programs[program]), "udp")
    assert status == 1
    assert "wrong 0" not in told.splitlines()[-1]
