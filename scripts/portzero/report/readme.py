# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts the results of the last run into README.md, between its two marks.

As a program: python3 -m portzero.report.readme (make docs)."""

from __future__ import annotations

import json

from portzero import judge, linux, results
from portzero.column_name import default_release, parse
from portzero.project import ROOT, Failure
from portzero.report.marks import Marks
from portzero.report.summary import Summary
from portzero.report.terminal import block

README = ROOT / "README.md"
MARKS = Marks(
    README, "<!-- The grid by call, made by `make docs` from the last `./portzero matrix`. -->\n```\n",
    "```\n<!-- The end of what is made. -->\n")


def made(verdicts: list[judge.Verdict]) -> str:
    """What must stand between the marks: the grid by call, of the kernels that are
    made here, of the release that runs here.  Those that read it have other hosts."""
    columns = [column for column in dict.fromkeys(verdict.column for verdict in verdicts)
               if parse(column).kernel in linux.KERNELS
               and parse(column).release == default_release()]
    if not columns:
        raise Failure("make docs", "the last run has no column on a kernel that is made here",
                      "run ./portzero matrix")
    return block(Summary(columns, [verdict for verdict in verdicts if verdict.column in columns],
                         []).by_call())


def last_verdicts() -> list[judge.Verdict]:
    """What the judge last said."""
    path = results.RESULTS / "verdicts.jsonl"
    if not path.exists():
        raise Failure("make docs", "there are no results", "run ./portzero matrix first")
    return [judge.Verdict(**json.loads(line)) for line in path.read_text().splitlines()]


def update() -> None:
    """Write the results of the last run into README."""
    MARKS.put(made(last_verdicts()))


if __name__ == "__main__":
    update()
