# SPDX-License-Identifier: LGPL-2.1-or-later
"""The patched functions under a system call filter that was written for the
stock ones: what succeeds there makes no other system calls, what does not
needs the tunable.  accept() makes others only if the tunable says so."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from native import compiled, run
from portzero.column import Column

KILLED = 128 + signal.SIGSYS
OFF = ["env", "GLIBC_TUNABLES=glibc.net.port0_peers=0"]
# By what is called, under a filter that kills for all other calls: what comes
# of it with the default, and with the tunable at 2.
FILTERS = {"success": (0, 0), "without-peer": (KILLED, KILLED), "port-0": (KILLED, KILLED),
           "accept-unnamed": (0, 0), "accept-named": (0, KILLED),
           "accept-named-by-getpeername": (0, 0)}
# By what a server's filter does for getpeername(), which it does not call.
# With the tunable at 2, a refusal is noticed in time; what kills, kills.
SERVERS = {"kill": KILLED, "errno": 0, "trap": KILLED}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("filters")
    return {name: str(compiled(folder, name)) for name in ("filters", "servers")}


@pytest.mark.parametrize("name", FILTERS)
def test_filter(columns: dict[str, Column], programs: dict[str, str], tmp_path: Path,
                name: str) -> None:
    command = [programs["filters"], name]
    assert run(columns["stock"], tmp_path, *command)[0] == 0
    assert run(columns["patched"], tmp_path, *OFF, *command)[0] == 0
    assert run(columns["patched"], tmp_path, *command)[0] == FILTERS[name][0]
    assert run(columns["patched-accept"], tmp_path, *command)[0] == FILTERS[name][1]


@pytest.mark.parametrize("family", ["tcp", "unix"])
@pytest.mark.parametrize("action", SERVERS)
def test_server(columns: dict[str, Column], programs: dict[str, str], tmp_path: Path,
                family: str, action: str) -> None:
    command = [programs["servers"], family, action]
    served = (0, "4 of 4 clients served\n")
    assert run(columns["stock"], tmp_path, *command) == served
    assert run(columns["patched"], tmp_path, *command) == served
    status, told = run(columns["patched-accept"], tmp_path, *command)
    assert status == SERVERS[action], told
    assert (told == served[1]) == (status == 0)


def test_emulated_system_calls(columns: dict[str, Column], programs: dict[str, str],
                               tmp_path: Path) -> None:
    command = [programs["filters"], "emulation"]
    assert run(columns["patched"], tmp_path, *command)[0] == 0
    # Stock does not get as far.
    assert run(columns["stock"], tmp_path, *command)[0] == 1
