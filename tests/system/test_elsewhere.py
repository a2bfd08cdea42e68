# SPDX-License-Identifier: LGPL-2.1-or-later
"""The suite builds with a C compiler alone, and what it observes on a system
that is none of ours is judged like a column."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from portzero import matrix, report, results
from portzero.column import SUITE, Column
from portzero.column_name import ADDED, ColumnName, default_release
from portzero.judge import EXPECTED
from portzero.project import Failure


@pytest.fixture
def kept_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is put into the user's results."""
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(report, "PAGE", tmp_path / "index.html")


def observed(column: Column, folder: Path, compiler: str, *emulator: str,
             pattern: str = "*") -> Path:
    """Build the suite with a compiler, run it, return what it wrote."""
    subprocess.run(["make", "--silent", "--jobs=2", f"--directory={SUITE}", f"CC={compiler}",
                    f"O={folder / 'build'}"], check=True)
    found = folder / "observations.jsonl"
    with (folder / "ktap").open("wb") as ktap:
        column.run([*emulator, str(folder / "build/portzero-suite"), "--output", str(found),
                    "--case", pattern], stdout=ktap)
    return found


def verdicts(libc: str) -> list[matrix.judge.Verdict]:
    name = ColumnName(default_release(), libc, ADDED)
    return matrix.judged(results.read(name), matrix.deviations())


@pytest.mark.usefixtures("kept_here")
def test_musl(columns: dict[str, Column], tmp_path: Path) -> None:
    found = observed(columns["distro"], tmp_path, "musl-gcc")
    # musl refuses the service numbers that are no ports, as the patched libc does.
    assert matrix.add("musl", found, "distro/host") == 1
    judged = verdicts("musl")
    assert {(verdict.verdict, verdict.case) for verdict in judged
            if verdict.verdict not in EXPECTED} == {("fixed", "getaddrinfo/no_port")}
    assert {verdict.verdict for verdict in judged} >= {"conforms", "deviates"}
    ran = json.loads(found.read_text().splitlines()[0])["ran"]
    assert "musl" in ran["libc_path"]


@pytest.mark.usefixtures("kept_here")
def test_another_architecture_in_an_emulator(columns: dict[str, Column], tmp_path: Path) -> None:
    found = observed(columns["distro"], tmp_path, "aarch64-linux-gnu-gcc", "qemu-aarch64", "-L",
                     "/usr/aarch64-linux-gnu")
    # Its own translation of socket calls answers otherwise than the kernel.
    assert matrix.add("qemu", found, "distro/host") == 1
    kept = results.read(ColumnName(default_release(), "qemu", ADDED))
    assert kept.complete
    assert kept.seen.ran["machine"] == "aarch64"
    judged = verdicts("qemu")
    assert {verdict.verdict for verdict in judged
            if verdict.case == "getpeername/connected" and verdict.observed} == {"deviates"}
    # do_getsockopt() in QEMU's linux-user/syscall.c does not know SO_PEERNAME.
    assert {verdict.why for verdict in judged if verdict.case == "getsockopt/peername_fresh"
            and verdict.verdict == "broken"} == {"the control shows EOPNOTSUPP, not ENOTCONN"}


@pytest.mark.usefixtures("kept_here")
def test_what_is_not_all_is_not_added(columns: dict[str, Column], tmp_path: Path) -> None:
    found = observed(columns["distro"], tmp_path, "gcc", pattern="accept/*")
    with pytest.raises(Failure, match=r"observations.jsonl: it has \d+ of \d+ variants"):
        matrix.add("some", found, "distro/host")
    lines = found.read_text().splitlines(keepends=True)
    found.write_text("".join(lines[:-5]))
    with pytest.raises(Failure, match=f"line {len(lines) - 5}: it ends here"):
        matrix.add("some", found, "distro/host")
    assert results.names() == []


@pytest.mark.usefixtures("kept_here")
@pytest.mark.parametrize("name", ["", "a/b", "../a", "last", default_release(), "a:b", ".a"])
def test_names_that_cannot_be(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="choose another name"):
        matrix.add(name, tmp_path / "any", "distro/host")
