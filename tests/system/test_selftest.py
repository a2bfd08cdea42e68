# SPDX-License-Identifier: LGPL-2.1-or-later
"""The suite can fail: a getpeername() that is wrong in one way, preloaded
over the patched libc's, must turn the run red."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conftest import wrong_library
from portzero import judge
from portzero.column import SUITE, Column, suite

WAYS = {
    # The way, the case that must find it, and the verdict it must reach there.
    "swapped port": ("getpeername/connected", "broken"),
    "port 1 for port 0": ("getpeername/connected", "unexpected"),
    "stale length": ("getpeername/truncation", "broken"),
    "byte too many": ("getpeername/connected", "broken"),
    "errno on success": ("getpeername/connected", "broken"),
    "success without a peer": ("getpeername/fresh", "broken"),
    "other errno": ("getpeername/fresh", "broken"),
    "descriptor left": ("getpeername/no_descriptor_left", "broken"),
    "crash": ("getpeername/connected", "broken"),
    "hang": ("getpeername/link_local_stream", "broken"),
}


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wrong_library(tmp_path_factory.mktemp("wrong"), "wrong_getpeername")


def verdicts(column: Column, results: Path, case: str, *prefix: str) -> list[judge.Verdict]:
    results.unlink(missing_ok=True)
    with (results.with_suffix(".ktap")).open("wb") as ktap:
        column.run([*prefix, str(suite(column)), "--output", str(results), "--case", case,
                    "--time-limit", "1"], stdout=ktap)
    return judge.judge(column.name, judge.read_records(results), column.identity(),
                       judge.read_deviations(SUITE / "deviations.toml"))


@pytest.mark.parametrize("way", WAYS)
def test_wrong_getpeername_is_found(columns: dict[str, Column], library: Path, tmp_path: Path,
                                    way: str) -> None:
    case, expected = WAYS[way]
    # A hang costs its time limit each time: a case with few variants shows it.
    pattern = case if way == "hang" else "getpeername/*"
    preload = ["env", f"LD_PRELOAD={library}", f"WRONG={way}"]
    found = verdicts(columns["patched"], tmp_path / "observations", pattern, *preload)
    shown = {entry: {verdict.verdict for verdict in found
                     if verdict.case == case and verdict.entry == entry}
             for entry in ("libc", "syscall")}
    assert expected in shown["libc"]
    # The raw system call does not pass through the library.
    assert shown["syscall"] <= judge.EXPECTED


def test_preloading_alone_changes_nothing(columns: dict[str, Column], library: Path,
                                          tmp_path: Path) -> None:
    found = verdicts(columns["patched"], tmp_path / "observations", "getpeername/*", "env",
                     f"LD_PRELOAD={library}")
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
                        judge.read_deviations(SUITE / "deviations.toml"))
    assert {verdict.verdict for verdict in found} <= judge.EXPECTED
