# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: build the columns, run the suite on each, judge, report."""

from __future__ import annotations

import contextlib
import errno
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from portzero import (
    compare, glibc, host, hosts, interruption, judge, linux, releases, report, results)
from portzero.cases import digest as digest_of_cases
from portzero.cases import known, list_cases, matching
from portzero.column import (
    ALL_LIBCS, DEFAULT_LISTENER, KERNELS, SUITE, Column, is_built, open_column, suite)
from portzero.column_name import ADDED, ColumnName, default_release, parse
from portzero.progress import Step
from portzero.project import OUT, ROOT, Failure, digest, failure_of, no_space
from portzero.results import Facts, Kept
from portzero.sandbox import GuestDied

SANDBOX = ROOT / "sandbox"
LEDGER = SUITE / "deviations.toml"
# Seconds after which a variant that hangs, and a guest whose kernel does, are given
# up: no busy machine takes that long.
VARIANT_LIMIT = 300
GUEST_LIMIT = 1800
# How the suite ends when a variant was broken; which, is in the observations.
SOME_BROKEN = 3


def _key(column: Column, program: Path, pattern: str) -> str:
    """What a guest's answers depend on: it is all of our making.  The host's
    kernel is not, so it has none."""
    if column.kernel == "host":
        return ""
    return digest(program.name, glibc.RECIPE, column.build_id, str(column.environment),
                  column.identity().get("preloaded", ""),
                  linux.product(column.kernel, column.release).name, pattern,
                  *(path for path in sorted(SANDBOX.rglob("*")) if path.is_file()))


def _why_broken(why: str, told: str) -> str:
    """Say how a guest ended that did not bring the suite to its end."""
    lines = told.splitlines()
    lines = [line for line in lines if "panic" in line][:1] or lines[-8:]
    return f"the guest: {why}: {' / '.join(lines).strip()}"


def _observe(column: Column, pattern: str, listener: int | None, again: bool) -> None:
    """Run the suite on a column, and keep what it observed, what it told
    (KTAP), and what must have run."""
    program = suite(column)
    name = parse(column.name)
    kind = "columns" if pattern == "*" else "partial"
    key = _key(column, program, pattern)
    if key and not again and results.is_kept(name, kind, key):
        return
    with results.working() as folder:
        ktap, console = folder / "suite.ktap", folder / "console"
        with (Step(f"suite on {column.name}") as step, ktap.open("wb") as out,
              console.open("wb") as said):
            began = datetime.now(UTC)
            died = ""
            try:
                status = column.run(
                    [str(program), "--output", str(folder / "observations.jsonl"), "--case",
                     pattern, "--listener-port", str(DEFAULT_LISTENER), "--time-limit",
                     str(VARIANT_LIMIT)], listener=listener,
                    stdout=out, writable=folder, limit=GUEST_LIMIT, console=said)
            except GuestDied as death:
                status, died = -1, death.why
            told = ktap.read_text(errors="replace").splitlines()
            step.done = f"{sum(' ok ' in f' {line}' for line in told)} variants"
        broken = ""
        if status not in (0, SOME_BROKEN) or not told:
            if no_space(folder):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(results.RESULTS))
            if column.kernel == "host":
                raise Failure(f"suite on {column.name}", f"it ended with status {status}",
                              f"see above, or run ./portzero run --release {column.release} "
                              f"--libc {column.libc} --kernel {column.kernel} -- {program}")
            broken = _why_broken(died or f"the suite in it ended with status {status}",
                                 console.read_text(errors="replace"))
        results.keep(folder, name, Facts(
            column.name, column.identity(), "" if broken else key, broken,
            when=began.isoformat(sep=" ", timespec="seconds").partition("+")[0],
            seconds=(datetime.now(UTC) - began).total_seconds()), kind)
        if not broken and no_space(results.RESULTS) and results.read(name, kind).flaw:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(results.RESULTS))


def _observe_apart(parent: int, told: Connection, processor: int, column: Column, pattern: str,
                   listener: int | None, again: bool) -> None:
    """_observe() as a process of its own: what fails is told to the other one.  It
    has nothing to clean up that others would not: its sandbox ends with it, and its
    folder is swept.

    A guest gets one processor for itself.  Its kernel and its processes take turns
    at every system call, so it has no use for two, and loses a quarter of its time
    if they are woken on another one."""
    interruption.disarm(parent)
    if column.kernel != "host":
        os.sched_setaffinity(0, {processor})
    try:
        _observe(column, pattern, listener, again)
    except Failure as failure:
        told.send(failure.parts)
    except OSError as error:
        told.send(failure_of(error).parts)


