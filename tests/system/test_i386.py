# SPDX-License-Identifier: LGPL-2.1-or-later
"""The columns of i386, where what they need is installed (`./portzero packages
i386`); those of our own libcs, where they are built."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from portzero import architectures, judge, observations, packages
from portzero.column import FOREIGN, is_built, open_column, suite
from portzero.column_name import ColumnName, default_release
from portzero.project import OUT, Failure
from portzero.results import RESULTS, folder

from conftest import PATIENCE, peers_named, portzero

# Of the system's own libc, which need not be built.
SYSTEM = ("i386-distro", "i386-preload")
BUILT = tuple(libc for libc in FOREIGN if libc not in SYSTEM)


@pytest.fixture(scope="module", autouse=True)
def runs() -> None:
    """Skip all where nobody asked for i386."""
    if absent := packages.missing(packages.needed("i386")):
        pytest.skip(f"the columns of i386 need {', '.join(absent)} (./portzero packages i386)")
    try:
        architectures.check_runs("i386")
    except Failure as failure:
        pytest.skip(str(failure))


def asked(libcs: tuple[str, ...]) -> list[str]:
    return [word for libc in libcs for word in ("--libc", libc)]


@pytest.mark.parametrize("libcs, naming", [
    (SYSTEM, {"i386-preload"}), (BUILT, {"i386-patched", "i386-patched-accept"})],
    ids=["the system's", "ours"])
def test_all_is_as_expected(libcs: tuple[str, ...], naming: set[str], tmp_path: Path) -> None:
    """And who names peers, said once more without the judge."""
    names = [ColumnName(default_release(), libc, "host") for libc in libcs]
    if libcs == BUILT and not all(map(is_built, names)):
        pytest.skip(f"these columns are not built (./portzero matrix {' '.join(asked(BUILT))})")
    # Its results are not those that other tests look at.
    for built in OUT.iterdir():
        if built.name not in ("results", "report"):
            (tmp_path / built.name).symlink_to(built)
    result = portzero("matrix", *asked(libcs), timeout=12 * PATIENCE,
                      env={**os.environ, "PORTZERO_OUT": str(tmp_path)})
    assert (result.returncode, "All as expected." in result.stdout) == (0, True), result.stdout[-2000:]
    verdicts = [json.loads(line)
                for line in (tmp_path / "results/verdicts.jsonl").read_text().splitlines()]
    named, tried = peers_named(verdicts)
    assert tried > 0
    assert named == {(f"{libc}/host", "libc"): tried for libc in naming}
    for name in names:
        seen = tmp_path / "results" / folder(name).relative_to(RESULTS) / "observations.jsonl"
        ran = json.loads(seen.read_text().splitlines()[1])["ran"]
        assert (ran["libc"], Path(ran["loader"]).name) == (
            open_column(name.libc).build_id, "ld-linux.so.2")


def test_socketcall_and_the_system_calls_answer_alike(tmp_path: Path) -> None:
    """i386 has two ways past the libc.  Each question, asked by either."""
    column = open_column("i386-distro")
    answers = []
    for option in ((), ("--socketcall",)):
        seen = tmp_path / f"observations{len(answers)}.jsonl"
        with (tmp_path / "told").open("wb") as told:
            assert column.run([str(suite(column)), "--output", str(seen), "--listener-port", "8080",
                               "--time-limit", str(PATIENCE), *option], stdout=told) == 0
        with seen.open() as lines:
            found = observations.parse(str(seen), lines, "")
        assert not found.flaw
        answers.append(judge.by_question(record for record in found.records
                                         if record["entry"] == "syscall"))
    assert len(answers[0]) > 1000
    assert [judge.as_text(one) for one in judge.differences(*answers)] == []


def test_socketcall_is_what_is_called(tmp_path: Path) -> None:
    """Not the other way under its name: by the number of the system call (of
    getpeername on i386: 368, of socketcall: 102)."""
    program = str(suite(open_column("i386-distro")))
    calls = {}
    for option in ((), ("--socketcall",)):
        # strace shows what socketcall was asked for, under that name.
        result = subprocess.run(
            ["strace", "-f", "--syscall-number", "-e", "trace=getpeername,socketcall",
             "-o", str(tmp_path / "trace"), program, "--case", "getpeername/fresh", *option],
            text=True, capture_output=True, check=False)
        assert result.returncode == 0, result.stderr
        calls[option] = Counter(re.findall(r"\[ *(\d+)\] getpeername\(",
                                           (tmp_path / "trace").read_text()))
    # The libc has its own way.
    assert calls[()]["102"] == calls[()]["368"] > 0
    assert calls["--socketcall",] == {"102": calls[()].total()}


def test_a_32_bit_program_runs_on_it(tmp_path: Path) -> None:
    source = tmp_path / "size.c"
    source.write_text("#include <stdio.h>\nint main (void) { return printf (\"%zu\\n\", sizeof "
                      "(long)) < 0; }\n")
    foreign = architectures.read("i386")
    subprocess.run([foreign.compiler, "-o", tmp_path / "size", source], check=True)
    result = portzero("run", "--libc", "i386-preload", "--", str(tmp_path / "size"))
    assert (result.returncode, result.stdout, result.stderr) == (0, "4\n", "")
