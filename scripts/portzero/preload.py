# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds libportzero.so, what the glibc series does as a library to preload,
and runs programs in place with it."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from portzero import build as builds
from portzero import architectures, packages, program, releases, sandbox
from portzero.build import changes, log_of, made, run_step, toolchain
from portzero.column_name import default_release
from portzero.project import OUT, ROOT, CannotRun, Failure, digest

SOURCE = ROOT / "preload"
LIBRARY = "libportzero.so"
SERIES = "/mnt/series"  # Where the build sees it.
# Not those of the caller's environment.
FLAGS = ("CFLAGS=-O2 -g", "CPPFLAGS=", "LDFLAGS=", "WARNINGS=-Wall -Wextra -Werror")


@functools.cache
def _sources() -> tuple[Path, ...]:
    return (SOURCE / "Makefile", SOURCE / "exports.map", *sorted(SOURCE.glob("**/*.[ch]")))


def _flags(architecture: str) -> tuple[str, ...]:
    compiler = architectures.read(architecture).compiler if architecture else "gcc"
    return (f"CC={compiler}", *FLAGS)


def key(release: str = default_release(), architecture: str = "") -> str:
    """What the library for an architecture depends on: not where it is
    built."""
    return digest(*_flags(architecture), toolchain(), *_sources(),
                  *changes(releases.read(release).glibc.series),
                  *([architectures.key(architecture)] if architecture else []))


def product(release: str = default_release(), architecture: str = "") -> Path:
    """The folder with the finished library."""
    return OUT / "columns" / f"preload-{key(release, architecture)}"


def _make(folder: Path, release: str, architecture: str) -> None:
    work = folder / "work"
    work.mkdir()
    # At places that no checkout's path has a say in: not in the library, nor
    # in make, which takes no path with a space.
    inside = sandbox.build_command(SOURCE, work, builds.SOURCE, builds.OBJECTS, "--ro-bind",
                                   str(releases.read(release).glibc.series), SERIES)
    run_step(log_of("preload", release), LIBRARY,
             [*inside, "make", "--silent", f"--directory={builds.SOURCE}", *_flags(architecture),
              f"O={builds.OBJECTS}", f"SERIES={SERIES}"])
    (work / LIBRARY).rename(folder / LIBRARY)
    shutil.rmtree(work)


def build(release: str = default_release(), architecture: str = "") -> Path:
    """Return the library made of a release's series, building it if that has
    not been done."""
    return made(product(release, architecture),
                lambda folder: _make(folder, release, architecture)) / LIBRARY


def can_be_named(path: Path) -> bool:
    """Whether the loader takes this path in LD_PRELOAD, where blanks and
    colons part one library from the next (ld.so(8))."""
    return not set(" :") & set(str(path))


def preloading(library: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that preload the library, besides what is preloaded
    already, which keeps its place in front.

    Raises Failure if the loader could not take the path."""
    if not can_be_named(library):
        raise Failure("preload", f"the loader takes no path with a space or colon: {library}",
                      "set PORTZERO_OUT to another folder")
    before = environment.get("LD_PRELOAD", "")
    return {"LD_PRELOAD": f"{before}:{library}" if before else str(library)}


def run(words: list[str]) -> int:
    """Become the program, with the library preloaded.  Returns only by an
    exception."""
    if not words:
        raise Failure("preload", "no program is given",
                      "name it: ./portzero preload -- PROGRAM")
    packages.install("run")
    library = build()
    if why := program.outside_column(words[0]):
        print(f"portzero: {words[0]} does not use the library: {why}", file=sys.stderr)
    os.environ.update(preloading(library, os.environ))
    try:
        os.execvp(words[0], words)
    except FileNotFoundError:
        raise CannotRun(127, f"{words[0]}: not found") from None
    except OSError as error:
        raise CannotRun(126, f"{words[0]}: {(error.strerror or str(error)).lower()}") from None
