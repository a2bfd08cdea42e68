# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the C libraries: the distribution's, and the same with our series.

Every product is in a folder that is named after what it was made from, and
that appears under this name only when it is complete.  So nothing is built
twice, and what was interrupted is done again."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from portzero import architectures, data_file, releases, sandbox, sources
from portzero.build import (
    OBJECTS, SOURCE, changes, clone_patched, label, log_of, made, read_series, run_step)
from portzero.column_name import default_release, split
from portzero.project import (
    OUT, ROOT, Failure, appearing, digest, exclusive, multiarch, output_of)

RECIPE = ROOT / "build/glibc/recipe.toml"
LIBCS = ("stock", "patched")
# That of the release that is meant where none is named.
SERIES = releases.default().glibc.series


def libcs(*foreign: str) -> list[str]:
    """The libcs that are built, of the host's architecture and of these."""
    return [*LIBCS, *(f"{name}-{libc}" for name in foreign for libc in LIBCS)]


def recipe() -> dict[str, Any]:
    return data_file.read(RECIPE).table


def series(release: str = default_release()) -> list[Path]:
    """The patches of our series for a release, in order."""
    return read_series(releases.read(release).glibc.series)


@functools.cache
def key(libc: str, release: str = default_release()) -> str:
    """What the build of this libc ("stock" or "patched", of the host's
    architecture or of another) depends on."""
    architecture, kind = split(libc)
    base = releases.read(release).glibc
    tools = output_of("dpkg-query", "--show", "gcc", "binutils", "linux-libc-dev").splitlines()
    stock = digest(RECIPE, "\n".join(sorted([*tools, sources.source(base).identity])),
                   output_of("gcc", "--version"))
    if architecture:
        stock = digest(stock, architectures.key(architecture))
    return stock if kind == "stock" else digest(stock, *changes(base.series))


def product(libc: str, release: str = default_release()) -> Path:
    """The folder with the files of the finished column."""
    return OUT / "columns" / f"{libc}-{key(libc, release)}"


def unpacked(log: Path, release: str = default_release()) -> Path:
    """Return a folder with the distribution's source, its patches applied."""
    path = OUT / "glibc" / f"source-{key('stock', release)}"
    with exclusive(path.name):  # Builds for several architectures have it in common.
        if not path.exists():
            _unpack(path, log, release)
    return path


def _unpack(path: Path, log: Path, release: str) -> None:
    source = sources.source(releases.read(release).glibc)
    where = recipe()["source"]
    archives = sorted(source.root.glob(where["archive"].lstrip("/")))
    if len(archives) != 1:
        raise Failure("glibc source", f"{where['archive']} in {source.root} is not one file",
                      f"reinstall the package {source.package}")
    patches = source.root / where["patches"].lstrip("/")
    names = [line.split()[0] for line in (patches / "series").read_text().splitlines()
             if line.strip() and not line.startswith("#")]
    title = label("glibc", release)
    with appearing(path) as folder:
        run_step(log, f"{title}: unpack the source",
                 ["tar", "--extract", f"--file={archives[0]}", "--strip-components=1"], folder=folder)
        # The archive of Debian's package has the series applied already: its
        # last patch can be taken off.  Check instead of trusting.
        applied = subprocess.run(
            ["patch", "-p1", "--reverse", "--dry-run", "--force", "--silent",
             f"--input={patches / names[-1]}"],
            cwd=folder, capture_output=True, check=False).returncode == 0
        if not applied:
            run_step(log, f"{title}: apply the distribution's patches",
                     ["quilt", "--quiltrc=-", "push", "-a", "-q"], folder=folder,
                     environment={"QUILT_PATCHES": str(patches)})


def configure_in(log: Path, title: str, source: Path, objects: Path,
                 architecture: str = "") -> None:
    """Configure `source` in the folder `objects`, for the host's architecture
    or for another."""
    how = recipe()["configure"]
    parameters = how["parameters"].replace("@multiarch@", multiarch())
    options, environment = how["options"], how["environment"]
    if architecture:
        foreign = architectures.read(architecture)
        parameters += foreign.parameters  # Of two values, make takes the last.
        options = [*options, *foreign.host]
        environment = {**environment, **foreign.environment}
    (objects / "configparms").write_text(parameters)
    run_step(log, f"{title}: configure",
             [*sandbox.build_command(source, objects, SOURCE, OBJECTS), f"{SOURCE}/configure",
              *options], environment=environment)


def _build(log: Path, title: str, source: Path, objects: Path, *, configure: bool,
           expected: int, architecture: str = "") -> None:
    how = recipe()
    inside = sandbox.build_command(source, objects, SOURCE, OBJECTS)
    if configure:
        configure_in(log, title, source, objects, architecture)
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


def objects(libc: str, release: str = default_release()) -> Path:
    """Return the folder with all that was built for a column, building it (and
    for "patched" that of "stock" first) if that has not been done."""
    architecture, kind = split(libc)
    path = OUT / "glibc" / f"objects-{libc}-{key(libc, release)}"
    if path.exists():
        return path
    title = label(f"glibc {libc}", release)
    with exclusive(path.name):
        if path.exists():  # Whoever we waited for may have made it.
            return path
        log = log_of(f"glibc-{libc}", release)
        if kind == "stock":
            source = unpacked(log, release)
            with appearing(path) as folder:
                _build(log, title, source, folder, configure=True,
                       expected=recipe()["make"]["objects"], architecture=architecture)
            return path
        stock = objects(libc.removesuffix(kind) + "stock", release)
        source = OUT / "glibc" / f"source-{libc}-{key(libc, release)}"
        with appearing(path) as folder, appearing(source) as patched_source:
            clone_patched(log, title, unpacked(log, release), stock,
                          releases.read(release).glibc.series, patched_source, folder)
            _build(log, title, patched_source, folder, configure=False, expected=0)
    return path


def build(libc: str, release: str = default_release()) -> Path:
    """Return the folder of the column "stock" or "patched", building what it
    takes if that has not been done."""
    return made(product(libc, release), lambda folder: _collect(objects(libc, release), folder))
