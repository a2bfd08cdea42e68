# SPDX-License-Identifier: LGPL-2.1-or-later
"""The patched functions under failing system calls, in odd places, and turned
off by their tunable."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from portzero.column import Column
from portzero.project import ROOT

# One of the calls that each way must make: letting it fail must be noticed.
FAULTS = {"tcp": "recvfrom", "udp": "recvfrom", "udp6": "recvfrom", "accept": "socket"}
ASK = """
import socket
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.connect(('127.0.0.1', 0))
try:
    print(peer.getpeername())
except OSError as error:
    print(error.errno)
"""


def compiled(folder: Path, source: str, *flags: str) -> Path:
    program = folder / Path(source).stem
    subprocess.run(["gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", *flags, "-o",
                    program, ROOT / source], check=True)
    return program


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("faults"), "tests/patch/faults.c")


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("contexts"), "tests/patch/contexts.c", "-pthread")


def run(column: Column, folder: Path, *command: str) -> tuple[int, str]:
    out = folder / "told"
    with out.open("wb") as stream:
        status = column.run(command, stdout=stream)
    return status, out.read_text()


@pytest.mark.parametrize("way", FAULTS)
def test_faults(columns: dict[str, Column], faults: Path, tmp_path: Path, way: str) -> None:
    status, told = run(columns["patched"], tmp_path, str(faults), way)
    assert status == 0, told
    named = {line.split()[1]: int(match[1]) for line in told.splitlines()
             if (match := re.search(r"named (\d+)", line))}
    # The faults were met, and where they do not matter the peer was named.
    assert named[FAULTS[way]] == 0
    assert named["close"] > 100


def test_a_wrong_peer_is_noticed(columns: dict[str, Column], faults: Path,
                                 tmp_path: Path) -> None:
    library = compiled(tmp_path, "tests/selftest/wrong_getpeername.c", "-fPIC", "-shared")
    status, told = run(columns["patched"], tmp_path, "env", f"LD_PRELOAD={library}",
                       "WRONG=port 1 for port 0", str(faults), "udp")
    assert status == 1
    assert "wrong 0" not in told.splitlines()[-1]


@pytest.mark.parametrize("name", ["namespace", "cancellation", "signals", "longjmp", "threads",
                                  "stack"])
def test_context(columns: dict[str, Column], contexts: Path, tmp_path: Path, name: str) -> None:
    status, _ = run(columns["patched"], tmp_path, str(contexts), name)
    assert status == 0


@pytest.mark.parametrize("name", ["namespace", "cancellation", "signals", "threads", "stack"])
def test_contexts_can_fail(columns: dict[str, Column], contexts: Path, tmp_path: Path,
                           name: str) -> None:
    status, _ = run(columns["stock"], tmp_path, str(contexts), name)
    assert status == 1


@pytest.mark.parametrize("value, answer", [("0", "107"), ("1", "('127.0.0.1', 0)")])
def test_tunable(columns: dict[str, Column], tmp_path: Path, value: str, answer: str) -> None:
    told = run(columns["patched"], tmp_path, "env",
               f"GLIBC_TUNABLES=glibc.net.port0_peers={value}", "/usr/bin/python3", "-c", ASK)
    assert told == (0, f"{answer}\n")
