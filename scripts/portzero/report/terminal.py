# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows verdicts: the grid on the terminal.  The only module that knows
colours."""

from __future__ import annotations

from collections import Counter, defaultdict

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from portzero.judge import EXPECTED, VERDICTS, Verdict, responsible, worst

SIGNS = {
    "conforms": ("✓", "green"), "deviates": ("✗", "yellow"), "differs": ("~", "cyan"),
    "unexpected": ("!!", "bold red"), "fixed": ("fixed", "bold red"),
    "skipped": ("-", "dim"), "broken": ("broken", "bold red"),
}
ENTRIES = ("libc", "syscall")
# Marks a sign that holds for some of a cell's observations only.
PARTLY = "*"
# Of a long list of failures, how many to print; all are in the file.
MOST = 20


def _shown(verdicts: list[Verdict]) -> tuple[str, int, int]:
    """The verdict that a cell shows, on how many observations it holds, and
    how many there are."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    shown = worst(counts)
    told = len(verdicts) - (counts["skipped"] if shown != "skipped" else 0)
    return shown, counts[shown], told


def _cell(verdicts: list[Verdict], counted: bool) -> Text:
    """A sign; if it does not hold on all observations, also on how many of
    how many it does or, for want of room, with a mark."""
    if not verdicts:
        return Text(" ")
    shown, count, told = _shown(verdicts)
    sign, style = SIGNS[shown]
    if count != told:
        sign += f" {count}/{told}" if counted else PARTLY
    return Text(sign, style=style)


def _grid(columns: list[str], verdicts: list[Verdict], roomy: bool | None = None) -> Table:
    cells: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        cells[(verdict.case, verdict.column, verdict.entry)].append(verdict)
    if roomy is None:
        roomy = len(columns) <= 3
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("case", no_wrap=True)
    for column in columns:
        libc, kernel = column.split("/")
        if roomy:
            for entry in ENTRIES:
                table.add_column(f"{kernel}\n{libc}\n{entry}", no_wrap=True)
        else:
            short = kernel.removeprefix("linux-")
            table.add_column(f"{short}\n{libc}", no_wrap=True)
    table.add_column("\nresponsible", no_wrap=True)
    last_call = None
    for case in dict.fromkeys(verdict.case for verdict in verdicts if verdict.column in columns):
        call = case.split("/")[0]
        if last_call not in (None, call):
            table.add_section()
        last_call = call
        row = []
        for column in columns:
            pair = [_cell(cells[(case, column, entry)], roomy) for entry in ENTRIES]
            if roomy:
                row += pair
            else:
                pair[0].pad_right(max(0, 3 - pair[0].cell_len))
                row.append(pair[0] + pair[1])
        blamed = {responsible(cells[(case, column, "libc")] + cells[(case, column, "syscall")])
                  for column in columns} - {""}
        table.add_row(case, *row, "both" if len(blamed) > 1 else "".join(blamed))
    return table


def _complaints(verdicts: list[Verdict]) -> list[str]:
    """What is not as expected, the same thing told once."""
    places: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.verdict not in EXPECTED:
            places[(verdict.verdict, verdict.case, verdict.why)].append(verdict)
    lines = []
    for (kind, case, why), found in sorted(places.items()):
        first = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        step = f" ({first.step})" if first.step else ""
        lines.append(f"{kind}: {case}{step}: {why} [{first.column}, {first.family}, "
                     f"{first.protocol}, {first.entry}{more}]")
    return lines


def print_report(columns: list[str], verdicts: list[Verdict], dead: list[str]) -> bool:
    """Print the grid, what it means, and what is not as expected.

    Returns whether all is as expected."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    grid = _grid(columns, verdicts)
    if console.measure(grid).maximum <= console.width:
        console.print(grid)
    else:  # Below each other what has no room beside each other.
        for kernel in dict.fromkeys(column.split("/")[1] for column in columns):
            here = [column for column in columns if column.split("/")[1] == kernel]
            console.print(_grid(here, verdicts, roomy=len(columns) <= 3))
    counts = Counter(verdict.verdict for verdict in verdicts)
    if len(columns) > 3:
        console.print(f"columns: kernel above libc; cells: through the libc, by the raw system call; "
                      f"{PARTLY} for some variants only")
    console.print(
        "  ".join(f"{SIGNS[kind][0]} {kind} {counts[kind]}" for kind in reversed(VERDICTS)
                  if counts[kind]))
    deviations: dict[str, Verdict] = {verdict.deviation: verdict for verdict in verdicts
                                      if verdict.verdict == "deviates"}
    for key, verdict in sorted(deviations.items()):
        console.print(f"✗ {key} ({verdict.responsible}): {verdict.why}")
    missing = Counter(verdict.why for verdict in verdicts if verdict.verdict == "skipped")
    for why, count in missing.most_common():
        console.print(f"- skipped {count}: {why}")
    complaints = _complaints(verdicts)
    complaints += [f"dead: {entry}: nothing of the kind was observed; take it off "
                   "deviations.toml" for entry in dead]
    for line in complaints[:MOST]:
        console.print(line, style="bold red")
    if len(complaints) > MOST:
        console.print(f"... and {len(complaints) - MOST} more: see the verdicts", style="bold red")
    if complaints:
        console.print("Not as expected.", style="bold red")
    else:
        console.print("All as expected.", style="bold green")
    return not complaints
