# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the C library's own test suite on stock and on patched, and compares.

This takes complete builds, which the columns do not need."""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from portzero import glibc, releases, sandbox
from portzero.build import OBJECTS, SOURCE, clone_patched, run_step
from portzero.column_name import default_release
from portzero.project import OUT, ROOT, appearing, digest, exclusive

SETTINGS = ROOT / "build/glibc/suite.toml"
# From bad to good.  A test that is not there is worse than any.
ORDER = ("missing", "ERROR", "UNRESOLVED", "FAIL", "XPASS", "UNSUPPORTED", "XFAIL", "PASS")
Results = dict[str, str]


def _settings() -> dict[str, Any]:
    return tomllib.loads(SETTINGS.read_text())


def environment() -> dict[str, str]:
    """What the tests have in their environment."""
    found: dict[str, str] = _settings()["environment"]
    return found


def make(source: Path, objects: Path, *arguments: str) -> list[str]:
    """A command that runs make, with a /tmp of its own for the tests."""
    command = sandbox.build_command(source, objects, SOURCE, OBJECTS, "--tmpfs", "/tmp")  # noqa: S108
    return [*command, "make", f"-j{os.cpu_count()}", *arguments]


def _build(log: Path, libc: str, source: Path, objects: Path) -> None:
    """Make the libraries, the programs and the tests."""
    how = _settings()
    run_step(log, f"glibc {libc}: build all of it", make(source, objects),
             expected=how["library_objects"] if libc == "stock" else 0)
    run_step(log, f"glibc {libc}: build its tests",
             ["sh", "-c", '"$@" || true', "tests",
              *make(source, objects, "--keep-going", "check", "run-built-tests=no",
                     f"subdirs={' '.join(how['folders'])}")],
             expected=how["test_objects"] if libc == "stock" else 0)


def _objects(libc: str, release: str) -> Path:
    return OUT / "glibc" / f"suite-objects-{libc}-{glibc.key(libc, release)}"


def _forget_results(objects: Path) -> None:
    """Have tests run again: make goes by their outputs.  Those that look at
    what was built only have another one, and run again if that changes."""
    for old in objects.rglob("*.test-result"):
        if old.with_suffix(".out").exists():
            old.with_suffix(".out").unlink()
            old.unlink()


def _trees(libc: str, release: str, log: Path) -> tuple[Path, Path]:
    """Return the source and the objects of a complete build with its tests."""
    stock = _objects("stock", release)
    stock_source = glibc.unpacked(log, release)
    if not stock.exists():
        with appearing(stock) as folder:
            glibc.configure_in(log, "glibc stock", stock_source, folder)
            _build(log, "stock", stock_source, folder)
    if libc == "stock":
        return stock_source, stock
    source = OUT / "glibc" / f"suite-source-{libc}-{glibc.key(libc, release)}"
    objects = _objects(libc, release)
    if not objects.exists():
        with appearing(objects) as folder, appearing(source) as patched_source:
            clone_patched(log, "glibc patched", stock_source, stock,
                          releases.read(release).glibc.series, patched_source, folder)
            _forget_results(folder)
            # What is installed for the tests is not what was patched.
            shutil.rmtree(folder / "testroot.pristine", ignore_errors=True)
            _build(log, libc, patched_source, folder)
    return source, objects


def read_results(text: str) -> Results:
    """The result of each test in the text of a tests.sum."""
    results = {}
    for line in text.splitlines():
        kind, _, name = line.partition(": ")
        if kind in ORDER and name:
            results[name.split()[0]] = kind
    return results


def worse(stock: Results, patched: Results) -> list[str]:
    """The tests that did worse on patched: a worse result than on stock, and
    for a test that stock does not have, any but PASS."""
    return [name for name in sorted(stock | patched)
            if ORDER.index(patched.get(name, "missing")) < ORDER.index(stock.get(name, "PASS"))]


def doubtful(stock: Results, patched: Results) -> list[str]:
    """The tests to run again: those that did worse on patched, and those that
    failed on either and could hide that."""
    failed = [name for results in (stock, patched) for name, kind in results.items()
              if kind in ("ERROR", "UNRESOLVED", "FAIL")]
    return sorted({*worse(stock, patched), *failed})


def _run_all(libc: str, log: Path, source: Path, objects: Path) -> None:
    """Run all tests that have no result yet; leaves tests.sum among the
    objects."""
    how = _settings()
    total = objects / "tests.sum"
    total.unlink(missing_ok=True)
    # make fails if any test does; then there is a tests.sum all the same.
    run_step(log, f"glibc {libc}: run its tests",
             ["sh", "-c", '"$@"; test -s "$SUM"', "tests",
              *make(source, objects, "--keep-going", "check",
                     f"subdirs={' '.join(how['folders'])}")],
             environment={**environment(), "SUM": str(total)})


def results(libc: str, release: str) -> Results:
    """Run the suite on "stock" or "patched" if that has not been done, and
    return the result of each test."""
    key = digest(glibc.key(libc, release), *_settings()["folders"])
    kept = OUT / "glibc" / f"suite-{libc}-{key}.sum"
    if not kept.exists():
        log = OUT / f"glibc-suite-{libc}.log"
        log.write_bytes(b"")
        source, objects = _trees(libc, release, log)
        _run_all(libc, log, source, objects)
        partial = kept.with_suffix(".partial")
        shutil.copyfile(objects / "tests.sum", partial)
        partial.rename(kept)
    return read_results(kept.read_text())


def _run_alone(libc: str, release: str, name: str) -> str:
    """Run one test, return its result."""
    log = OUT / f"glibc-suite-{libc}-again.log"
    source, objects = _trees(libc, release, log)
    result = objects / f"{name}.test-result"
    result.unlink(missing_ok=True)
    with log.open("ab") as out:
        subprocess.run(make(source, objects, "test", f"t={name}"), stdin=subprocess.DEVNULL,
                       stdout=out, stderr=subprocess.STDOUT, check=False,
                       pass_fds=(sandbox.lifeline(),),
                       env={**os.environ, **environment()})
    return next(iter(read_results(result.read_text()).values())) if result.exists() else "missing"


def compare(release: str = default_release()) -> int:
    """Run what has not been run, print the comparison.  Returns 0 if no test
    does worse on patched, 1 if one does."""
    console = Console(highlight=False)
    with exclusive("check-glibc"):
        stock, patched = results("stock", release), results("patched", release)
        again = {name: {libc: [_run_alone(libc, release, name) for _ in range(_settings()["repetitions"])]
                        for libc in ("stock", "patched")} for name in doubtful(stock, patched)}
    table = Table("", "stock", "patched", title="glibc's own tests")
    counts = {"stock": Counter(stock.values()), "patched": Counter(patched.values())}
    for kind in reversed(ORDER):
        if any(count[kind] for count in counts.values()):
            table.add_row(kind, str(counts["stock"][kind]), str(counts["patched"][kind]))
    console.print(table)
    for name in sorted(stock | patched):
        if stock.get(name) != patched.get(name):
            console.print(f"{name}: {stock.get(name, 'not there')} on stock, "
                          f"{patched.get(name, 'not there')} on patched")
    best: dict[str, Results] = {"stock": dict(stock), "patched": dict(patched)}
    for name, runs in again.items():
        for libc, kinds in runs.items():
            if name in best[libc]:
                best[libc][name] = max(*kinds, best[libc][name], key=ORDER.index)
        console.print(f"{name}, alone: {', '.join(runs['stock'])} on stock, "
                      f"{', '.join(runs['patched'])} on patched")
    failed = worse(best["stock"], best["patched"])
    if failed:
        console.print(f"worse on patched: {' '.join(failed)}; see the .out files in "
                      f"{_objects('patched', release)}", soft_wrap=True)
        return 1
    console.print(f"no test is worse on patched ({len(patched)} tests, "
                  f"{len(set(patched) - set(stock))} of them new)")
    return 0
