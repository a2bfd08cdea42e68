# SPDX-License-Identifier: LGPL-2.1-or-later
"""The columns of i386, where they are built: `./portzero matrix --libc i386-stock
--libc i386-patched --libc i386-patched-accept` builds them."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from portzero import architectures, judge, observations, packages
from portzero.column import FOREIGN, is_built, open_column, suite
from portzero.column_name import ColumnName, default_release
from portzero.project import Failure
from portzero.results import RESULTS

from conftest import portzero

ASKED = [word for libc in FOREIGN for word in ("--libc", libc)]


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """Skip all where the columns are not there, which nobody must have."""
    if absent := packages.missing(packages.needed("i386")):
        pytest.skip(f"the columns of i386 need {', '.join(absent)} (./portzero packages i386)")
    try:
        architectures.check_runs("i386")
    except Failure as failure:
        pytest.skip(str(failure))
    names = [ColumnName(default_release(), libc, "host") for libc in FOREIGN]
    if not all(map(is_built, names)):
        pytest.skip(f"the columns of i386 are not built (./portzero matrix {' '.join(ASKED)})")


def test_all_is_as_expected() -> None:
    result = portzero("matrix", *ASKED)
    assert (result.returncode, "All as expected." in result.stdout) == (0, True), result.stdout[-2000:]
    verdicts = [json.loads(line) for line in (RESULTS / "verdicts.jsonl").read_text().splitlines()]
    connected = [verdict for verdict in verdicts
                 if verdict["case"] == "getpeername/connected" and verdict["observed"]
                 and verdict["protocol"] in ("TCP", "MPTCP", "UDP", "UDP-Lite")]
    named = Counter((verdict["column"], verdict["entry"]) for verdict in connected
                    if verdict["observed"].get("return") == 0)
    tried = len({(verdict["family"], verdict["protocol"]) for verdict in connected})
    assert tried > 0
    assert named == {(f"{libc}/host", "libc"): tried
                     for libc in ("i386-patched", "i386-patched-accept")}


def test_what_ran_is_the_libc_of_the_column() -> None:
    seen = RESULTS / f"columns/{default_release()}/i386-patched/host/observations.jsonl"
    if not seen.exists():
        portzero("matrix", *ASKED)
    ran = json.loads(seen.read_text().splitlines()[1])["ran"]
    assert ran["libc"] == open_column("i386-patched").build_id
    assert "ld-linux.so.2" in ran["loader"]


def test_socketcall_and_the_system_calls_answer_alike(tmp_path: Path) -> None:
    """i386 has two ways past the libc.  Each question, asked by either."""
    column = open_column("i386-stock")
    answers = []
    for option in ((), ("--socketcall",)):
        seen = tmp_path / f"observations{len(answers)}.jsonl"
        with (tmp_path / "told").open("wb") as told:
            assert column.run([str(suite(column)), "--output", str(seen), "--listener-port", "8080",
                               *option], stdout=told) == 0
        with seen.open() as lines:
            found = observations.parse(str(seen), lines, "")
        assert not found.flaw
        answers.append(judge.by_question(record for record in found.records
                                         if record["entry"] == "syscall"))
    assert len(answers[0]) > 1000
    assert [judge.as_text(one) for one in judge.differences(*answers)] == []


def test_socketcall_is_what_is_called(tmp_path: Path) -> None:
    """Not the other way under its name."""
    column = open_column("i386-stock")
    calls = {}
    for option in ("", "--socketcall"):
        result = subprocess.run(
            ["strace", "-f", "-e", "trace=getpeername,socketcall", "-o", str(tmp_path / "trace"),
             str(suite(column)), "--case", "getpeername/fresh", *([option] if option else [])],
            text=True, capture_output=True, check=False)
        assert result.returncode == 0, result.stderr
        calls[option] = (tmp_path / "trace").read_text()
    assert "getpeername(" in calls[""]
    assert calls[""].count("socketcall(") < calls["--socketcall"].count("socketcall(")


def test_a_32_bit_program_runs_on_it(tmp_path: Path) -> None:
    source = tmp_path / "version.c"
    source.write_text('#include <gnu/libc-version.h>\n#include <stdio.h>\n'
                      'int main (void) { return puts (gnu_get_libc_version ()) < 0; }\n')
    foreign = architectures.read("i386")
    subprocess.run([foreign.compiler, "-o", tmp_path / "version", source], check=True)
    result = portzero("run", "--libc", "i386-patched", "--", str(tmp_path / "version"))
    assert (result.returncode, result.stderr) == (0, "")
    result = portzero("run", "--libc", "i386-patched", "--", "true")
    assert (result.returncode, result.stderr) == (
        0, "portzero: true does not use the column's C library: it is a 64-bit program\n")
