# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes docs/behaviour.md, the reference on port 0 call by call, from the
cases and from what the last run observed.

As a program: python3 -m portzero.report.behaviour (make docs)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from portzero import judge, matrix, results
from portzero.cases import list_cases
from portzero.column_name import parse
from portzero.project import ROOT, Failure
from portzero.report import sequences, servers
from portzero.report.readme import last_verdicts

BEHAVIOUR = ROOT / "docs/behaviour.md"
# What the reference shows: a heading, a column of the matrix, an entry.
SHOWN = (
    ("Linux", "distro/linux-stock", "syscall"),
    ("patched libc", "patched/linux-stock", "libc"),
    ("patched Linux", "distro/linux-patched", "libc"),
)
HEAD = """# Port 0, call by call

Made by `make docs` from the suite's cases and from the last `./portzero matrix`: what a case
asks, what the standard says, and what three columns answer: an unmodified kernel through the
raw system call (where a case has only the libc's, through that), the patched libc on that
kernel, and the distribution's libc on the patched kernel.

✓ as the standard, or, where it leaves it open, as at another port. ✗ not so, and known. ~ open,
and not as at another port. – not tried there. A blank: the case is not asked that way. In
brackets: the step of the case; the protocols, if not all; the families, if not all.
`./portzero explain CASE` tells more, of every column.
"""


def _told(verdict: judge.Verdict) -> str:
    return judge.short(verdict.observed) if verdict.observed else verdict.why


def _where(some: set[tuple[str, str]], every: set[tuple[str, str]]) -> str:
    """On which of the variants, in words; empty if on all."""
    parts = []
    for axis in (1, 0):
        names = {variant[axis] for variant in some}
        if names != {variant[axis] for variant in every}:
            parts.append(", ".join(sorted(names)))
    return "; ".join(parts)


def cell(verdicts: Iterable[judge.Verdict]) -> str:
    """What a column answers to a case, in a cell of a table."""
    verdicts = list(verdicts)
    asked = {(verdict.family, verdict.protocol) for verdict in verdicts
             if verdict.verdict != "skipped"}
    if not verdicts:
        return ""
    if not asked:
        return "–"
    groups: dict[tuple[str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for verdict in verdicts:
        if verdict.verdict not in ("conforms", "skipped"):
            answer = _told(verdict)
            if verdict.observed.get("address"):
                answer = "another address"
            groups[(verdict.verdict, verdict.step, answer)].add((verdict.family, verdict.protocol))
    signs = {"deviates": "✗", "differs": "~"}
    lines = []
    for (kind, step, answer), on in groups.items():
        notes = "; ".join(part for part in (step, _where(on, asked)) if part)
        lines.append(f"{signs.get(kind, kind)} {answer}" + (f" ({notes})" if notes else ""))
    if any(verdict.verdict == "conforms" for verdict in verdicts) and not lines:
        return "✓"
    most = 4
    if len(lines) > most:
        lines = [*lines[:most], f"and {len(lines) - most} more"]
    return "<br>".join(lines)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def document(cases: list[dict[str, Any]], verdicts: list[judge.Verdict],
             ledger: list[judge.Deviation], records: Iterable[judge.Record] = ()) -> str:
    """Return the reference's text.  RECORDS are those of the first column that
    it shows.  Raises Failure if what it shows was not observed."""
    columns = {verdict.column for verdict in verdicts}
    missing = [column for _, column, _ in SHOWN if column not in columns]
    if missing:
        raise Failure("docs/behaviour.md", f"there are no results of {', '.join(missing)}",
                      "run ./portzero matrix, for all columns")
    by_cell: dict[tuple[str, str, str], list[judge.Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_cell[(verdict.case, verdict.column, verdict.entry)].append(verdict)
    calls: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in cases:
        calls[case["case"].split("/")[0]].append(case)
    lines = [HEAD, f"{len(cases)} cases on {len(calls)} calls and subjects.", "", "## What deviates", ""]
    seen = {verdict.deviation for verdict in verdicts if verdict.verdict == "deviates"}
    for entry in ledger:
        if entry.key in seen:
            lines += [f"- **{entry.key}** ({entry.responsible}): {entry.reason}.  ",
                      f"  {entry.source}"]
    for call, about in sorted(calls.items()):
        lines += ["", f"## {call}", "",
                  f"| case | the standard | {' | '.join(heading for heading, _, _ in SHOWN)} |",
                  f"|---|---|{'---|' * len(SHOWN)}"]
        for case in about:
            name = case["case"]
            cells = []
            for _, column, entry in SHOWN:
                found = by_cell[(name, column, entry)]
                if not found and entry == "syscall":
                    found = by_cell[(name, column, "libc")]
                cells.append(_escaped(cell(found)))
            lines.append(f"| `{name.split('/')[1]}`: {_escaped(case['question'])} "
                         f"| {_escaped(case['basis'])} | {' | '.join(cells)} |")
    return "\n".join([*lines, *sequences.section(records), *servers.section()]) + "\n"


def update() -> None:
    """Write the reference from the last run."""
    shown = results.read(parse(SHOWN[0][1]))
    BEHAVIOUR.write_text(document(list_cases(), last_verdicts(), matrix.deviations(),
                                  shown.seen.records))


if __name__ == "__main__":
    update()
