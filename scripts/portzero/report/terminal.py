# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows a run on the terminal.

The grid fits any width from 40 cells on.  Columns that answer alike stand
together under one letter, cases that conform everywhere are only counted
(`everything` shows each), and columns that have no room beside the others come
below them.  A verdict is never shortened."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator
from itertools import islice

from rich.console import Console
from rich.text import Text

from portzero.judge import VERDICTS
from portzero.report.summary import Cell, Summary, described

SIGNS = {
    "conforms": ("✓", "green"), "deviates": ("✗", "yellow"), "differs": ("~", "cyan"),
    "unexpected": ("!!", "bold red"), "fixed": ("fixed", "bold red"),
    "skipped": ("-", "dim"), "broken": ("broken", "bold red"),
}
# For outputs that have no such characters.
PLAIN = {"✓": "+", "✗": "x"}
# Marks a sign that holds for some of a cell's observations only.
PARTLY = "*"
# Marks who is responsible with what alone repairs it (Summary.repairs()).
REPAIRS = {"": "", "kernel": "!", "opt-in": "+"}
# Of a long list of failures, how many to print; all are in the file.
MOST = 20
# Where the output is no terminal: wide enough for most, narrow enough to read.
WIDTH_ELSEWHERE = 100
NARROWEST = 40


def width() -> int:
    """The number of character cells of a line: what COLUMNS says, or the
    terminal, or for other outputs a fixed number."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return max(NARROWEST, int(told))
    if sys.stdout.isatty():
        columns = os.get_terminal_size(sys.stdout.fileno()).columns
        return max(NARROWEST, columns or 80)
    return WIDTH_ELSEWHERE


def console() -> Console:
    """Where all output goes: in colour only on a terminal that has some, and
    not if NO_COLOR says so."""
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get(
        "TERM", "dumb") not in ("dumb", "")
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width(),
                   force_terminal=colour, no_color=not colour,
                   color_system="standard" if colour else None)


def _sign(kind: str) -> str:
    sign = SIGNS[kind][0]
    try:
        sign.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return PLAIN[sign]
    return sign


def _cell(shown: Cell | None, counted: bool) -> Text:
    """A sign; if it does not hold on all observations, also on how many of
    how many it does or, for want of room, with a mark."""
    if shown is None:
        return Text("")
    sign = _sign(shown.verdict)
    if shown.partly:
        sign += f" {shown.count}/{shown.told}" if counted else PARTLY
    return Text(sign, style=SIGNS[shown.verdict][1])


def letters() -> Iterator[str]:
    """A, B, ... Z, AA, AB, ..."""
    length = 1
    while True:
        for number in range(26 ** length):
            yield "".join(chr(65 + number // 26 ** place % 26) for place in reversed(range(length)))
        length += 1


def _filled(text: str, first: str = "", then: str = "  ") -> list[str]:
    """Text in lines, whole words; not broken where no one looks at the width."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return [first + text]
    return textwrap.wrap(text, width(), initial_indent=first, subsequent_indent=then,
                         break_long_words=False, break_on_hyphens=False)