def _observe_all(columns: list[Column], pattern: str, listeners: dict[str, int | None],
                 again: bool) -> None:
    """Observe columns side by side, as many as there are processors.

    Each has a process of its own: a sandbox takes the signals of its process.
    Raises the first Failure, when those that run have ended."""
    context = multiprocessing.get_context("fork")
    waiting = list(columns)
    free = sorted(os.sched_getaffinity(0))
    running: dict[int, tuple[BaseProcess, Connection, Column, int]] = {}
    failures: list[Failure] = []
    try:
        while running or (waiting and not failures):
            while waiting and not failures and free:
                column, processor = waiting.pop(0), free.pop(0)
                ours, theirs = context.Pipe(duplex=False)
                process = context.Process(target=_observe_apart, args=(
                    os.getpid(), theirs, processor, column, pattern, listeners[column.kernel],
                    again))
                process.start()
                theirs.close()
                running[process.sentinel] = process, ours, column, processor
            for sentinel in wait(list(running)):
                process, ours, column, processor = running.pop(
                    sentinel)  # type: ignore[arg-type]
                process.join()
                free.append(processor)
                with ours, contextlib.suppress(EOFError):
                    failures.append(Failure(*ours.recv()))
                if process.exitcode != 0 and not failures:
                    failures.append(Failure(f"suite on {column.name}", "its process ended with "
                                            f"status {process.exitcode}", "run it again"))
    finally:
        for process, *_ in running.values():
            process.terminate()
        for process, *_ in running.values():
            process.join()
    if failures:
        raise failures[0]


def ordered(names: Iterable[ColumnName]) -> list[ColumnName]:
    """Return columns in the order of the grid: by release, kernel, libc."""
    def rank(name: ColumnName) -> tuple[Any, ...]:
        known = releases.names()
        return (name.release != default_release(), known.index(name.release)
                if name.release in known else len(known), name.release,
                KERNELS.index(name.kernel) if name.kernel in KERNELS else len(KERNELS), name.kernel,
                ALL_LIBCS.index(name.libc) if name.libc in ALL_LIBCS else len(ALL_LIBCS),
                name.libc)
    return sorted(names, key=rank)


def deviations() -> list[judge.Deviation]:
    """The ledger, checked against what there is."""
    return judge.read_deviations(LEDGER, known())


def judged(kept: Kept, ledger: list[judge.Deviation]) -> list[judge.Verdict]:
    """The verdicts on what is kept of a column."""
    name = str(kept.name)
    found = judge.judge(name, kept.seen.records, kept.facts.identity, ledger, kept.facts.like)
    if kept.flaw or not found:
        found.append(judge.broken_column(name, kept.flaw or "nothing was observed"))
    return found


def _notes(columns: list[Kept], current: str) -> list[str]:
    """What the grid does not say of its columns.  CURRENT is the digest of the
    suite's cases."""
    notes = [f"{kept.name} is partial: only --case '{kept.seen.pattern}', "
             f"{kept.seen.variants} of {kept.seen.all_variants} variants"
             for kept in columns if kept.seen.partial]
    notes += [f"{kept.name} was added; it is judged like {kept.facts.like}"
              for kept in columns if kept.facts.like]
    old = [str(kept.name) for kept in columns if kept.seen.digest not in ("", current)]
    if old:
        notes.append(f"{', '.join(old)}: asked by another version of the suite; run ./portzero "
                     "matrix to ask all the same")
    return notes


def _ran(kept: Kept, ledger: list[judge.Deviation], run: str = "") -> report.Ran:
    return report.Ran(str(kept.name), kept.facts.identity, kept.seen.records, judged(kept, ledger),
                      run=run, when=kept.facts.when, seconds=kept.facts.seconds,
                      pattern=kept.seen.pattern)


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of dictionaries are made here, none of them in a circle: to look
    for those takes a third of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def judge_and_report(names: list[ColumnName] | None = None, kind: str = "columns",
                     style: report.Style = report.Style(), with_saved: bool = False) -> int:
    """Judge what is kept (by default, all), tell the result, return the exit
    status.  `with_saved` puts saved runs on the page, too."""
    names = ordered(results.names(kind)) if names is None else names
    if not names:
        raise Failure("judge", "there are no results", "run ./portzero matrix first")
    with _without_collector():
        return _judge_and_report([results.read(name, kind) for name in names], kind, style,
                                 with_saved)


