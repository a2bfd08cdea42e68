# SPDX-License-Identifier: LGPL-2.1-or-later
"""What two columns, or two runs, answer differently."""

from __future__ import annotations

import itertools
import json
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

from portzero import judge, results
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


def _is_answer(observed: judge.Record | None) -> bool:
    return observed is not None and "skipped" not in observed


def between_releases(names: list[ColumnName], kind: str = "columns") -> list[str]:
    """What to tell of a run over several releases: for each release and the
    one before it, which cases the same column answers otherwise, and which
    protocols only one of them speaks."""
    lines = []
    releases = list(dict.fromkeys(name.release for name in names))
    for before, after in itertools.pairwise(releases):
        cases: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        alone: Counter[str] = Counter()
        compared, differing = 0, 0
        for name in names:
            older = replace(name, release=before)
            if name.release != after or older not in names:
                continue
            differences, asked, _ = _pair(results.read(older, kind), results.read(name, kind))
            compared += asked
            for difference in differences:
                case, _, _, protocol, *_ = difference["question"]
                if _is_answer(difference["first"]) and _is_answer(difference["second"]):
                    differing += 1
                    cases[case][f"{name.libc}/{name.kernel}"].add(protocol)
                else:
                    alone[protocol] += 1
        lines.append(f"{after} after {before}: {differing} of {compared} answers differ, "
                     f"{alone.total()} were got on one of them only"
                     + "".join(f"{sign} {protocol} {count}" for sign, (protocol, count) in zip(
                         itertools.chain(":", itertools.repeat(",")), alone.most_common())))
        for case, where in sorted(cases.items()):
            protocols = sorted(set().union(*where.values()))
            lines.append(f"  {case} ({', '.join(protocols)}) on {', '.join(where)}")
        if differing:
            lines.append(f"  ./portzero diff {before}:LIBC/KERNEL {after}:LIBC/KERNEL lists them")
    return lines
