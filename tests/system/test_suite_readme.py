# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/conformance/README.md is true: what it says is followed in a copy."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from portzero.column import SUITE


class Copy:
    """A copy of the suite, to be changed and built."""

    def __init__(self, folder: Path) -> None:
        self.suite = folder / "conformance"
        self.out = folder / "out"
        shutil.copytree(SUITE, self.suite, ignore=shutil.ignore_patterns("build"))

    def change(self, file: str, old: str, new: str) -> None:
        path = self.suite / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def run(self, case: str) -> str:
        subprocess.run(["make", "--silent", f"--directory={self.suite}", f"O={self.out}",
                        "CFLAGS=-O0", "WARNINGS=-Wall -Wextra -Werror"], check=True)
        return subprocess.run([self.out / "portzero-suite", "--case", case], check=True,
                              capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("suite"))


def test_the_example_of_a_case_is_one(copy: Copy) -> None:
    readme = (SUITE / "README.md").read_text()
    code = re.search(r"```c\n(.*?)```", readme, re.DOTALL)
    assert code
    (copy.suite / "cases/example.c").write_text(code[1])
    told = copy.run("getpeername/example")
    assert "ok 2 getpeername/example IPv4 TCP libc zero" in told
    assert "not ok" not in told


def test_a_call_is_a_row(copy: Copy) -> None:
    with (copy.suite / "core/calls.h").open("a") as table:
        table.write("CALL (int, socketpair, (int family, int type, int protocol, int ends[2]),"
                    " family, type, protocol, ends)\n")
    (copy.suite / "cases/pair.c").write_text(
        '#include "case.h"\n'
        'CASE (socketpair, internet, .question = "?", .basis = "POSIX.1-2017 socketpair()",\n'
        "      .families = IPV4, .protocols = TCP)\n"
        "{\n"
        "  int ends[2];\n"
        '  observe_call (test, "", "socketpair",\n'
        "                test->entry->socketpair (AF_INET, SOCK_STREAM, 0, ends),\n"
        "                error (EOPNOTSUPP));\n"
        "}\n")
    told = copy.run("socketpair/internet")
    assert told.count("\nok ") == 4


def test_a_protocol_is_a_bit_and_a_row(copy: Copy) -> None:
    copy.change("core/case.h", "NO_PROTOCOL =", "NOVELTY = 1024,\n  NO_PROTOCOL =")
    copy.change("core/case.h", "CONNECTION = STREAM |", "CONNECTION = STREAM | 1024 |")
    copy.change("core/variants.c", '{ NO_PROTOCOL, "-"',
                '{ NOVELTY, "Novelty", SOCK_STREAM, 255, ANY_FAMILY, "CONFIG_NOVELTY" },\n'
                '  { NO_PROTOCOL, "-"')
    told = copy.run("getpeername/fresh")
    assert "getpeername/fresh IPv4 Novelty libc zero # SKIP" in told