def _judge_and_report(columns: list[Kept], kind: str, style: report.Style,
                      with_saved: bool = False, between: bool = False) -> int:
    """Judge, tell the result (and, if wanted, what is `between` releases), return the
    exit status."""
    told: list[str] = []
    ledger = deviations()
    ran = [_ran(kept, ledger) for kept in columns]
    verdicts = [verdict for column in ran for verdict in column.verdicts]
    if kind == "columns":
        whole = {str(kept.name) for kept in columns if kept.complete}
        dead = judge.dead(ledger, [verdict for verdict in verdicts if verdict.column in whole])
        for run in results.saved() if with_saved else []:
            ran += [_ran(kept, ledger, run) for kept in results.resolve(run).values()]
        model = report.Model(ran, {case["case"]: case for case in list_cases()}, ledger,
                             programs=report.read_programs(OUT / "programs/results.jsonl"))
        with results.working() as work:
            with report.publishing(
                    model, dead, work / "junit.xml", work / "index.html",
                    lambda: (work / "verdicts.jsonl").write_text(judge.as_lines(verdicts)),
            ) as summary:
                told = compare.between_releases(columns) if between else []
            results.put(work / "index.html", report.PAGE)
            results.put(work / "junit.xml")
            results.put(work / "verdicts.jsonl")
    else:  # What was made of all cases stays as it is.
        summary = report.Summary([column.name for column in ran], verdicts, [])
        told = compare.between_releases(columns) if between else []
    expected = report.show(summary, style)
    for note in _notes(columns, digest_of_cases()):
        print(f"portzero: {note}", file=sys.stderr)
    for line in told:
        print(line)
    return 0 if expected and verdicts else 1


def observe_here(names: list[ColumnName], pattern: str, steered: bool, again: bool) -> None:
    """Build these columns, if need be, and observe them."""
    columns = [open_column(name.libc, name.kernel, name.release) for name in names]
    for column in columns:
        suite(column)
    _observe_all(columns, pattern, {name.kernel: DEFAULT_LISTENER
                                    if steered or name.kernel != "host" else None
                                    for name in names}, again)


def _stages(names: list[ColumnName]) -> list[list[ColumnName]]:
    """The columns, in the order in which they are to be had: release by
    release, libcs before kernels, whose builds take longer.  What need not be
    built waits for nothing."""
    stages: list[list[ColumnName]] = []
    for release in dict.fromkeys(name.release for name in names):
        for on_host in (True, False):
            part = [name for name in names
                    if name.release == release and (name.kernel == "host") == on_host]
            if stages and all(is_built(name) for name in part):
                stages[-1] += part
            elif part:
                stages.append(part)
    return stages


def _check(pattern: str) -> None:
    """Fail early: nothing that is asked, a wrong ledger, nowhere to keep results."""
    # What the caller has set for programs of its own is not for the suite.
    for name in ("GLIBC_TUNABLES", "PORTZERO_PEERS"):
        os.environ.pop(name, None)
    matching(pattern)
    deviations()
    results.check()


def prepare(pattern: str) -> bool:
    """Check that columns can be observed here, and tell what this host lacks.
    Returns whether port 0 can be steered on it."""
    _check(pattern)
    lines, steered = host.shortcomings()
    for line in lines:
        print(f"portzero: {line}", file=sys.stderr, flush=True)
    return steered


def _observe_in_stages(names: list[ColumnName], pattern: str, steered: bool, again: bool,
                       style: report.Style, began: float) -> None:
    """Build and observe columns here, and show the grid of those that there
    are while others are built."""
    kind = "columns" if pattern == "*" else "partial"
    stages = _stages(names)
    if not all(is_built(name) for name in names):
        print("portzero: building; this is done once", file=sys.stderr, flush=True)
    for number, stage in enumerate(stages, 1):
        observe_here(stage, pattern, steered, again)
        done = ordered(name for part in stages[:number] for name in part)
        if number < len(stages) and not style.json and not style.quiet:
            judge_and_report(done, kind, style)
            print(f"{time.monotonic() - began:.1f} s; going on with "
                  f"{', '.join(map(str, stages[number]))}", flush=True)


def run(names: list[ColumnName], pattern: str, again: bool,
        style: report.Style = report.Style(), hosts_file: Path | None = None) -> int:
    """Do the main job, return the exit status.  As long as columns must be
    built, the grid of those that there are is shown meanwhile.

    `again` runs the suite also in guests in which nothing has changed; the
    hosts of `hosts_file`, if there is one, observe the columns instead of
    this machine."""
    began = time.monotonic()
    kind = "columns" if pattern == "*" else "partial"
    if hosts_file:
        _check(pattern)
        hosts.observe(names, pattern, again, hosts_file)
    else:
        steered = prepare(pattern)
        _observe_in_stages(names, pattern, steered, again, style, began)
    told = not style.json and not style.quiet
    with _without_collector():
        status = _judge_and_report([results.read(name, kind) for name in ordered(names)], kind,
                                   style, between=told)
    if told:
        page = f", page: {report.PAGE}" if pattern == "*" else ""
        print(f"{time.monotonic() - began:.1f} s; results in {results.RESULTS}{page}")
    return status


def add(text: str, path: Path, like: str, style: report.Style = report.Style()) -> int:
    """Put what the suite observed elsewhere beside the columns, judge it, and
    return the exit status."""
    model = parse(like)
    if model.kernel == ADDED:
        raise Failure(f"--like {like}", "that was added itself", "use a column that we make")
    name = results.add(text, path, model)
    beside = [model] if (results.folder(model) / "observations.jsonl").exists() else []
    return judge_and_report([*beside, name], style=style)
