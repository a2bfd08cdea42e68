# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the tests that the glibc series adds, and runs them on each kernel:
without the C library's other tests, this takes a minute or two.  For another
architecture that this machine runs, too."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from portzero import glibc, glibc_suite, releases
from portzero.build import OBJECTS, SOURCE, changes, log_of, run_step
from portzero.column import FOREIGN, KERNELS, open_column
from portzero.column_name import default_release
from portzero.project import OUT, Failure, appearing, exclusive

# Whether the series changes what the library exports, and what it calls
# through its PLT, which it should not.
OF_THE_LIBRARY = ("elf/check-abi-libc", "elf/check-abi-ld", "elf/check-localplt")
# What a test's exit status says (support/check.h).
RESULTS = {0: "PASS", 1: "FAIL", 77: "UNSUPPORTED"}
SECONDS = 300
# How much is shown of what such a test said.
MOST = 300


def tests(series: Path) -> dict[str, str]:
    """The names of the tests that a series adds to Makefiles, as
    socket/tst-name, and the variables in the environment of each."""
    found = {}
    for change in changes(series):
        for part in change.split("\ndiff --git "):
            file = re.search(r"^\+\+\+ b/(.*)/Makefile$", part, re.MULTILINE)
            if file is None:
                continue
            # What sysdeps adds is for a folder that its Makefile asks for.
            folder = "socket" if file[1].startswith("sysdeps/") else file[1]
            for name in re.findall(r"^\+  (tst-\S+) \\$", part, re.MULTILINE):
                setting = re.search(rf"^\+{re.escape(name)}-ENV = (.*)$", part, re.MULTILINE)
                found[f"{folder}/{name}"] = setting[1] if setting else ""
    if not found:
        raise Failure(str(series), "it adds no tests", "restore it (git checkout)")
    return found


def _built(release: str, libc: str) -> tuple[Path, Path]:
    """Return the source and the objects of a patched library, and what tests
    are linked with."""
    key = glibc.key(libc, release)
    path = OUT / "glibc" / f"series-objects-{libc}-{key}"
    made = glibc.objects(libc, release)
    source = OUT / "glibc" / f"source-{libc}-{key}"
    if not path.exists():
        log = log_of("glibc series", release)
        with appearing(path) as folder:
            shutil.copytree(made, folder, symlinks=True, dirs_exist_ok=True)
            run_step(log, "glibc series: build what tests need",
                     glibc_suite.make(source, folder, "build-programs=no", "support/others"),
                     expected=200)
    return source, path


def _in_the_build(release: str, libc: str, names: list[str]) -> dict[str, str]:
    """Build the tests and run them as `make check` does; the result of each."""
    source, objects = _built(release, libc)
    log = log_of("glibc series tests", release)
    told = {name: objects / f"{name}.test-result" for name in names}
    for result in told.values():
        result.unlink(missing_ok=True)
        result.with_suffix(".out").unlink(missing_ok=True)
    # make fails if the test does.
    run_step(log, "glibc series: build and run its tests",
             ["sh", "-c", 'for test in $TESTS; do "$@" "t=$test" || true; done', "tests",
              *glibc_suite.make(source, objects, "build-programs=no", "test")],
             environment={**glibc_suite.environment(), "TESTS": " ".join(names)})
    return {name: (glibc_suite.read_results(result.read_text()).get(name, "missing")
                   if result.exists() else "missing") for name, result in told.items()}


def programs(release: str, libc: str, names: list[str]) -> Path:
    """Build the programs of the tests, and do not run them: for a machine that
    is not this one.  Return the folder in which they are."""
    source, objects = _built(release, libc)
    log = log_of(f"glibc series {libc}", release)
    for name in names:
        folder = name.partition("/")[0]
        run_step(log, f"glibc {libc}: build {name}", glibc_suite.make(
            source, objects, "-C", f"{SOURCE}/{folder}", f"subdir={folder}", "..=../",
            f"objdir={OBJECTS}", f"{OBJECTS}/{name}"))
    return objects


def _on_column(release: str, libc: str, kernel: str, settings: dict[str, str]) -> dict[str, str]:
    """Run the tests that were built on the column of this kernel; the result
    of each, and, behind it, how what those said begins that did not pass."""
    objects = _built(release, libc)[1]
    variables = " ".join(f"{name}={value}" for name, value in glibc_suite.environment().items())
    script = "".join(
        f"told=$(env {variables} {setting} {shlex.quote(str(objects / name))} 2>&1); "
        f"echo \"RESULT {name} $? $(echo $told)\"\n" for name, setting in settings.items())
    with TemporaryDirectory() as folder:
        with (Path(folder) / "told").open("w+b") as out:
            open_column(libc, kernel, release).run(
                ["sh", "-c", script], listener=None, stdout=out, writable=Path(folder), limit=SECONDS)
            out.seek(0)
            text = out.read().decode(errors="replace")
    results = {}
    for name in settings:
        match = re.search(rf"^RESULT {re.escape(name)} (\d+) (.*)$", text, re.MULTILINE)
        kind = RESULTS.get(int(match[1]), f"exit status {match[1]}") if match else "missing"
        results[name] = kind if kind == "PASS" or not match else f"{kind}: {match[2][:MOST]}"
    return results


def run(release: str = default_release(), libc: str = "patched") -> int:
    """Run the tests of the series on a patched library of a release, on each
    kernel; print the results.  Returns 0 if all pass, 1 if one does not."""
    console = Console(highlight=False)
    settings = tests(releases.read(release).glibc.series)
    kernels = KERNELS[:1] if libc in FOREIGN else KERNELS
    with exclusive("check-glibc-series"):
        results = {"make check": _in_the_build(release, libc, [*settings, *OF_THE_LIBRARY])}
        results |= {kernel: _on_column(release, libc, kernel, settings) for kernel in kernels}
    # (Without lines, it fits into 80 columns.)
    table = Table("", *results, title=f"the glibc series' own tests, on {release}, {libc}", box=None)
    for name in (*settings, *OF_THE_LIBRARY):
        table.add_row(name.rpartition("/")[2],
                      *(told.get(name, "").partition(":")[0] for told in results.values()))
    console.print(table)
    failed = [f"{name}, {where}: {kind}" for where, told in results.items()
              for name, kind in told.items() if kind != "PASS"]
    for line in failed:
        console.print(line, soft_wrap=True, markup=False)
    passed = sum(map(len, results.values())) - len(failed)
    console.print(f"{passed} passed, {len(failed)} did not")
    return 1 if failed else 0
