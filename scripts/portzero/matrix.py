# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: build the columns, run the suite on each, judge, report."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from portzero import glibc, host, judge, linux, report
from portzero.column import (
    DEFAULT_LISTENER, KERNELS, LIBCS, SETTINGS, SUITE, Column, open_column, suite)
from portzero.progress import Step
from portzero.project import OUT, ROOT, Failure, appearing, digest, exclusive, output_of

RESULTS = OUT / "results"
SANDBOX = ROOT / "sandbox"
# How a guest ends that should not.
ENDS = {-6: "its kernel panicked", 137: "it hung and was killed"}
# Seconds after which a guest whose kernel hangs is given up.
GUEST_LIMIT = 300


def _observe(column: Column, pattern: str, listener: int | None, again: bool) -> None:
    """Run the suite on a column; results/NAME/ gets what it observed, what it
    told (KTAP), and what must have run."""
    program = suite(column)
    # A guest is all of our making: the same suite, libc, kernel and sandbox
    # observe the same.  The host's kernel is not.
    key = "" if column.kernel == "host" else digest(
        program.name, glibc.RECIPE, column.build_id, linux.product(column.kernel).name, pattern,
        *sorted(SANDBOX.iterdir()))
    about = RESULTS / column.name / "column.json"
    if key and not again and about.exists() and json.loads(about.read_text()).get("key") == key:
        return
    with appearing(RESULTS / column.name) as folder:
        ktap, console = folder / "suite.ktap", folder / "console"
        with (Step(f"suite on {column.name}") as step, ktap.open("wb") as out,
              console.open("wb") as said):
            began = datetime.now(UTC)
            status = column.run(
                [str(program), "--output", str(folder / "observations.jsonl"), "--case", pattern,
                 "--listener-port", str(DEFAULT_LISTENER)], listener=listener, stdout=out,
                writable=folder, limit=GUEST_LIMIT, console=said)
            told = ktap.read_text().splitlines()
            step.done = f"{sum(' ok ' in f' {line}' for line in told)} variants"
        # 3: some variant was broken; which one is in the observations.
        broken = ""
        if status not in (0, 3) or not told:
            if column.kernel == "host" or "no case matches" in console.read_text():
                raise Failure(f"suite on {column.name}", f"it ended with status {status}",
                              "see above, or run ./portzero run --libc "
                              f"{column.libc} --kernel {column.kernel} -- {program}")
            said_last = console.read_text(errors="replace").split("\n")
            said_last = [line for line in said_last if "panic" in line][:1] or said_last[-8:]
            last = " / ".join(said_last).strip()
            broken = f"the guest ended with status {status} ({ENDS.get(status, 'see console')}): {last}"
            (folder / "observations.jsonl").touch()
        (folder / "column.json").write_text(json.dumps(
            {"column": column.name, "identity": column.identity(), "pattern": pattern,
             "key": "" if broken else key, "broken": broken,
             "when": began.isoformat(sep=" ", timespec="seconds").partition("+")[0],
             "seconds": (datetime.now(UTC) - began).total_seconds()}) + "\n")


def judge_and_report(columns: list[str] | None = None,
                     style: report.Style = report.Style()) -> int:
    """Judge what is in results/, tell the result, return the exit status."""
    names = columns or [f"{libc}/{kernel}" for kernel in KERNELS for libc in LIBCS
                        if (RESULTS / libc / kernel / "column.json").exists()]
    if not names:
        raise Failure("judge", "there are no results", "run ./portzero matrix first")
    deviations = judge.read_deviations(SUITE / "deviations.toml")
    ran = []
    for name in names:
        about = json.loads((RESULTS / name / "column.json").read_text())
        records = judge.read_records(RESULTS / name / "observations.jsonl")
        verdicts = judge.judge(name, records, about["identity"], deviations)
        if about.get("broken"):
            verdicts.append(judge.broken_column(name, about["broken"]))
        ran.append(report.Ran(name, about["identity"], records, verdicts,
                              pattern=about["pattern"], when=about.get("when", ""),
                              seconds=about.get("seconds")))
    verdicts = [verdict for column in ran for verdict in column.verdicts]
    judge.write_verdicts(RESULTS / "verdicts.jsonl", verdicts)
    complete = all(column.pattern == "*" for column in ran)
    dead = judge.dead(deviations, verdicts) if complete else []
    summary = report.publish(report.Model(ran, _declarations(), deviations), dead,
                             RESULTS / "junit.xml")
    return 0 if report.show(summary, style) else 1


def _declarations() -> dict[str, dict[str, Any]]:
    """What the suite says of each case: question, basis, what it needs."""
    listing = output_of(suite(open_column("distro")), "--list")
    return {case["case"]: case for case in map(json.loads, listing.splitlines())}


def diff(first: str, second: str) -> int:
    """Print every observation that is not the same on two columns, return 1
    if there is one, 0 if not."""
    found = []
    for name in (first, second):
        path = RESULTS / name / "observations.jsonl"
        if not path.exists():
            raise Failure(f"column '{name}'", "there are no results of it",
                          "run ./portzero matrix; columns are called LIBC/KERNEL")
        found.append(judge.by_question(judge.read_records(path)))
    lines = judge.differences(*found)
    for line in lines:
        print(line)
    questions = len(found[0].keys() | found[1].keys())
    print(f"{len(lines)} of {questions} observations differ between {first} and {second}")
    return 1 if lines else 0


def run(libcs: list[str], kernels: list[str], pattern: str, again: bool,
        style: report.Style = report.Style()) -> int:
    """Do the main job, return the exit status.

    `again` runs the suite also in guests in which nothing has changed."""
    began = time.monotonic()
    with exclusive("build"):
        lines, steered = host.shortcomings()
        for line in lines:
            print(f"portzero: {line}", file=sys.stderr, flush=True)
        if not all([*(glibc.product(SETTINGS.get(libc, (libc,))[0]).exists() for libc in libcs
                      if libc != "distro"),
                    *(linux.product(kernel).exists() for kernel in kernels if kernel != "host")]):
            print("portzero: building; this is done once", file=sys.stderr, flush=True)
        for kernel in kernels:
            for libc in libcs:
                _observe(open_column(libc, kernel), pattern,
                         DEFAULT_LISTENER if steered or kernel != "host" else None, again)
    status = judge_and_report([f"{libc}/{kernel}" for kernel in kernels for libc in libcs], style)
    if not style.json and not style.quiet:
        print(f"{time.monotonic() - began:.1f} s; results in {RESULTS}, page: {report.PAGE}")
    return status
