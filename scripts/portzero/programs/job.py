# SPDX-License-Identifier: LGPL-2.1-or-later
"""The job: run programs on columns, keep what they tell, judge, report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from portzero import parallel, tree
from portzero.column import DEFAULT_LISTENER, LIBCS, SETTINGS, Column, open_column
from portzero.programs import files
from portzero.programs.files import Program
from portzero.programs.judge import Verdict, judge
from portzero.project import OUT, Failure, exclusive
from portzero.report import programs as report

RESULTS = OUT / "programs/results.jsonl"
TRANSCRIPTS = OUT / "programs/transcripts"
# From where the client of a server comes: steering makes port 0 of the first.
ZERO_SOURCE = DEFAULT_LISTENER + 2
CONTROL_SOURCE = DEFAULT_LISTENER + 3
# A guest's clock runs slower under load, and so do programs in it.
GUEST_FACTOR = 3

SCRIPT = """exec 2>&1
. /portzero/prelude.sh
port={port} SOURCE={source} RESETS={resets}
export port SOURCE RESETS
echo "kernel $(uname -r)"
echo "libc $(sha256sum < $(readlink -f /lib/*-linux-gnu/libc.so.6))"
{setup}
serve() {{ :
{serve}
}}
serve > /tmp/log 2>&1 &
SERVER=$!
run() {{ :
{run}
}}
run
echo "status $?"
echo "log:"
cat /tmp/log
"""


@dataclass(frozen=True)
class Task:
    """A cell to fill."""

    program: Program
    column: Column
    name: str


def control_port(program: Program) -> int:
    """The port that a program has as a control: the peer's, which is a
    client's if the program is a server."""
    return DEFAULT_LISTENER if program.kind == "client" else CONTROL_SOURCE


def _script(program: Program, is_zero: bool, resets: int) -> str:
    return SCRIPT.format(
        port=0 if is_zero else control_port(program),
        source=ZERO_SOURCE if is_zero else CONTROL_SOURCE, resets=resets,
        setup=program.setup, serve=program.serve, run=program.run)

def transcript(task: Task, is_zero: bool, resets: int = 0) -> tuple[str, Path]:
    """Run it at port 0 or at the control's, after so many clients that reset
    their connections.  Returns what it told, and where that is kept."""
    path = TRANSCRIPTS / task.name.replace("/", "-") / (
        f"{task.program.name}.{'zero' if is_zero else 'control'}{'.resets' if resets else ''}")
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = task.program.seconds * (1 if task.column.kernel == "host" else GUEST_FACTOR)
    command = ["timeout", "--kill-after=1", str(seconds), "sh", "-c",
               _script(task.program, is_zero, resets)]
    with path.open("wb") as out:
        status = tree.run(task.column, command, out, seconds + 10)
        if status != 0:
            late = f" (after {seconds} s)" if status in (124, 137) else ""
            out.write(f"portzero: it ended with status {status}{late}\n".encode())
    return path.read_text(errors="replace"), path


def proven(task: Task, told: str) -> str | None:
    """What is wrong with the proof of what ran, or None."""
    library = hashlib.sha256(tree.libc_of(task.column).read_bytes()).hexdigest()
    for line in (f"kernel {task.column.identity()['kernel']}", f"libc {library}  -"):
        if line not in told.splitlines():
            return f"it does not show '{line}'"
    return None


def fill(task: Task) -> dict[str, object]:
    """Run a program at both ports on a column, return the cell's record."""
    program = task.program
    record: dict[str, object] = {
        "program": program.name, "what": program.what, "kind": program.kind,
        "language": program.language, "column": task.name, "identity": task.column.identity()}
    if reason := program.cannot.get(task.name):
        return record | {"verdict": "skipped", "why": reason, "transcripts": {}}
    control, control_path = transcript(task, False)
    zero, zero_path = transcript(task, True)
    if wrong := proven(task, control) or proven(task, zero):
        verdict = Verdict("broken", wrong)
    else:
        verdict = judge(program, task.name, control, control_port(program), zero)
    return record | {
        "verdict": verdict.word, "why": verdict.why,
        "transcripts": {"control": str(control_path.relative_to(OUT)),
                        "zero": str(zero_path.relative_to(OUT))}}


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


def run(names: list[str], wanted: list[str]) -> int:
    """Run the programs of these names on these columns (default: all), print
    the table.  Returns 0 if all is as expected, 1 if not."""
    programs = files.load_all(names)
    for name in wanted:
        if name not in files.COLUMNS:
            raise Failure(f"column '{name}'", "programs do not run there",
                          f"use {', '.join(files.COLUMNS)}")
    tree.install(package for program in programs for package in program.packages)
    for program in programs:
        tree.build(program.name, [], program.build)
    opened = columns(wanted or files.COLUMNS)
    tasks = [Task(program, column, name) for program in programs
             for name, column in opened.items()]
    with exclusive("programs"), report.progress(len(tasks)) as tell:
        records: list[dict[str, object]] = []

        def keep(record: dict[str, object]) -> None:
            records.append(record)
            tell(record)

        try:
            parallel.each(lambda number: fill(tasks[number]), range(len(tasks)), keep)
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
