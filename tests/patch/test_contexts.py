# SPDX-License-Identifier: LGPL-2.1-or-later
"""The patched getpeername(), and the preloaded one, in odd places, and turned off
by its tunable."""

from __future__ import annotations

from pathlib import Path

import pytest

from native import compiled, run
from portzero.column import Column

# By the program that has them.
CONTEXTS = [("contexts", name) for name in (
    "namespace", "cancellation", "signals", "longjmp", "children", "exhaustion", "stack")]
CONTEXTS += [("threads", name) for name in (
    "threads", "others-udp", "others-tcp", "reconnected")]
CONTEXTS += [("moved", "udp")]
ASK = """
import socket
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.connect(('127.0.0.1', 0))
try:
    print(peer.getpeername())
except OSError as error:
    print(error.errno)
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("contexts")
    return {name: compiled(folder, name, "-pthread") for name in ("contexts", "threads", "moved")}


@pytest.mark.parametrize("libc", ["patched", "preload"])
@pytest.mark.parametrize("program, name", CONTEXTS)
def test_context(columns: dict[str, Column], programs: dict[str, Path], tmp_path: Path,
                 program: str, name: str, libc: str) -> None:
    status, told = run(columns[libc], tmp_path, str(programs[program]), name)
    assert status == 0, told


# That no descriptor is lost by who does not open one, says nothing.
@pytest.mark.parametrize("program, name", [way for way in CONTEXTS if way[1] != "longjmp"])
def test_contexts_can_fail(columns: dict[str, Column], programs: dict[str, Path], tmp_path: Path,
                           program: str, name: str) -> None:
    status, _ = run(columns["stock"], tmp_path, str(programs[program]), name)
    assert status == 1


@pytest.mark.parametrize("libc", ["patched", "preload"])
@pytest.mark.parametrize("value, answer", [("0", "107"), ("1", "('127.0.0.1', 0)")])
def test_tunable(columns: dict[str, Column], tmp_path: Path, value: str, answer: str,
                 libc: str) -> None:
    told = run(columns[libc], tmp_path, "env",
               f"GLIBC_TUNABLES=glibc.net.port0_peers={value}", "/usr/bin/python3", "-c", ASK)
    assert told == (0, f"{answer}\n")