class _Grid:
    """The grid, as lines of a given width."""

    def __init__(self, summary: Summary, everything: bool, room: int,
                 counted: bool = True) -> None:
        self.summary = summary
        self.room = room
        groups = [[column] for column in summary.columns] if everything else summary.alike()
        self.groups = dict(zip(islice(letters(), len(groups)), groups, strict=True))
        self.calls = {
            call: ([case for case in cases if everything or not summary.plain(case)], len(cases))
            for call, cases in summary.calls.items()}
        rows = [case for cases, _ in self.calls.values() for case in cases]
        self.blamed = {case: summary.responsible(case) + REPAIRS[summary.repairs(case)]
                       for case in rows}
        self.label = max([len(case.partition("/")[2]) for case in rows], default=0) + 2
        # With numbers, if all columns then still have room beside each other.
        self._fill(counted=counted)
        self.counted = counted and len(self._layout()[0]) == 1
        if not self.counted:
            self._fill(counted=False)

    def _fill(self, *, counted: bool) -> None:
        self.cells = {
            (case, letter): [_cell(shown, counted) for shown in self.summary.pair(case, columns[0])]
            for case in self.blamed for letter, columns in self.groups.items()}
        # How wide each column's first and second sign are.
        self.widths = {
            letter: [max([self.cells[(case, letter)][place].cell_len for case in self.blamed],
                         default=1) for place in (0, 1)] for letter in self.groups}

    def legend(self) -> list[str]:
        """Which columns each letter stands for."""
        return [line for letter, columns in self.groups.items()
                for line in _filled(described(columns, self.summary.many_releases),
                                      f" {letter:<3}", "    ")]

    def _wide(self, letter: str) -> int:
        return 2 + max(len(letter), sum(self.widths[letter]) + 1)

    def _blocks(self, beside: int) -> list[list[str]]:
        """The letters, as many together as there is room for beside the labels."""
        blocks: list[list[str]] = [[]]
        used = beside
        for letter in self.groups:
            if blocks[-1] and used + self._wide(letter) > self.room:
                blocks.append([])
                used = beside
            blocks[-1].append(letter)
            used += self._wide(letter)
        return blocks

    def _layout(self) -> tuple[list[list[str]], int, bool]:
        """The letters that stand beside each other, the room left of them, and
        whether that holds the cases' names (else the cells are below them)."""
        longest = max(map(len, self.blamed.values()), default=0)
        blame = 2 + longest if longest else 0
        most = max(map(self._wide, self.groups), default=0)
        # A narrow terminal has the cells below the case's name.
        below = self.label + most + blame > self.room
        beside = 4 if below else self.label
        return self._blocks(beside + (0 if below else blame)), beside, below

    def lines(self) -> Iterator[Text]:
        """All lines of the grid."""
        blocks, beside, below = self._layout()
        for number, block in enumerate(blocks):
            if number:
                yield Text("")
            yield from self._block(block, beside, below)

    def _block(self, block: list[str], beside: int, below: bool) -> Iterator[Text]:
        head = Text(" " * beside)
        for letter in block:
            head.append("  " + letter.ljust(self._wide(letter) - 2), style="bold")
        head.rstrip()
        yield head
        for call, (cases, known) in self.calls.items():
            plain = known - len(cases)
            more = f": {plain} {'more ' if cases else ''}conform{'s' * (plain == 1)} everywhere"
            yield Text(call, style="bold") + Text(more if plain else "", style="dim")
            for case in cases:
                label = Text("  " + case.partition("/")[2])
                blamed = self.blamed[case]
                row = Text()
                for letter in block:
                    row.append("  ")
                    for place in (0, 1):
                        sign = self.cells[(case, letter)][place].copy()
                        sign.pad_right(self.widths[letter][place] - sign.cell_len)
                        row.append(sign)
                        row.append(" " * (1 - place))
                    row.append(" " * (self._wide(letter) - 3 - sum(self.widths[letter])))
                if below:
                    yield label + Text(f" ({blamed})" if blamed else "", style="dim")
                    label = Text("")
                label.pad_right(beside - label.cell_len)
                line = label + row
                if not below and blamed:
                    line.append(f"  {blamed}", style="dim")
                line.rstrip()
                yield line


def _notes(summary: Summary, partly: bool) -> Iterator[tuple[str, str]]:
    """What the signs mean and what else was seen: texts and their styles."""
    yield ("cells: through the libc, by the raw system call"
           + (f"; {PARTLY} for some variants only" if partly else ""), "dim")
    marks = {summary.repairs(case) for case in summary.cases}
    if "kernel" in marks:
        yield f"{REPAIRS['kernel']} only a mended kernel repairs it, no libc", "dim"
    if "opt-in" in marks:
        yield f"{REPAIRS['opt-in']} of the libcs, only patched-accept repairs it", "dim"
    yield ", ".join(f"{_sign(kind)} {kind} {summary.counts[kind]}" for kind in reversed(VERDICTS)
                    if summary.counts[kind]), ""
    for key, verdict in summary.deviations().items():
        yield f"{_sign('deviates')} {key} ({verdict.responsible}): {verdict.why}", ""
    for why, count in summary.missing().most_common():
        yield f"- skipped {count}: {why}", ""


def block(summary: Summary, room: int = 79) -> str:
    """The grid as plain text, without numbers, for documents."""
    grid = _Grid(summary, False, room, counted=False)
    legend = [line for letter, columns in grid.groups.items()
              for line in textwrap.wrap(described(columns, summary.many_releases), room,
                                        initial_indent=f" {letter:<3}", subsequent_indent="    ")]
    return "\n".join([*legend, "", *(line.plain for line in grid.lines())]) + "\n"


def print_report(summary: Summary, *, everything: bool = False, quiet: bool = False) -> bool:
    """Print the grid, what it means, and what is not as expected; if `quiet`,
    only the last.  `everything` gives each column and case its own place.

    Returns whether all is as expected."""
    output = console()
    if not quiet and summary.verdicts:
        grid = _Grid(summary, everything, output.width)
        for text in grid.legend():
            output.print(text)
        output.print("")
        for line in grid.lines():
            output.print(line)
        output.print("")
        partly = any(shown is not None and shown.partly for shown in summary.cells.values())
        for text, style in _notes(summary, partly and not grid.counted):
            for piece in _filled(text):
                output.print(piece, style=style)
        hidden = sum(map(len, summary.calls.values())) - len(grid.blamed)
        if hidden or len(grid.groups) < len(summary.columns):
            for piece in _filled("./portzero judge --all shows every case and column alone"):
                output.print(piece, style="dim")
    for complaint in summary.complaints[:MOST]:
        for piece in _filled(complaint):
            output.print(piece, style="bold red")
    if len(summary.complaints) > MOST:
        output.print(f"... and {len(summary.complaints) - MOST} more: see the verdicts",
                     style="bold red")
    if summary.as_expected:
        output.print("All as expected.", style="bold green")
    else:
        output.print("Not as expected.", style="bold red")
    return summary.as_expected
