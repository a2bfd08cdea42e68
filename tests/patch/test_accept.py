# SPDX-License-Identifier: LGPL-2.1-or-later
"""The patched accept() and accept4(), and the preloaded ones, do what the system call does, for clients
that are not at port 0."""

from __future__ import annotations

from pathlib import Path

import pytest

from selftest.mutations import wrong_library
from native import compiled, run
from portzero.column import open_column

BAD_POINTERS = ["-Wno-stringop-overflow", "-Wno-nonnull"]


@pytest.fixture(scope="module")
def accept(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(compiled(tmp_path_factory.mktemp("accept"), "accept", *BAD_POINTERS))


# The guests' kernels have all families of sockets, the host's may not.
@pytest.mark.parametrize("libc, kernel, families", [
    ("patched", "host", []), ("patched-accept", "host", []),
    ("patched-accept", "linux-stock", ["all"]), ("patched-accept", "linux-patched", ["all"]),
    ("preload", "host", []), ("preload", "linux-stock", ["all"])])
def test_accept(accept: str, tmp_path: Path, libc: str, kernel: str,
                families: list[str]) -> None:
    status, told = run(open_column(libc, kernel), tmp_path, "env", "PORTZERO_PEERS=2", accept,
                       *families)
    assert status == 0, told
    assert "TCP, IPv4" in told
    assert all("accepted 48" in line or "not here" in line for line in told.splitlines())


def test_a_difference_is_noticed(accept: str, tmp_path: Path) -> None:
    library = wrong_library(tmp_path)
    status, told = run(open_column("stock"), tmp_path, "env", f"LD_PRELOAD={library}",
                       "WRONG=accept: asks getpeername() instead", accept)
    assert status == 1
    assert "TCP, IPv4, client resets, a large buffer:" in told
    assert "client stays" not in told
