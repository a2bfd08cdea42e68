# SPDX-License-Identifier: LGPL-2.1-or-later
"""./portzero evidence: shows its claims here, and does not where they do not
hold."""

from __future__ import annotations

import json

import pytest

from conftest import PORTZERO, portzero
from portzero.column import open_column
from portzero.evidence import Step, find_check, instructions, judge_disassembly
from portzero.project import output_of

BARE = ["mov $0x34,%eax", "syscall", "cmp $0xfffffffffffff001,%rax", "jae 10 <getpeername+0x10>",
        "ret", "mov 0xc8579(%rip),%rcx # 1d2de0 <h_errlist>", "neg %eax", "mov %eax,%fs:(%rcx)",
        "or $0xffffffffffffffff,%rax", "ret"]


def test_it_shows_what_it_claims_to_an_ordinary_user() -> None:
    result = portzero("evidence", "--json", ordinary=True)
    told = json.loads(result.stdout)
    assert result.returncode == 0, [step["wrong"] for step in told["steps"] if step["wrong"]]
    assert told["shown"]
    titles = " ".join(step["title"] for step in told["steps"])
    for part in ("disassembled", "TCP: connect()", "UDP over IPv6: the peer", "another port",
                 "accept()", "source of Linux", "Releases"):
        assert part in titles


def test_on_a_patched_libc_it_fails_loudly() -> None:
    result = portzero("run", "--libc", "patched", "--", PORTZERO, "evidence")
    assert result.returncode == 1
    assert "NOT SHOWN: libc answers 127.0.0.1:0, not ENOTCONN" in result.stdout
    assert "steps do not show what they should" in result.stdout


def judged(code: list[str]) -> list[str]:
    step = Step("", "")
    judge_disassembly(step, code)
    return step.wrong


def test_disassembly() -> None:
    assert judged(BARE) == []
    library = open_column("patched").files
    patched = next(file for target, file in library.items() if target.name.startswith("libc.so"))
    assert judged(instructions(output_of("objdump", "-d", "--disassemble=getpeername", patched)))


@pytest.mark.parametrize("code", [
    [], [line for line in BARE if line != "syscall"], BARE + ["syscall"],
    ["mov $0x33,%eax", *BARE[1:]], [*BARE[:2], "call 1234 <check>", *BARE[2:]],
    [*BARE, "jmp 14bf60 <__getpeername_failed>"],
    [*BARE[:2], "cmpw $0x0,0x2(%rsi)", *BARE[2:]], ["test %edi,%edi", *BARE]])
def test_what_is_no_bare_system_call(code: list[str]) -> None:
    assert judged(code)


def test_source_without_the_check() -> None:
    step = Step("", "")
    find_check("af_inet.c", "int x;\n\t\tif (!inet->inet_dport ||\n", step, 2)
    assert (step.seen, step.wrong) == (["af_inet.c:2: if (!inet->inet_dport ||"], [])
    find_check("af_inet.c", "int x;\n\t\tif (!inet->inet_dport ||\n", step, 3)
    find_check("af_inet.c", "int x;\n", step, 0)
    assert len(step.wrong) == 2
