# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes into docs/releases.md what the releases answer differently, between
its two marks.

As a program: python3 -m portzero.report.between (make docs)."""

from __future__ import annotations

import sys

from portzero import compare, releases, results
from portzero.column_name import ADDED
from portzero.project import ROOT, Failure
from portzero.report.marks import Marks

MARKS = Marks(ROOT / "docs/releases.md",
              "<!-- Made by `make docs` from the last `./portzero matrix --release all`. -->\n",
              "<!-- The end of what is made. -->\n")


def _table(head: str, rows: list[str]) -> list[str]:
    return ["", head, f"|{'---|' * (head.count('|') - 1)}", *rows] if rows else []


def made(steps: list[compare.Step]) -> str:
    """What must stand between the marks."""
    lines = []
    for step in steps:
        verb = f"{step.differing:,} of" if step.differing else "None of the"
        alone = step.alone.total()
        lines += ["", f"**{releases.read(step.after).title} after {releases.read(step.before).title}.** "
                  f"{verb} {step.compared:,} answers {'differ' if step.differing else 'differs'}"
                  + (f"; {alone:,} could be had on one of them only." if alone else ".")]
        lines += _table("| only on | answers | of | why not on the other |", [
            f"| {step.before if lack.release == step.after else step.after} | {lack.count:,} "
            f"| {lack.what} | {lack.reason} |" for lack in step.lacks()])
        lines += _table(f"| case | {step.before} | {step.after} | on |", [
            f"| `{change.case}` {change.step} ({', '.join(change.protocols)}) | {change.before} "
            f"| {change.after} | {', '.join(change.columns)} |"
            for change in step.changes.values()])
    return "\n".join([*lines, "", ""])


def last_steps() -> list[compare.Step]:
    """What differs between the releases in the last run.

    Raises Failure if it was not one of all, by one version of the suite."""
    columns = [results.read(name) for name in results.names()
               if name.release in releases.names() and name.kernel != ADDED]
    missing = set(releases.names()) - {kept.name.release for kept in columns}
    again = "run ./portzero matrix --release all"
    if missing:
        raise Failure("docs/releases.md", f"there are no results of {', '.join(sorted(missing))}", again)
    if len({kept.seen.digest for kept in columns}) != 1:
        raise Failure("docs/releases.md", "the releases were asked by several versions of the suite",
                      again)
    return compare.steps(columns)


if __name__ == "__main__":
    try:
        MARKS.put(made(last_steps()))
    except Failure as failure:  # Most runs are of one release.
        print(f"{failure}; it stays as it is", file=sys.stderr)
