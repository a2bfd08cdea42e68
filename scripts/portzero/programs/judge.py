# SPDX-License-Identifier: LGPL-2.1-or-later
"""What two runs of a program, at the control's port and at port 0, say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from portzero.programs.files import Program, Seen

AS_EXPECTED = ("conforms", "deviates", "refuses", "skipped")


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


def _match(seen: Iterable[Seen], told: str) -> Seen | None:
    return next((entry for entry in seen if _lacking(entry.shows, told, 0) is None), None)


def judge(program: Program, column: str, control: str, control_port: int, zero: str) -> Verdict:
    """Judge what the program told at the control's port and at port 0."""
    if (error := wrong(program, control, control_port)) is not None:
        return Verdict("broken", f"at port {control_port} it {error}")
    seen = [entry for entry in program.seen if entry.holds_for(column)]
    error = wrong(program, zero, 0)
    if error is None:
        return Verdict("fixed", f"right, but known as: {seen[0].why}") if seen \
            else Verdict("conforms", "")
    if entry := _match(seen, zero):
        return Verdict(entry.verdict, entry.why)
    return Verdict("unexpected", f"at port 0 it {error}")
