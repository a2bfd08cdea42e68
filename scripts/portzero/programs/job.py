# SPDX-License-Identifier: LGPL-2.1-or-later
"""The job: run programs on columns, keep what they tell, judge, report."""

from __future__ import annotations

import json
from collections.abc import Sequence

from portzero import parallel, tree
from portzero.column import LIBCS, SETTINGS, Column, open_column
from portzero.programs import files, judge, runs
from portzero.programs.judge import Verdict
from portzero.programs.runs import Task
from portzero.project import OUT, Failure, exclusive
from portzero.report import programs as report

RESULTS = OUT / "programs/results.jsonl"
# Most of a program's time is waiting, for the other side or for an answer
# that does not come: so many run beside each other on each processor.
BESIDE = 5


def _told(task: Task, *, anew: bool) -> tuple[Verdict, list[str]] | None:
    """The verdict, and at which ports it was run for that: anew, or else as is kept;
    None if not all that it takes is kept."""
    ports = []
    for is_zero in (False, True):
        told = runs.run(task, is_zero) if anew else runs.kept(task, is_zero)
        if told is None:
            return None
        ports.append("zero" if is_zero else "control")
        if wrong := runs.proven(task, told):
            return Verdict("broken", wrong), ports
        if is_zero:
            return judge.at_zero(task.program, task.name, told), ports
        verdict = judge.at_control(task.program, task.name, told, runs.control_port(task.program))
        if verdict is not None:
            return verdict, ports
    raise AssertionError("one of the two ports is the last")


def fill(task: Task, again: bool = False) -> dict[str, object]:
    """Run a program at both ports on a column, return the cell's record.  What
    was run before, with all that it depends on the same, is not run again, unless it
    was not as expected."""
    program = task.program
    found = None if again else _told(task, anew=False)
    if found is None or not found[0].is_expected:
        found = _told(task, anew=True)
    assert found is not None
    verdict, ports = found
    return {
        "program": program.name, "what": program.what, "kind": program.kind,
        "language": program.language, "column": task.name, "identity": task.column.identity(),
        "verdict": verdict.word, "why": verdict.why,
        "transcripts": {port: str(runs.path_of(task, port == "zero").relative_to(OUT))
                        for port in ports}}


def columns(names: Sequence[str]) -> dict[str, Column]:
    """Open these columns."""
    opened = {}
    for name in names:
        libc, _, kernel = name.partition("/")
        if libc in LIBCS or libc in SETTINGS:
            opened[name] = open_column(libc, kernel)
    return opened


def _store(records: list[dict[str, object]]) -> None:
    """Put these cells in the place of what was kept of them; keep the others,
    but for those of programs that there are no more."""
    kept = {}
    if RESULTS.exists():
        for line in RESULTS.read_text().splitlines():
            record = json.loads(line)
            kept[record["program"], record["column"]] = record
    kept |= {(record["program"], record["column"]): record for record in records}
    names = {program.name for program in files.load_all([])}
    partial = RESULTS.with_suffix(".partial")
    partial.write_text("".join(f"{json.dumps(kept[key])}\n" for key in sorted(kept)
                               if key[0] in names))
    partial.rename(RESULTS)


def _prepare(programs: Sequence[files.Program]) -> None:
    """Install and compile what they take."""
    tree.install(package for program in programs for package in program.packages)
    unbuilt = [program for program in programs
               if not tree.is_built(program.name, [], program.build)]
    if unbuilt:
        with report.progress(len(unbuilt), "compiling programs") as tell:
            parallel.each(lambda number: tree.build(unbuilt[number].name, [],
                                                    unbuilt[number].build),
                          range(len(unbuilt)), tell)


def run(names: list[str], wanted: list[str], again: bool = False) -> int:
    """Run the programs of these names on these columns (default: all), print
    the table; `again` also those that have been run.  Returns 0 if all is as expected, 1
    if not."""
    programs = files.load_all(names)
    for name in wanted:
        if name not in files.COLUMNS:
            raise Failure(f"column '{name}'", "programs do not run there",
                          f"use {', '.join(files.COLUMNS)}")
    _prepare(programs)
    opened = columns(wanted or files.COLUMNS)
    tasks = [Task(program, column, name) for program in programs
             for name, column in opened.items()]
    with exclusive("programs"), report.progress(len(tasks), "running programs") as tell:
        records: list[dict[str, object]] = []

        def keep(record: dict[str, object]) -> None:
            records.append(record)
            tell(f"{record['program']} on {record['column']}")

        try:
            parallel.each(lambda number: fill(tasks[number], again), range(len(tasks)), keep,
                          beside=BESIDE)
        finally:
            _store(records)
        order = {(task.program.name, task.name): number for number, task in enumerate(tasks)}
        records.sort(key=lambda record: order[str(record["program"]), str(record["column"])])
    return report.table(records, list(opened))


def listing() -> int:
    """Print what there is to run."""
    for program in files.load_all([]):
        print(f"{program.name:<24}{program.kind:<8}{program.language:<12}{program.what}")
    return 0
