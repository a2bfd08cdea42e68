# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the kernel selftest that the Linux series brings on the stock and on the
patched kernel of a release, and compares: on the patched one no test may fail,
on the stock one tests at port 0 have to, and controls may on neither."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from portzero import linux, releases, sandbox
from portzero.build import made, read_series
from portzero.project import OUT, Failure

SELFTEST = "tools/testing/selftests/net/port_zero.c"
LIMIT = 600  # Seconds; the harness gives each test 30.
RESULTS = ("fail", "pass", "skipped")


@dataclass(frozen=True)
class Outcome:
    """What was told of one test: `variant` is what the peer is, `name` what is
    asked, and `told` all that it said."""

    variant: str
    name: str
    ok: bool
    skipped: bool
    told: str

    @property
    def title(self) -> str:
        return f"{self.variant}.{self.name}"

    @property
    def why(self) -> str:
        """What it expected in vain, on lines of their own."""
        return "".join(re.sub(r"^# (\S*/)?", "\n  ", line, count=1) for line in self.told.splitlines()
                       if ":Expected " in line)

    @property
    def control(self) -> bool:
        return self.variant.endswith("control")

    @property
    def result(self) -> str:
        return RESULTS[2 if self.skipped else 1 if self.ok else 0]


def read(told: str) -> list[Outcome]:
    """The tests in what the selftest told (KTAP).  Raises Failure if not all
    that it announced are there."""
    tests = [Outcome(variant, name, result == "ok", "SKIP" in more, said + more)
             for variant, name, said, result, more in re.findall(
                 r"^# +RUN +\w+\.(\w+)\.(\w+) \.\.\.$(.*?)^(ok|not ok) \d+(.*?)$", told,
                 re.MULTILINE | re.DOTALL)]
    plan = re.search(r"^1\.\.(\d+)$", told, re.MULTILINE)
    if plan is None or int(plan[1]) != len(tests):
        raise Failure("port_zero", f"it announced {plan[1] if plan else 'no'} tests and told of "
                      f"{len(tests)}", "run it by hand (./portzero run) and see")
    return tests


def program(release: str) -> Path:
    """Return the selftest, compiled with the harness of a release's kernel, in a
    folder of its own."""
    linux.objects("linux-patched", release)
    key = linux.key("linux-patched", release)
    source = OUT / "linux" / f"source-linux-patched-{key}"

    def make(folder: Path) -> None:
        if subprocess.run(["gcc", "-O2", "-Wall", "-Werror", f"-I{source}/tools/testing/selftests",
                           "-o", folder / "port_zero", source / SELFTEST],
                          check=False).returncode != 0:
            raise Failure(f"selftest of {release}", "it does not compile (see above)",
                          "correct the first error in the patches that bring it")

    return made(OUT / "linux" / f"selftest-{key}", make) / "port_zero"


def run(release: str, kernel: str, folder: Path, *command: str) -> tuple[int, str]:
    """Run a command, the selftest, in a guest with this kernel: its exit status,
    and what it told, on either stream.  It can write to `folder` only."""
    product = linux.build(kernel, release)
    with tempfile.TemporaryFile() as told:
        status = sandbox.run_guest(
            {}, product / "linux", ["/bin/sh", "-c", 'exec "$0" "$@" 2>&1', *command], listener=None,
            environment=os.environ, writable=folder, limit=LIMIT, stdout=told)
        told.seek(0)
        return status, told.read().decode(errors="replace")


def wrong(stock: list[Outcome], patched: list[Outcome]) -> list[str]:
    """What is not as it has to be."""
    found = [f"{test.title} fails on {kernel}{test.why}" for kernel, tests in
             (("linux-stock", stock), ("linux-patched", patched)) for test in tests
             if not test.ok and (test.control or kernel == "linux-patched")]
    if [test.title for test in stock] != [test.title for test in patched]:
        found.append("the kernels do not run the same tests")
    skipped, others = ({test.title for test in tests if test.skipped} for tests in (stock, patched))
    found += [f"{name} is skipped on one kernel" for name in sorted(skipped ^ others)]
    if all(test.ok for test in stock):
        found.append("no test fails on linux-stock: the selftest finds nothing")
    return found


def sending(release: str) -> set[str]:
    """The names of the tests that the last patch adds, that of the RFC."""
    text = read_series(releases.read(release).linux.series)[-1].read_text()
    return set(re.findall(r"^\+TEST_F\(port_zero, (\w+)\)", text, re.MULTILINE))


def counts(tests: list[Outcome]) -> list[str]:
    """How many failed, passed and were skipped."""
    return [str(sum(test.result == result for test in tests)) for result in RESULTS]


def _version(release: str, kernel: str) -> str:
    return (linux.product(kernel, release) / "release").read_text().strip()


def _told(release: str, kernel: str) -> list[Outcome]:
    """What the selftest tells on a kernel of a release."""
    selftest = program(release)
    return read(run(release, kernel, selftest.parent, str(selftest))[1])


def compare(names: list[str]) -> int:
    """Run the selftest of these releases, print what it tells.  Returns 0 if
    all is as it has to be, 1 if not."""
    console = Console(highlight=False)
    table = Table(title="port_zero: the tests of the fix, and with those of the RFC")
    table.add_column("kernel", no_wrap=True)
    for what in ("fix", "RFC"):
        for result in RESULTS:
            table.add_column(f"{what}:\n{result}")
    faults = []
    for release in names:
        told = {kernel: _told(release, kernel) for kernel in linux.KERNELS}
        for kernel, tests in told.items():
            fix = [test for test in tests if test.name not in sending(release)]
            table.add_row(_version(release, kernel), *counts(fix), *counts(tests))
        faults += [f"{release}: {fault}" for fault in wrong(*told.values())]
    console.print(table)
    for fault in faults:
        console.print(fault, soft_wrap=True)
    if not faults:
        console.print("no test fails on a patched kernel, and no control on any")
    return 1 if faults else 0
