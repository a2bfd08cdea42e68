# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the kernels: the distribution's source as user-mode Linux, and the
same with our series.  As with the C libraries, the second one costs only what
the series changes, and nothing is built twice."""

from __future__ import annotations

import functools
import json
import os
import shutil
from pathlib import Path
from typing import Any

from portzero import data_file, releases, sandbox, sources
from portzero.build import (
    OBJECTS, SOURCE, changes, clone_patched, label, log_of, made, run_step, toolchain)
from portzero.column_name import default_release
from portzero.project import OUT, ROOT, Failure, appearing, digest, exclusive

RECIPE = ROOT / "build/linux/recipe.toml"
CONFIG = ROOT / "build/linux/config"
KERNELS = ("linux-stock", "linux-patched")
# That of the release that is meant where none is named.
SERIES = releases.default().linux.series


def recipe() -> dict[str, Any]:
    return data_file.read(RECIPE).table


def configuration(release: str = default_release()) -> list[str]:
    """The lines of build/linux/config that hold for a release's kernel."""
    lines = [line for line in data_file.read_text(CONFIG).splitlines()
             if line.startswith(("CONFIG_", "# CONFIG_"))]
    options = {line: line.removeprefix("# ").partition("=")[0].partition(" ")[0] for line in lines}
    lacks = releases.read(release).linux.lacks
    unknown = set(lacks) - set(options.values())
    if unknown:
        raise Failure(f"build/releases/{release}.toml", f"{min(unknown)} is not in {CONFIG}",
                      "take it off 'lacks'")
    return [line for line in lines if options[line] not in lacks]


@functools.cache
def key(kernel: str, release: str = default_release()) -> str:
    """What the build of this kernel depends on."""
    base = releases.read(release).linux
    make = recipe()["make"]
    stock = digest(json.dumps([make["variables"], make["environment"]]), *configuration(release),
                   sources.source(base).identity, toolchain())
    return stock if kernel == "linux-stock" else digest(stock, *changes(base.series))


def product(kernel: str, release: str = default_release()) -> Path:
    """The folder with the finished kernel (linux) and its release."""
    return OUT / "columns" / f"{kernel}-{key(kernel, release)}"


def make(log: Path, kernel: str, title: str, source: Path, objects: Path, *targets: str,
         expected: int = 0) -> None:
    """Make targets of a kernel's source, as they are made for KERNEL."""
    how = recipe()["make"]
    (OUT / "ccache").mkdir(parents=True, exist_ok=True)
    # The release tells the kernels apart: it is the marker of the series.
    release = f"LOCALVERSION=-{kernel.replace('linux', 'portzero')}"
    run_step(log, title, [
        *sandbox.build_command(source, objects, SOURCE, OBJECTS), "make", f"-j{os.cpu_count()}",
        "-C", SOURCE, f"O={OBJECTS}", release, *how["variables"], *targets],
        environment={**how["environment"], "CCACHE_DIR": str(OUT / "ccache"),
                     "KCONFIG_ALLCONFIG": f"{OBJECTS}/fragment"}, expected=expected)


def _configure(log: Path, title: str, release: str, source: Path, objects: Path) -> None:
    """Configure, and make sure that the kernel takes all our lines."""
    lines = configuration(release)
    (objects / "fragment").write_text("".join(f"{line}\n" for line in lines))
    make(log, "linux-stock", f"{title}: configure", source, objects, "allnoconfig")
    taken = set((objects / ".config").read_text().splitlines())
    ignored = [line for line in lines if line not in taken]
    if ignored:
        raise Failure(f"{title}: configure", f"'{ignored[0]}' of {CONFIG} was not honoured",
                      f"find out on what it depends, or put it under 'lacks' of {release}.toml")


def unpacked(log: Path, release: str = default_release()) -> Path:
    """Return a folder with the distribution's source."""
    path = OUT / "linux" / f"source-{key('linux-stock', release)}"
    if not path.exists():
        source = sources.source(releases.read(release).linux)
        archive = source.root / recipe()["source"]["archive"].format(package=source.package)
        with appearing(path) as folder:
            run_step(log, f"{label('linux', release)}: unpack the source",
                     ["tar", "--extract", f"--file={archive}", "--strip-components=1"],
                     folder=folder)
    return path


def objects(kernel: str, release: str = default_release()) -> Path:
    """Return the folder with all that was built for this kernel, building it
    (and that of "linux-stock" before "linux-patched") if that has not been
    done."""
    path = OUT / "linux" / f"objects-{kernel}-{key(kernel, release)}"
    if path.exists():
        return path
    title = label(kernel, release)
    with exclusive(path.name):
        if path.exists():  # Whoever we waited for may have made it.
            return path
        if kernel == "linux-stock":
            log = log_of(kernel, release)
            source = unpacked(log, release)
            with appearing(path) as folder:
                _configure(log, title, release, source, folder)
                make(log, kernel, f"{title}: build", source, folder, "linux",
                      expected=recipe()["make"]["objects"])
            return path
        stock = objects("linux-stock", release)
        log = log_of(kernel, release)
        source = OUT / "linux" / f"source-{kernel}-{key(kernel, release)}"
        with appearing(path) as folder, appearing(source) as patched:
            clone_patched(log, title, unpacked(log, release), stock,
                          releases.read(release).linux.series, patched, folder)
            make(log, kernel, f"{title}: build", patched, folder, "linux")
    return path


def _collect(objects: Path, into: Path) -> None:
    shutil.copy2(objects / "linux", into / "linux")
    shutil.copy2(objects / "include/config/kernel.release", into / "release")


def build(kernel: str, release: str = default_release()) -> Path:
    """Return the folder of this kernel, building what it takes if that has
    not been done."""
    return made(product(kernel, release), lambda folder: _collect(objects(kernel, release), folder))
