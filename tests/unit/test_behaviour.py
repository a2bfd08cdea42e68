# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference on port 0 says what was observed, and of whom."""

from __future__ import annotations

import pytest

from portzero import judge
from portzero.project import Failure
from portzero.report.behaviour import SHOWN, cell, document

CASE = {"case": "getpeername/connected", "question": "Does it name a peer at | 0?", "basis": "POSIX",
        "families": ["IPv4"], "protocols": ["TCP"], "entries": ["libc", "syscall"], "needs": []}


def verdict(kind: str, column: str = "distro/linux-stock", step: str = "", family: str = "IPv4",
            protocol: str = "TCP", entry: str = "syscall") -> judge.Verdict:
    return judge.Verdict(CASE["case"], step, column, family, protocol, entry, kind,  # type: ignore[arg-type]
                         observed={"return": -1, "errno": "ENOTCONN"} if kind != "skipped" else {},
                         deviation="key" if kind == "deviates" else "")


def test_a_cell_says_what_conforms_and_what_was_not_tried() -> None:
    assert cell([]) == ""
    assert cell([verdict("conforms"), verdict("skipped", protocol="SCTP")]) == "✓"
    assert cell([verdict("skipped")]) == "–"


def test_a_cell_says_what_deviates_and_where() -> None:
    assert cell([verdict("deviates")]) == "✗ ENOTCONN"
    assert cell([verdict("deviates", step="peer"), verdict("conforms", protocol="UDP")]) == (
        "✗ ENOTCONN (peer; TCP)")
    assert cell([verdict("differs", family="IPv6"), verdict("conforms")]) == "~ ENOTCONN (IPv6)"


def test_the_reference_has_every_case_and_the_deviations_met() -> None:
    verdicts = [verdict("deviates" if entry == "syscall" else "conforms", column, entry=entry)
                for _, column, entry in SHOWN]
    ledger = [judge.Deviation("key", "kernel", "for a reason", "in a source", ({},)),
              judge.Deviation("unmet", "kernel", "for none", "nowhere", ({},))]
    text = document([CASE], verdicts, ledger)
    assert "| `connected`: Does it name a peer at \\| 0? | POSIX | ✗ ENOTCONN | ✓ | ✓ |" in text
    assert "**key** (kernel): for a reason" in text
    assert "unmet" not in text


def test_what_was_not_observed_is_not_written_about() -> None:
    with pytest.raises(Failure, match="patched/linux-stock"):
        document([CASE], [verdict("conforms")], [])
