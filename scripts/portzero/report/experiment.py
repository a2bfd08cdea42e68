# SPDX-License-Identifier: LGPL-2.1-or-later
"""Puts what the programs of the experiment showed into docs/experiment.md,
between its marks, and their pictures beside it.

As a program: python3 -m portzero.report.experiment (make docs)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from portzero.programs import files
from portzero.programs.files import COLUMNS, Program
from portzero.project import OUT, ROOT, Failure
from portzero.report.programs import SIGNS

DOCUMENT = ROOT / "docs/experiment.md"
PICTURES = ROOT / "docs/pictures"
NAMES = ["experiment*", "chromium*", "firefox*"]
# The programs' transcripts that stand beside each other: under the
# distribution's libc, and under the patched one.
COLUMN, PATCHED = "distro/host", "patched/host"
BESIDE = "experiment"
# What a browser shows of its own: by file.
SHOWN = {"chromium.png": "chromium.zero.ipv4.png", "firefox.png": "firefox.zero.ipv4.png"}
BEGIN = "<!-- {}, made by `make docs` from the last `./portzero programs`. -->\n"
END = "<!-- The end of what is made. -->\n"
# (program, column) -> (verdict, why)
Cells = dict[tuple[str, str], tuple[str, str]]


def rows() -> list[Program]:
    """The programs of the experiment, each group from its plainest on."""
    return [program for name in NAMES
            for program in sorted(files.load_all([name]), key=lambda program: program.name)]


def observed() -> Cells:
    """What the last runs said."""
    path = OUT / "programs/results.jsonl"
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {(record["program"], record["column"]): (record["verdict"], record["why"])
            for record in records}


def expected(programs: Sequence[Program]) -> Cells:
    """What the files say that the programs show."""
    cells = {}
    for program in programs:
        for column in COLUMNS:
            cell = ("conforms", "")
            for seen in program.seen:
                if seen.holds_for(column):
                    cell = (seen.verdict, seen.why)
            if column in program.cannot:
                cell = ("skipped", program.cannot[column].why)
            cells[program.name, column] = cell
    return cells


def table(programs: Sequence[Program], cells: Cells) -> str:
    """A row a program.  Raises Failure if a cell is missing."""
    lines = ["| program | what | " + " | ".join(f"`{column}`" for column in COLUMNS) + " |",
             "|---" * (2 + len(COLUMNS)) + "|"]
    for program in programs:
        found = []
        for column in COLUMNS:
            if (program.name, column) not in cells:
                raise Failure("make docs", f"{program.name} was not run on {column}",
                              f"run ./portzero programs {' '.join(map(repr, NAMES))}")
            found.append(SIGNS[cells[program.name, column][0]][0])
        lines.append(f"| `{program.name}` | {program.what} | {' | '.join(found)} |")
    reasons: dict[str, list[str]] = {}
    for program in programs:
        for column in COLUMNS:
            verdict, why = cells[program.name, column]
            if why:
                named = reasons.setdefault(f"{SIGNS[verdict][0]} {why}", [])
                if program.name not in named:
                    named.append(program.name)
    lines += ["", *(f"* {why} (`{'`, `'.join(named)}`)" for why, named in reasons.items())]
    return "\n".join(lines) + "\n"


def transcript(column: str, program: str) -> Path:
    """What a program told at port 0."""
    return OUT / "programs/transcripts" / column.replace("/", "-") / f"{program}.zero"


def beside(left: str, right: str) -> str:
    """Two transcripts' lines beside each other, but for what differs from run to
    run."""
    sides = [[line for line in text.splitlines()
              if re.match(r"[*<>] \S|status of", line)
              and not re.match(r"< (Date|ETag|Last-Modified)", line)] for text in (left, right)]
    lines = [f"| `{COLUMN}` | `{PATCHED}` |", "|---|---|"]
    for _, start, end, second, stop in difflib.SequenceMatcher(
            None, *sides, autojunk=False).get_opcodes():
        pairs = [sides[0][start:end], sides[1][second:stop]]
        for place in range(max(map(len, pairs))):
            lines.append("| " + " | ".join(
                f"`{side[place]}`" if place < len(side) else "" for side in pairs) + " |")
    return "\n".join(lines) + "\n"


def between(text: str, title: str) -> tuple[str, str, str]:
    """What stands before, between and behind the marks of this title.  Raises
    Failure if they are not there."""
    begin = BEGIN.format(title)
    before, mark, rest = text.partition(begin)
    made, end, behind = rest.partition(END)
    if not mark or not end:
        raise Failure(str(DOCUMENT), f"the marks around '{title}' are not there",
                      "restore them (see portzero.report.experiment)")
    return before + begin, made, end + behind


def update() -> None:
    """Write the results of the last runs into the document."""
    programs = rows()
    made = {"The table": table(programs, observed()),
            "The two transcripts": beside(*(transcript(column, BESIDE).read_text()
                                            for column in (COLUMN, PATCHED)))}
    text = DOCUMENT.read_text()
    for title, block in made.items():
        before, _, behind = between(text, title)
        text = before + block + behind
    DOCUMENT.write_text(text)
    PICTURES.mkdir(exist_ok=True)
    for name, source in SHOWN.items():
        path = transcript(COLUMN, source.partition(".")[0]).with_name(source)
        (PICTURES / name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    update()
