# SPDX-License-Identifier: LGPL-2.1-or-later
"""Daemons that forbid themselves system calls, under the patched libc with its
default setting and under libportzero.so: ordinary clients are served as under the
distribution's.  With the opt-in they are, too, but for those that it is known to
harm, and these it does harm: that is why it is one.

A libc that makes another system call than its callers know of can kill such
a daemon, at any port: the filter's author could not know of it."""

from __future__ import annotations

import re

import pytest

from portzero import packages, tree
from portzero.column import open_column
from portzero.programs import files, judge, runs

FILTERED = [program for program in files.load_all([]) if program.filter]
# What differs between any two runs: numbers (process ids, ports, times, the sizes of buffers
# that a daemon trims when it comes to that), and days.  Which numbers are right, the programs'
# files say, and that is tested of both.
ERASED = re.compile(r"\d+|\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b|"
                    r"\b(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b")


@pytest.fixture(scope="session", autouse=True)
def installed() -> None:
    packages.install("programs")
    tree.install(package for program in FILTERED for package in program.packages)


def answers(text: str) -> list[str]:
    """What clients were told, and the state of the filter, without the
    daemon's own log, whose order and process ids vary."""
    dialogue = text.split("\nlog:\n")[0].splitlines()[2:]  # The first lines prove the libc.
    return [ERASED.sub("", line) for line in dialogue]


def tell(program: files.Program, libc: str, resets: int) -> str:
    task = runs.Task(program, open_column(libc), f"{libc}/host")
    told = runs.run(task, is_zero=False, resets=resets)
    assert runs.proven(task, told) is None
    return told


def test_there_are_such_daemons() -> None:
    assert {program.name for program in FILTERED} >= {"chronyd", "sshd", "tor", "vsftpd-sandbox"}


@pytest.mark.parametrize("resets", [0, 5], ids=["clients", "after-resets"])
@pytest.mark.parametrize("program", FILTERED, ids=lambda program: program.name)
def test_clients_are_served_as_under_the_distributions_libc(program: files.Program,
                                                            resets: int) -> None:
    told = {libc: tell(program, libc, resets) for libc in ("distro", "patched")}
    for libc, text in told.items():
        wrong = judge.wrong(program, text, runs.CONTROL_SOURCE)
        assert wrong is None, f"{libc}: {wrong}\n{text}"
    assert answers(told["patched"]) == answers(told["distro"])


@pytest.mark.parametrize("libc", ["patched-accept", "preload"])
@pytest.mark.parametrize("program", FILTERED, ids=lambda program: program.name)
def test_what_else_there_is_harms_those_that_are_named(program: files.Program, libc: str) -> None:
    text = tell(program, libc, 0)
    verdict = judge.at_control(program, f"{libc}/host", text, runs.CONTROL_SOURCE)
    expected = "harmed" if f"{libc}/host" in program.harmed else None
    assert (verdict and verdict.word) == expected, text
