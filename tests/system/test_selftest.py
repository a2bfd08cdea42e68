# SPDX-License-Identifier: LGPL-2.1-or-later
"""The suite can fail: a getpeername() that is wrong in one way, preloaded
over the patched libc's, must turn the run red."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from portzero import judge
from portzero.column import SUITE, Column, open_column, suite
from portzero.deviations import read_deviations
from selftest.mutations import (
    COLUMN, Mutation, finders, mutations, under, verdicts, wrong_library)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wrong_library(tmp_path_factory.mktemp("wrong"))


def test_there_are_mutations_of_every_call() -> None:
    assert len(mutations()) >= 25
    assert {mutation.call for mutation in mutations()} == {
        "accept", "connect", "getpeername", "getsockname", "recvfrom", "sendto"}


@pytest.mark.parametrize("mutation", mutations(), ids=lambda mutation: mutation.way)
def test_wrong_implementation_is_found(library: Path, tmp_path: Path, mutation: Mutation) -> None:
    found = verdicts(open_column(COLUMN), tmp_path / "observations", mutation.case,
                     *under(mutation, library), time_limit=5 if mutation.hangs else 15)
    assert finders(found) == {mutation.case}
    # The raw system calls do not pass through the library.
    assert {verdict.verdict for verdict in found if verdict.entry == "syscall"} <= judge.EXPECTED


def test_preloading_alone_changes_nothing(library: Path, tmp_path: Path) -> None:
    found = verdicts(open_column(COLUMN), tmp_path / "observations", "*", "env",
                     f"LD_PRELOAD={library}")
    assert found
    assert {verdict.verdict for verdict in found} <= judge.EXPECTED


def test_another_libc_is_not_taken_for_the_columns(columns: dict[str, Column],
                                                   tmp_path: Path) -> None:
    results = tmp_path / "observations"
    columns["stock"].run([str(suite(columns["stock"])), "--output", str(results), "--case",
                          "getpeername/fresh"], stdout=(tmp_path / "ktap").open("wb"))
    found = judge.judge("patched/host", judge.read_records(results), columns["patched"].identity(), [])
    assert {verdict.verdict for verdict in found} == {"broken"}


@pytest.mark.parametrize("compiler", [
    ["-fsanitize=undefined", "-fno-sanitize-recover=all"],
    # The address sanitizer's own getpeername() reads the length first, so
    # it cannot be asked about bad arguments.
    ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
], ids=["undefined", "address"])
def test_suite_is_clean_under_sanitizers(columns: dict[str, Column], tmp_path: Path,
                                         compiler: list[str]) -> None:
    column = columns["distro"]
    program = tmp_path / "suite"
    sources = [str(path) for path in [*SUITE.glob("core/*.c"), *SUITE.glob("cases/*.c")]]
    subprocess.run(["gcc", "-std=gnu17", "-g", "-O1", *compiler, f"-I{SUITE}/core", "-o", program,
                    *sources], check=True)
    results = tmp_path / "observations"
    patterns = ["[!g]*", "getso*", "getpeername/[!a]*"] if "address" in compiler[0] else ["*"]
    for pattern in patterns:
        with (tmp_path / "ktap").open("wb") as ktap:
            assert column.run([str(program), "--output", str(results), "--case", pattern],
                              stdout=ktap) == 0
    found = judge.judge(column.name, judge.read_records(results), column.identity(),
                        read_deviations(SUITE / "deviations.toml"))
    assert {verdict.verdict for verdict in found} <= judge.EXPECTED
