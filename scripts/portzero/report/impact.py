# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts what programs showed into docs/impact.md, between its two marks: what
port 0 breaks, the worst first, and who repairs it.

It is made of the programs' files.  That these say what the last run showed,
cell by cell, is checked before anything is written.

As a program: python3 -m portzero.report.impact (make docs)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from portzero.programs import files
from portzero.programs.files import Effect, Program
from portzero.project import OUT, ROOT, Failure

IMPACT = ROOT / "docs/impact.md"
RESULTS = OUT / "programs/results.jsonl"
BEGIN = "<!-- Made by `make docs` from what programs showed. -->\n"
END = "<!-- The end of what is made. -->\n"
# What is broken is what the distribution's libc shows on a kernel as it is.
BROKEN = "distro/host"
# Who may repair it: a heading, a column.
REPAIRS = (("libc", "patched/host"), ("opt-in", "patched-accept/host"),
           ("preload", "preload/host"), ("kernel", "distro/linux-patched"))
# What nobody loses anything by.
HARMLESS = "unnamed"
# The experiment of 2014 has a document of its own.
ELSEWHERE = ("experiment", "chromium", "firefox")


def expected(program: Program, column: str) -> str:
    """The verdict that a program's file expects on a column."""
    if column in program.cannot:
        return "skipped"
    if column in program.harmed:
        return "harmed"
    entry = program.entry(column)
    return entry.verdict if entry else "conforms"


def _mark(program: Program, column: str) -> str:
    """Whether a column repairs what a program shows without."""
    entry = program.entry(column)
    word = expected(program, column)
    if word == "conforms" or (entry and entry.effect == HARMLESS):
        return "✓"
    return {"skipped": "–", "harmed": "harmed"}.get(word, "")


def _row(why: str, programs: Sequence[Program], marks: Sequence[str]) -> str:
    names = " ".join(program.name for program in programs)
    return f"| {_cell(why)} | `./portzero programs {names}` | {' | '.join(marks)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


def _broken(effect: str, programs: Iterable[Program]) -> list[str]:
    """The rows of an effect: programs of which the same is known, and which
    the same repairs, are in one."""
    groups: dict[tuple[str, tuple[str, ...]], list[Program]] = defaultdict(list)
    for program in programs:
        entry = program.entry(BROKEN)
        if entry and entry.verdict == "deviates" and entry.effect == effect:
            marks = tuple(_mark(program, column) for _, column in REPAIRS)
            groups[entry.why.removeprefix("SECURITY: "), marks].append(program)
    return [_row(why, group, marks) for (why, marks), group in
            sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))]


def _brought(programs: Iterable[Program]) -> list[str]:
    """The rows of what is worse with a repair than without, or not as well as it could
    be."""
    groups: dict[tuple[str, str], list[Program]] = defaultdict(list)
    for program in programs:
        for heading, column in REPAIRS:
            if column in program.harmed:
                groups[heading, program.harmed[column].why].append(program)
            entry = program.entry(column)
            if entry and entry.verdict == "deviates" and program.entry(BROKEN) is None:
                groups[heading, entry.why].append(program)
    merged: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (heading, why), group in groups.items():
        merged[why, tuple(program.name for program in group)].append(heading)
    return [f"| {_cell(why.removeprefix('SECURITY, by the patches: '))} "
            f"| `./portzero programs {' '.join(names)}` | {', '.join(headings)} |"
            for (why, names), headings in sorted(merged.items())]


def _refusals(programs: Iterable[Program]) -> list[str]:
    groups: dict[str, list[Program]] = defaultdict(list)
    for program in programs:
        entry = program.entry("distro/linux-patched")
        if entry and entry.verdict == "refuses":
            groups[entry.why].append(program)
    return [f"| {_cell(why)} | `./portzero programs {' '.join(program.name for program in group)}` |"
            for why, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))]


def made(programs: Sequence[Program], effects: Mapping[str, Effect]) -> str:
    """What must stand between the marks."""
    programs = [program for program in programs if not program.name.startswith(ELSEWHERE)]
    heads = " | ".join(heading for heading, _ in REPAIRS)
    lines = []
    number = 0
    for key, effect in effects.items():
        rows = _broken(key, programs)
        if not rows:
            continue
        number += 1
        lines += [f"## {number}. {effect.title}", "", effect.text, "",
                  f"| what happens | the command that shows it | {heads} |",
                  f"|---|---|{'---|' * len(REPAIRS)}", *rows, ""]
    lines += [f"## {number + 1}. Not repaired by any of these: the programs' own rules", "",
              "| what they say or do | the command that shows it |", "|---|---|",
              *_refusals(programs), ""]
    lines += ["## What the repair itself brings", "",
              "| what happens | the command that shows it | with |", "|---|---|---|",
              *_brought(programs), ""]
    fine = [program.name for program in programs
            if all(expected(program, column) == "conforms" for column in files.COLUMNS)]
    kinds = [sum(program.kind == kind for program in programs) for kind in ("client", "server")]
    lines += ["## What is as at another port", "",
              f"Of {kinds[0]} clients and {kinds[1]} servers, {len(fine)} are right on all columns: "
              f"`./portzero programs {' '.join(fine)}`.", ""]
    return "\n".join(lines)


def parts(text: str) -> tuple[str, str, str]:
    """Return what stands before, between and behind the marks.

    Raises Failure if they are not there, once each."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise Failure(str(IMPACT), "the marks around what is made are not there, once each",
                      "restore them (see portzero.report.impact)")
    before, _, rest = text.partition(BEGIN)
    between, _, behind = rest.partition(END)
    return before, between, behind


def contradictions(programs: Iterable[Program], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """The cells of which the last run did not show what the files expect."""
    shown = {(record["program"], record["column"]): record["verdict"] for record in records}
    return [f"{program.name} on {column}" for program in programs for column in files.COLUMNS
            if shown.get((program.name, column)) != expected(program, column)]


def update(path: Path = IMPACT) -> None:
    """Write what programs showed into the document."""
    programs = files.load_all([])
    records = [json.loads(line) for line in RESULTS.read_text().splitlines()] \
        if RESULTS.exists() else []
    if wrong := contradictions(programs, records):
        raise Failure("make docs", f"the last run did not show what is expected of {len(wrong)} "
                      f"cells, first {wrong[0]}", "run ./portzero programs")
    before, _, behind = parts(path.read_text())
    path.write_text(before + BEGIN + made(programs, files.effects()) + END + behind)


if __name__ == "__main__":
    update()
