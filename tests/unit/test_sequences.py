# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference says what the generator of call sequences found, and where."""

from __future__ import annotations

import pytest

from portzero.report.sequences import Record, section, where

FAMILIES = ("IPv4", "IPv6")


def pair(step: str, zero: int, control: int, family: str, protocol: str = "UDP",
         says: bool = False) -> list[Record]:
    return [{"case": "sequences/datagrams", "family": family, "protocol": protocol,
             "entry": "syscall", "port": port, "step": step, "observed": {"return": value},
             "standard": {"return": control} if says else None}
            for port, value in (("zero", zero), ("control", control))]


def walked() -> list[Record]:
    return [record for family in FAMILIES for record in pair("sequences", 72, 72, family)]


def rows(records: list[Record]) -> list[str]:
    return [line for line in section(records) if line.startswith("| `")]


@pytest.mark.parametrize("records, row", [
    (pair("connect(P): peer", 0, 1, "IPv6", says=True),
     "| `connect(P)`, peer | nobody | **P** | UDP (IPv6) |"),
    ([record for family in FAMILIES
      for record in pair("send, sendto(P): result", 22, 0, family)],
     "| `send, sendto(P)`, result | EINVAL | success | UDP |"),
    (pair("listen: result", 95, 95, "IPv4"), "| `listen`, result | EOPNOTSUPP | UDP (IPv4) |"),
])
def test_a_finding_is_a_row(records: list[Record], row: str) -> None:
    assert rows([*walked(), *records]) == [row]


def test_the_shortest_come_first() -> None:
    found = rows([*walked(), *pair("bind(any), send: result", 1, 0, "IPv4"),
                  *pair("send: result", 1, 0, "IPv4")])
    assert [row.split("`")[1] for row in found] == ["send", "bind(any), send"]


def test_what_was_walked_without_a_finding_is_no_row() -> None:
    assert rows(walked()) == []


def test_where() -> None:
    every = {(protocol, family) for protocol in ("UDP", "raw") for family in FAMILIES}
    assert where(every, every) == "UDP, raw"
    assert where({("raw", "IPv4"), ("raw", "IPv6"), ("UDP", "IPv6")}, every) == "raw; UDP (IPv6)"
