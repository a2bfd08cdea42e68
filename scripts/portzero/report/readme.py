# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts the results of the last run into README.md, between its two marks.

As a program: python3 -m portzero.report.readme (make docs)."""

from __future__ import annotations

import json
from pathlib import Path

from portzero import judge, linux, results
from portzero.column_name import parse
from portzero.project import ROOT, Failure
from portzero.report.summary import Summary
from portzero.report.terminal import block

README = ROOT / "README.md"
BEGIN = "<!-- The grid by call, made by `make docs` from the last `./portzero matrix`. -->\n```\n"
END = "```\n<!-- The end of what is made. -->\n"


def parts(text: str) -> tuple[str, str, str]:
    """Return what stands before, between and behind the marks.

    Raises Failure if they are not there, once each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Failure(str(README), "the marks around what is made are not there, once each",
                      "restore them (see portzero.report.readme)")
    before, _, rest = text.partition(BEGIN)
    between, _, behind = rest.partition(END)
    return before, between, behind


def made(verdicts: list[judge.Verdict]) -> str:
    """What must stand between the marks: the grid by call, of the kernels that are
    made here.  Those that read it have other hosts."""
    columns = [column for column in dict.fromkeys(verdict.column for verdict in verdicts)
               if parse(column).kernel in linux.KERNELS]
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


def update(path: Path = README) -> None:
    """Write the results of the last run into README."""
    before, _, behind = parts(path.read_text())
    path.write_text(before + BEGIN + made(last_verdicts()) + END + behind)


if __name__ == "__main__":
    update()
