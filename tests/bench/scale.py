# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what an observation costs as their number doubles, and writes it
into docs/matrix.md: of the suite, by which part of the cases are asked; of
judging and reporting, by copies of what was observed, whose cases have names of
their own.

Processor time, not the clock's: that of the suite's processes, and our own."""

from __future__ import annotations

import copy
import os
import platform
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

from portzero import judge, matrix, observations, report
from portzero.cases import list_cases
from portzero.column import open_column, suite
from portzero.project import ROOT

DOCUMENT = ROOT / "docs/matrix.md"
BEGIN, END = "<!-- Made by `make scale`. -->\n", "<!-- The end of what is made. -->\n"
# About an eighth, a quarter, half, and all of the cases.
PARTS = ("[a-b]*", "[a-c]*", "[a-h]*", "*")
COPIES = (1, 2, 4, 8)
TRIES = 3


def spent() -> float:
    """By this process, and those it has waited for."""
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def least(work: Callable[[], None]) -> float:
    """Seconds of a processor that WORK takes: the least of some tries, as what
    others do can only add to it."""
    times = []
    for _ in range(TRIES):
        before = spent()
        work()
        times.append(spent() - before)
    return min(times)


def observe(folder: Path, part: str) -> tuple[float, list[judge.Record]]:
    """Ask a part of the cases; return the seconds, and what was observed."""
    column = open_column("distro")
    program, out, told = str(suite(column)), folder / "observations", folder / "ktap"

    def ask() -> None:
        out.unlink(missing_ok=True)
        with told.open("wb") as ktap:
            assert column.run([program, "--output", str(out), "--case", part], stdout=ktap) == 0

    seconds = least(ask)
    with out.open() as lines:
        return seconds, observations.parse(str(out), lines, "run it again").records


def copies(records: list[judge.Record], count: int) -> list[judge.Record]:
    made = []
    for number in range(count):
        for record in records:
            another = copy.copy(record)
            another["case"] += f"-{number}" if number else ""
            made.append(another)
    return made


def conclude(folder: Path, records: list[judge.Record]) -> None:
    """Judge, and write all that `./portzero matrix` writes."""
    column = open_column("distro")
    ledger = matrix.deviations()
    name = "distro/host"
    verdicts = judge.judge(name, records, column.identity(), ledger)
    ran = report.Ran(name, column.identity(), records, verdicts)
    model = report.Model([ran], {case["case"]: case for case in list_cases()}, ledger)
    with report.publishing(model, [], folder / "junit.xml", folder / "index.html"):
        pass
    (folder / "verdicts.jsonl").write_text(judge.as_lines(verdicts))


def table() -> str:
    lines = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines += ["| asked | observations | processor time | of each |", "|---|---|---|---|"]
        records: list[judge.Record] = []
        for part in PARTS:
            seconds, records = observe(folder, part)
            lines.append(f"| `--case '{part}'` | {len(records)} | {seconds:.1f} s "
                         f"| {seconds / len(records) * 1e6:.0f} µs |")
        lines += ["", "| judged and reported | observations | processor time | of each |",
                  "|---|---|---|---|"]
        conclude(folder, records)  # What is only done once.
        for count in COPIES:
            some = copies(records, count)
            seconds = least(lambda some=some: conclude(folder, some))  # type: ignore[misc]
            lines.append(f"| {count} × all | {len(some)} | {seconds:.1f} s "
                         f"| {seconds / len(some) * 1e6:.0f} µs |")
    return "\n".join(lines) + "\n"


def main() -> None:
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    made = (f"On Linux {platform.release().partition('-')[0]} with {os.cpu_count()} cores, `distro/host`, "
            f"the least of {TRIES} tries:\n\n")
    DOCUMENT.write_text(before + BEGIN + made + table() + END + after)


if __name__ == "__main__":
    main()
