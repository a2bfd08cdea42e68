# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the C libraries: the distribution's, and the same with our series.

Every product is in a folder that is named after what it was made from, and
that appears under this name only when it is complete.  So nothing is built
twice, and what was interrupted is done again."""

from __future__ import annotations

import functools
import glob
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from portzero import data_file, sandbox
from portzero.build import OBJECTS, SOURCE, changes, clone_patched, read_series, run_step
from portzero.project import (
    OUT, ROOT, Failure, appearing, digest, exclusive, multiarch, output_of)

RECIPE = ROOT / "build/glibc/recipe.toml"
SERIES = ROOT / "patches/backports/bookworm/glibc"


def recipe() -> dict[str, Any]:
    return data_file.read(RECIPE).table


def series() -> list[Path]:
    """The patches of our series, in order."""
    return read_series(SERIES)


@functools.cache
def key(libc: str) -> str:
    """What the build of this libc ("stock" or "patched") depends on."""
    source = recipe()["source"]
    base = digest(
        RECIPE,
        output_of("dpkg-query", "--show", source["package"], "gcc", "binutils", "linux-libc-dev"),
        output_of("gcc", "--version"),
    )
    if libc == "stock":
        return base
    return digest(base, *changes(SERIES))


def product(libc: str) -> Path:
    """The folder with the files of the finished column."""
    return OUT / "columns" / f"{libc}-{key(libc)}"


def unpacked(log: Path) -> Path:
    """Return a folder with the distribution's source, its patches applied."""
    source = recipe()["source"]
    path = OUT / "glibc" / f"source-{key('stock')}"
    if path.exists():
        return path
    archives = glob.glob(source["archive"])
    if len(archives) != 1:
        raise Failure("glibc source", f"{source['archive']} is not one file",
                      f"reinstall the package {source['package']}")
    patches = Path(source["patches"])
    names = [line.split()[0] for line in (patches / "series").read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    with appearing(path) as folder:
        run_step(log, "glibc: unpack the source",
                 ["tar", "--extract", f"--file={archives[0]}", "--strip-components=1"], folder=folder)
        # The archive of Debian's package has the series applied already: its
        # last patch can be taken off.  Check instead of trusting.
        applied = subprocess.run(
            ["patch", "-p1", "--reverse", "--dry-run", "--force", "--silent",
             f"--input={patches / names[-1]}"],
            cwd=folder, capture_output=True, check=False).returncode == 0
        if not applied:
            run_step(log, "glibc: apply the distribution's patches",
                     ["quilt", "--quiltrc=-", "push", "-a", "-q"], folder=folder,
                     environment={"QUILT_PATCHES": str(patches)})
    return path


def configure_in(log: Path, title: str, source: Path, objects: Path) -> None:
    """Configure `source` in the folder `objects`."""
    how = recipe()["configure"]
    (objects / "configparms").write_text(how["parameters"].replace("@multiarch@", multiarch()))
    run_step(log, f"{title}: configure",
             [*sandbox.build_command(source, objects, SOURCE, OBJECTS), f"{SOURCE}/configure",
              *how["options"]], environment=how["environment"])


def _build(log: Path, title: str, source: Path, objects: Path, *, configure: bool,
           expected: int) -> None:
    how = recipe()
    inside = sandbox.build_command(source, objects, SOURCE, OBJECTS)
    if configure:
        configure_in(log, title, source, objects)
    make = [*inside, "make", f"-j{os.cpu_count()}", *how["make"]["variables"]]
    run_step(log, f"{title}: build libc and loader", [*make, *how["make"]["targets"]],
          expected=expected)
    # One after the other: across folders, make does not know who needs whom.
    run_step(log, f"{title}: build the other libraries",
          ["sh", "-ec", 'for target in $TARGETS; do "$@" "$target"; done', "build", *make],
          environment={"TARGETS": " ".join(how["make"]["library_targets"])},
          expected=how["make"]["library_objects"] if configure else 0)


def _collect(objects: Path, into: Path) -> None:
    """Copy what makes the column, under the names that it has when installed."""
    how = recipe()["column"]
    (into / "lib").mkdir()
    (into / "start").mkdir()
    for name in how["libraries"]:
        if not (objects / name).exists():
            continue  # libmvec is not there on every architecture.
        dynamic = output_of("readelf", "--dynamic", "--wide", objects / name)
        sonames = [line.split("[")[1].rstrip("]") for line in dynamic.splitlines()
                   if "(SONAME)" in line]
        shutil.copy2(objects / name, into / "lib" / (sonames or [Path(name).name])[0])
    for name in how["start_files"]:
        shutil.copy2(objects / name, into / "start" / Path(name).name)


def build(libc: str) -> Path:
    """Return the folder of the column "stock" or "patched", building it (and
    for "patched" the other one first) if that has not been done."""
    path = product(libc)
    if not path.exists():
        with exclusive(path.name):
            if not path.exists():  # Whoever we waited for may have made it.
                _make(libc, path)
    return path


def _make(libc: str, path: Path) -> None:
    objects = OUT / "glibc" / f"objects-{libc}-{key(libc)}"
    log = OUT / f"glibc-{libc}.log"
    if libc == "stock":
        OUT.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        source = unpacked(log)
        if not objects.exists():
            with appearing(objects) as folder:
                _build(log, "glibc stock", source, folder, configure=True,
                       expected=recipe()["make"]["objects"])
    else:
        build("stock")
        log.write_bytes(b"")
        stock_source = unpacked(log)
        stock_objects = OUT / "glibc" / f"objects-stock-{key('stock')}"
        if not stock_objects.exists():  # Deleted to save space.
            shutil.rmtree(product("stock"))
            build("stock")
        source = OUT / "glibc" / f"source-{libc}-{key(libc)}"
        with appearing(objects) as folder, appearing(source) as patched_source:
            clone_patched(log, "glibc patched", stock_source, stock_objects, SERIES,
                          patched_source, folder)
            _build(log, "glibc patched", patched_source, folder, configure=False, expected=0)
    with appearing(path) as folder:
        _collect(objects, folder)
