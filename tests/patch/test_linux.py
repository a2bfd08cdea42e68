# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Linux series: it applies, its selftest finds the fault and its end, and
nothing but port 0 changes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from portzero import linux, results
from portzero.build import read_series
from portzero.column import open_column
from portzero.column_name import parse
from portzero.judge import as_text, by_question, differences
from portzero.project import OUT

SERIES = read_series(linux.SERIES)


@pytest.fixture(scope="session")
def source() -> Path:
    return OUT / "linux" / f"source-{linux.key('linux-stock')}"


@pytest.mark.parametrize("patch", SERIES, ids=lambda path: path.name)
def test_checkpatch(source: Path, patch: Path) -> None:
    told = subprocess.run(
        ["perl", source / "scripts/checkpatch.pl", "--no-tree", "--strict", "--terse",
         "--ignore", "FILE_PATH_CHANGES", patch], capture_output=True, text=True, check=False,
        cwd=source)
    assert told.returncode == 0, told.stdout


@pytest.fixture(scope="session")
def selftest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    patched = OUT / "linux" / f"source-linux-patched-{linux.key('linux-patched')}"
    selftests = patched / "tools/testing/selftests"
    program = tmp_path_factory.mktemp("kselftest") / "port_zero"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", f"-I{selftests}", "-o", program,
                    selftests / "net/port_zero.c"], check=True)
    return program


@pytest.mark.parametrize("kernel, status, totals", [
    ("linux-stock", 1, "pass:18 fail:12"), ("linux-patched", 0, "pass:30 fail:0")])
def test_selftest(selftest: Path, tmp_path: Path, kernel: str, status: int, totals: str) -> None:
    out = tmp_path / "told"
    with out.open("wb") as stream:
        ended = open_column("distro", kernel).run([str(selftest)], stdout=stream,
                                                  writable=tmp_path, limit=120)
    told = out.read_text()
    assert totals in told
    assert ended == status
    failed = [line for line in told.splitlines() if line.startswith("not ok")]
    assert not [line for line in failed if "control" in line]


@pytest.mark.usefixtures("whole_matrix")
def test_only_port_0_changes() -> None:
    """The complete difference of the two kernels, through every libc."""
    for libc in ("distro", "stock", "patched"):
        found = [by_question(results.read(parse(f"{libc}/{kernel}")).seen.records)
                 for kernel in linux.KERNELS]
        lines = [as_text(difference) for difference in differences(*found)]
        assert lines
        assert not [line for line in lines if " control:" in line]
