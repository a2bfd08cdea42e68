# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that makes its own system calls: no libc helps it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from portzero.column import open_column
from portzero.project import ROOT

from conftest import PATIENCE


@pytest.fixture(scope="session")
def dial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("go")
    subprocess.run(["go", "build", "-o", folder / "dial", ROOT / "tests/programs/dial.go"],
                   check=True, env={**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off",
                                    "GOCACHE": str(folder / "cache")})
    return folder / "dial"


@pytest.mark.parametrize("libc", ["distro", "patched"])
@pytest.mark.parametrize("kernel, limit, told", [
    ("host", "2s", "dial tcp 127.0.0.1:0: i/o timeout"),
    ("linux-stock", "2s", "dial tcp 127.0.0.1:0: i/o timeout"),
    ("linux-patched", "100s", "connected to 127.0.0.1:0"),
])
def test_go_needs_the_kernel(dial: Path, tmp_path: Path, libc: str, kernel: str,
                             limit: str, told: str) -> None:
    out = tmp_path / "told"
    with out.open("wb") as stream:
        open_column(libc, kernel).run([str(dial), limit], stdout=stream, writable=tmp_path, limit=PATIENCE)
    assert out.read_text().strip() == told
