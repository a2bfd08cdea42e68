# SPDX-License-Identifier: LGPL-2.1-or-later
"""The patched functions under a system call filter that was written for the
stock ones: what succeeds there makes no other system calls, what does not
needs the tunable."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from native import compiled, run
from portzero.column import Column

# By what is called: whether the filter kills it without the tunable.
FILTERS = {"success": False, "without-peer": True, "port-0": True, "accept-unnamed": False,
           "accept-named": True, "accept-named-by-getpeername": False}
KILLED = 128 + signal.SIGSYS


@pytest.fixture(scope="module")
def filters(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(tmp_path_factory.mktemp("filters"), "filters"))


@pytest.mark.parametrize("name", FILTERS)
def test_filter(columns: dict[str, Column], filters: str, tmp_path: Path, name: str) -> None:
    off = ["env", "GLIBC_TUNABLES=glibc.net.port0_peers=0"]
    assert run(columns["stock"], tmp_path, filters, name)[0] == 0
    assert run(columns["patched"], tmp_path, *off, filters, name)[0] == 0
    assert run(columns["patched"], tmp_path, filters, name)[0] == (KILLED if FILTERS[name] else 0)


def test_emulated_system_calls(columns: dict[str, Column], filters: str, tmp_path: Path) -> None:
    assert run(columns["patched"], tmp_path, filters, "emulation")[0] == 0
    # Stock does not get as far.
    assert run(columns["stock"], tmp_path, filters, "emulation")[0] == 1
