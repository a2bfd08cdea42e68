# SPDX-License-Identifier: LGPL-2.1-or-later
"""What two runs of a program, at the control's port and at port 0, say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from portzero.programs.files import Program

AS_EXPECTED = ("conforms", "deviates", "refuses", "skipped", "harmed")


@dataclass(frozen=True)
class Verdict:
    """A cell: the word, and why."""

    word: str
    why: str

    @property
    def is_expected(self) -> bool:
        return self.word in AS_EXPECTED


def _lacking(expressions: Iterable[str], told: str, port: int) -> str | None:
    """The first of these that `told` does not show."""
    for expression in expressions:
        if not re.search(expression.replace("$port", str(port)), told, re.MULTILINE):
            return expression
    return None


def wrong(program: Program, told: str, port: int) -> str | None:
    """What is not right in what a run told, or None."""
    if (lacking := _lacking(program.right, told, port)) is not None:
        return f"lacks: {lacking}"
    for expression in program.never:
        if _lacking([expression], told, port) is None:
            return f"shows: {expression}"
    return None


def at_control(program: Program, column: str, told: str, port: int) -> Verdict | None:
    """Judge what the program told at the control's port.  None if that was
    right, as it must be before port 0 can tell something."""
    error = wrong(program, told, port)
    for word, known in (("skipped", program.cannot), ("harmed", program.harmed)):
        if cannot := known.get(column):
            if error is None:
                return Verdict("fixed", f"right, but known as: {cannot.why}")
            if _lacking(cannot.shows, told, port) is None:
                return Verdict(word, cannot.why)
    return None if error is None else Verdict("broken", f"at port {port} it {error}")


def at_zero(program: Program, column: str, told: str) -> Verdict:
    """Judge what the program told at port 0."""
    error = wrong(program, told, 0)
    entry = program.entry(column)
    if error is None:
        return Verdict("fixed", f"right, but known as: {entry.why}") if entry \
            else Verdict("conforms", "")
    if entry and _lacking(entry.shows, told, 0) is None:
        return Verdict(entry.verdict, entry.why)
    return Verdict("unexpected", f"at port 0 it {error}")
