# SPDX-License-Identifier: LGPL-2.1-or-later
"""How programs' files are read, and what two runs are taken for."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero.programs import files
from portzero.programs.judge import Verdict, at_control, at_zero
from portzero.project import Failure

KNOWN = """
[drops]
columns = ["distro/host"]
shows = ['^dropped$']
why = "the kernel drops it"
"""
FILE = """
what = "a server"
kind = "server"
language = "C"
run = "ask"
right = ['^served from $port$']
known = ["drops"]

[[seen]]
columns = ["*/linux-patched"]
verdict = "refuses"
shows = ['^no zero$']
why = "its own rule"
"""


CANNOT = """
[cannot."distro/host"]
shows = ['^no room for $port$']
why = "it wants more memory"
"""


def judge(program: files.Program, column: str, control: str, zero: str) -> Verdict:
    return at_control(program, column, control, 8083) or at_zero(program, column, zero)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / files.KNOWN).write_text(KNOWN)
    (tmp_path / "server.toml").write_text(FILE)
    return tmp_path


@pytest.mark.parametrize("column, control, zero, word", [
    ("patched/host", "served from 8083", "served from 0", "conforms"),
    ("distro/host", "served from 8083", "served from 0", "fixed"),
    ("distro/host", "served from 8083", "dropped", "deviates"),
    ("patched/host", "served from 8083", "dropped", "unexpected"),
    ("distro/linux-patched", "served from 8083", "no zero", "refuses"),
    ("distro/host", "served from 8083", "no zero", "unexpected"),
    ("patched/host", "served from 0", "served from 0", "broken"),
    ("patched/host", "", "served from 0", "broken"),
    ("patched/host", "served from 8083", "", "unexpected"),
])
def test_verdicts(folder: Path, column: str, control: str, zero: str, word: str) -> None:
    program, = files.load_all([], folder)
    assert judge(program, column, f"{control}\n", f"{zero}\n").word == word


@pytest.mark.parametrize("key, expected", [("cannot", "skipped"), ("harmed", "harmed")])
@pytest.mark.parametrize("column, control, word", [
    ("distro/host", "no room for 8083", None),
    ("distro/host", "served from 8083", "fixed"),
    ("distro/host", "no room for 0", "broken"),
    ("patched/host", "no room for 8083", "broken"),
])
def test_what_cannot_be_right_shows_that(folder: Path, key: str, expected: str, column: str,
                                         control: str, word: str | None) -> None:
    (folder / "server.toml").write_text(FILE + CANNOT.replace("cannot", key))
    program, = files.load_all([], folder)
    assert judge(program, column, f"{control}\n", "").word == (word or expected)


@pytest.mark.parametrize("old, new, told", [
    ("right", "wright", "no key 'wright'"),
    ("right = ['^served from $port$']", "", "'right' is missing"),
    ("right = ['^served from $port$']", "right = []", "'right' is empty"),
    ("right = ['^served from $port$']", "right = ['(']", "not a regular expression"),
    ("right = ['^served from $port$']", "right = 'x'", "'right' is not a list of texts"),
    ('kind = "server"', 'kind = "peer"', "neither client nor server"),
    ('known = ["drops"]', 'known = ["lost"]', "no entry 'lost'"),
    ('"*/linux-patched"', '"*/windows"', "no column is called '*/windows'"),
    ('"refuses"', '"conforms"', "not one of deviates, refuses"),
    ("shows = ['^no zero$']", "shows = []", "needs something"),
    ("what = ", "what ", "line 2"),
    ('"*/linux-patched"', '"distro/*"', "more than one entry holds for distro/host"),
    ("[[seen]]", "[cannot.\"distro/windows\"]\n[[seen]]", "no column is called 'distro/windows'"),
    ("[[seen]]", "[cannot]\n\"distro/host\" = 'why'\n[[seen]]", "distro/host is not a table"),
])
def test_wrong_files_are_refused(folder: Path, old: str, new: str, told: str) -> None:
    (folder / "server.toml").write_text(FILE.replace(old, new))
    with pytest.raises(Failure) as raised:
        files.load_all([], folder)
    assert told in str(raised.value)
    assert "server.toml" in str(raised.value)


def test_a_name_that_nothing_has_is_refused(folder: Path) -> None:
    with pytest.raises(Failure, match="no such file"):
        files.load_all(["serv"], folder)


def test_no_files_are_no_success(tmp_path: Path) -> None:
    (tmp_path / files.KNOWN).write_text(KNOWN)
    with pytest.raises(Failure, match="no program's file"):
        files.load_all([], tmp_path)


def test_the_projects_files_are_right() -> None:
    assert {program.kind for program in files.load_all([])} == {"client", "server"}
