# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/mutations.md knows the mutations there are; `make docs` asks of the
cases, too."""

from __future__ import annotations

from selftest.mutations import DOCUMENT, Mutation, document, mutations, stale

CASES = ["connect/peer", "connect/twice", "bind/any_port"]
FOUND = {Mutation("connect: twice", "connect/twice"): {"connect/twice"},
         Mutation("connect: lost", "connect/peer"): {"connect/peer", "connect/twice"}}
WAYS = [mutation.way for mutation in FOUND]


def test_it_is_of_these_mutations() -> None:
    known = stale(DOCUMENT.read_text(), [mutation.way for mutation in mutations()], [])
    assert [name for name in known if ": " in name] == []


def test_what_is_stale() -> None:
    text = document(FOUND, CASES)
    assert stale(text, WAYS, CASES) == []
    assert stale(text, [*WAYS, "connect: new"], CASES) == ["connect: new"]
    assert stale(text, WAYS[:1], CASES) == WAYS[1:]
    assert stale(text, WAYS, [*CASES, "bind/new"]) == ["bind/new"]
    assert stale(text, WAYS, CASES[:2]) == CASES[2:]


def test_which_cases_find_what() -> None:
    text = document(FOUND, CASES)
    assert "| connect: lost | 2 | connect/peer, connect/twice |" in text
    assert "| connect/twice | 2 |" in text
    assert text.endswith("\n- bind/any_port\n")
