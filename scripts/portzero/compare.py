# SPDX-License-Identifier: LGPL-2.1-or-later
"""What two columns, or two runs, answer differently."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

from portzero import judge, releases, results
from portzero.column_name import ColumnName
from portzero.project import Failure
from portzero.results import Kept


def _check(name: str, kept: Kept) -> None:
    if kept.flaw:
        raise Failure(f"'{name}'", f"its results are not whole ({kept.flaw})",
                      "run ./portzero matrix --again")


def _pair(first: Kept, second: Kept) -> tuple[list[dict[str, Any]], int, int]:
    """The differences between two columns, how many questions both were
    asked, and how many cases only one of them was."""
    both = first.seen.asked.keys() & second.seen.asked.keys()
    found = [judge.by_question(record for record in kept.seen.records if record["case"] in both)
             for kept in (first, second)]
    differences = judge.differences(*found)
    return (differences, len(found[0].keys() | found[1].keys()),
            len(first.seen.asked.keys() ^ second.seen.asked.keys()))


def diff(first: str, second: str, as_json: bool) -> int:
    """Print each observation that is not the same on two columns, or in two
    runs column by column.  Return 1 if there is one, 0 if not."""
    sides = [results.resolve(name) for name in (first, second)]
    if ("" in sides[0]) != ("" in sides[1]):
        raise Failure(f"{first} and {second}", "one is a column, the other a whole run",
                      "compare two columns (RUN:LIBC/KERNEL), or two runs")
    names = [name for name in sides[0] if name in sides[1]]
    alone = sorted(sides[0].keys() ^ sides[1].keys())
    told, differing, questions, cases_alone = [], [], 0, 0
    for name in names:
        pair = sides[0][name], sides[1][name]
        for side, kept in zip((first, second), pair, strict=True):
            _check(f"{side} {name}".strip(), kept)
        differences, asked, lonely = _pair(*pair)
        questions += asked
        cases_alone += lonely
        differing += [{"column": name, **difference} for difference in differences]
        told += [f"{name + ': ' if name else ''}{judge.as_text(difference)}"
                 for difference in differences]
    if not questions:
        raise Failure(f"{first} and {second}", "they have no question in common",
                      "run ./portzero matrix for both")
    notes = [f"only one of them has the column {name}" for name in alone]
    if cases_alone:
        notes.append(f"{cases_alone} cases were asked on one side only and are not compared")
    if as_json:
        print(json.dumps({"first": first, "second": second, "questions": questions,
                          "differences": differing, "notes": notes}))
        return 1 if differing else 0
    for line in told:
        print(line)
    for note in notes:
        print(f"portzero: {note}", file=sys.stderr)
    print(f"{len(told)} of {questions} observations differ between {first} and {second}")
    return 1 if told else 0


@dataclass
class Change:
    """Questions of one case that columns of a release answer in one way, and
    those of the release before it in another."""

    case: str
    step: str
    before: str
    after: str
    columns: dict[str, None] = field(default_factory=dict)  # LIBC/KERNEL, in order.
    protocols: dict[str, None] = field(default_factory=dict)
    families: dict[str, None] = field(default_factory=dict)
    entries: dict[str, None] = field(default_factory=dict)
    count: int = 0


@dataclass
class Lack:
    """What a release does not answer, and the other one does."""

    release: str
    reason: str
    count: int = 0
    protocols: dict[str, None] = field(default_factory=dict)
    cases: dict[str, None] = field(default_factory=dict)

    @property
    def what(self) -> str:
        """Which questions these are, in words."""
        few = 2
        cases = ", ".join(self.cases) if len(self.cases) <= few else f"{len(self.cases)} cases"
        return f"{', '.join(self.protocols)} in {cases}"


@dataclass
class Step:
    """What differs between a release and the one before it."""

    before: str
    after: str
    compared: int = 0
    changes: dict[tuple[str, ...], Change] = field(default_factory=dict)
    # What only one of them answers, by (case, protocol, the release that does
    # not), and the reasons that this one gives.
    alone: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reasons: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def differing(self) -> int:
        return sum(change.count for change in self.changes.values())

    def lacks(self) -> list[Lack]:
        """What only one of them answers, by why the other one does not."""
        found: dict[tuple[str, str], Lack] = {}
        for key, count in self.alone.items():
            case, protocol, release = key
            reason = self.reasons.get(key, "it was not asked")
            lack = found.setdefault((release, reason), Lack(release, reason))
            lack.count += count
            lack.protocols[protocol] = lack.cases[case] = None
        return sorted(found.values(), key=lambda lack: -lack.count)

    def add(self, column: str, difference: dict[str, Any]) -> None:
        """Count one difference between both columns of this name."""
        case, step, family, protocol, entry, _ = difference["question"]
        sides = {self.before: difference["first"], self.after: difference["second"]}
        lacking = [release for release, observed in sides.items() if not _is_answer(observed)]
        for release in lacking:
            if reason := (sides[release] or {}).get("skipped", ""):
                self.reasons.setdefault((case, protocol, release), _without_family(reason, family))
        if lacking:
            # (If both lack it, one says why, and the other was not asked.)
            if len(lacking) == 1:
                self.alone[case, protocol, lacking[0]] += 1
            return
        before, after = judge.answers({side: judge.stable(difference[side])
                                       for side in ("first", "second")})
        change = self.changes.setdefault((case, step, before, after),
                                         Change(case, step, before, after))
        change.columns[column] = change.protocols[protocol] = None
        change.families[family] = change.entries[entry] = None
        change.count += 1


def _is_answer(observed: judge.Record | None) -> bool:
    return observed is not None and "skipped" not in observed


def _without_family(reason: str, family: str) -> str:
    return reason.removeprefix("the control: ").replace(f" over {family} ", " ")


def steps(columns: list[Kept]) -> list[Step]:
    """What differs in a run over several releases: between each release and
    the one before it, from column to column of the same libc and kernel."""
    found = []
    by_name = {kept.name: kept for kept in columns}
    known = releases.names()
    run = sorted({name.release for name in by_name}, key=known.index)
    for before, after in itertools.pairwise(run):
        step = Step(before, after)
        for name, kept in by_name.items():
            older = by_name.get(replace(name, release=before))
            if name.release != after or older is None:
                continue
            differences, asked, _ = _pair(older, kept)
            step.compared += asked
            for difference in differences:
                step.add(f"{name.libc}/{name.kernel}", difference)
        found.append(step)
    return found


def between_releases(columns: list[Kept]) -> list[str]:
    """What to tell of a run over several releases."""
    lines = []
    for step in steps(columns):
        lines.append(f"{step.after} after {step.before}: {step.differing} of {step.compared} answers "
                     f"differ, {step.alone.total()} could be had on one of them only")
        lines += [f"  {lack.count} not on {lack.release} ({lack.what}): {lack.reason}"
                  for lack in step.lacks()]
        for change in step.changes.values():
            title = f"{change.case} {change.step}".rstrip()
            lines.append(f"  {title} ({', '.join(change.protocols)}): {change.before} -> "
                         f"{change.after} on {', '.join(change.columns)}")
        if step.changes:
            lines.append(f"  ./portzero diff {step.before}:LIBC/KERNEL {step.after}:LIBC/KERNEL "
                         "lists them")
    return lines
