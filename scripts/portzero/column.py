# SPDX-License-Identifier: LGPL-2.1-or-later
"""A column of the matrix: a libc over a kernel, and the suite built for it."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from portzero import glibc, linux, sandbox
from portzero.column_name import ColumnName, default_release
from portzero.project import (
    OUT, ROOT, Failure, appearing, digest, exclusive, multiarch, output_of)

LIBCS = ("distro", "stock", "patched")
# Libcs that are the build of another one with an environment of their own.
SETTINGS = {"patched-accept": ("patched", {"GLIBC_TUNABLES": "glibc.net.port0_peers=2"})}
KERNELS = ("host", *linux.KERNELS)
SUITE = ROOT / "tests/conformance"
SUITE_FLAGS = ["-Wall", "-Wextra", "-Werror"]
DEFAULT_LISTENER = 8080


@dataclass(frozen=True)
class Column:
    """What a cell runs on.  `files` maps paths of the system to the files
    that take their places there; `environment` is what its programs have
    besides the caller's."""

    libc: str
    kernel: str
    files: dict[Path, Path]
    build_id: str
    release: str = field(default_factory=default_release)
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(ColumnName(self.release, self.libc, self.kernel))

    def run(self, command: Sequence[str], *, listener: int | None = DEFAULT_LISTENER,
            stdout: IO[bytes] | None = None, writable: Path | None = None,
            limit: int | None = None, console: IO[bytes] | None = None) -> int:
        """Run a command on this column: see sandbox.run() and run_guest().
        `writable` (default: where we are), `limit`, the seconds until it is
        killed, and `console` matter in a guest only."""
        if self.environment:
            command = ["env", *(f"{name}={value}" for name, value in self.environment.items()),
                       *command]
        if self.kernel == "host":
            return sandbox.run(self.files, command, listener=listener, stdout=stdout)
        return sandbox.run_guest(self.files, linux.product(self.kernel) / "linux", command,
                                 listener=listener, writable=writable or Path.cwd(),
                                 limit=limit, stdout=stdout, console=console)

    def identity(self) -> dict[str, str]:
        """What every record of a run on this column must prove."""
        if self.kernel == "host":
            return {"libc": self.build_id, "kernel": os.uname().release}
        release = (linux.product(self.kernel) / "release").read_text().strip()
        return {"libc": self.build_id, "kernel": release}


def build_id(library: Path) -> str:
    """Return the build-id of an ELF file, in hexadecimal."""
    for line in output_of("readelf", "--notes", library).splitlines():
        if "Build ID:" in line:
            return line.split(":")[1].strip()
    raise Failure(f"{library}", "it has no build-id", "link it with --build-id")


def open_column(libc: str, kernel: str = "host") -> Column:
    """Return the column of this libc on this kernel, building them first if
    need be."""
    if kernel != "host":
        linux.build(kernel)
    system = Path("/lib") / multiarch()
    if libc == "distro":
        return Column(libc, kernel, {}, build_id(system / "libc.so.6"))
    built, environment = SETTINGS.get(libc, (libc, {}))
    product = glibc.build(built)
    files = {}
    for library in sorted((product / "lib").iterdir()):
        target = system / library.name
        if target.exists():  # What the system has not, nothing loads.
            files[target.resolve()] = library
    for start_file in sorted((product / "start").iterdir()):
        target = Path("/usr/lib") / multiarch() / start_file.name
        if target.exists():
            files[target.resolve()] = start_file
    return Column(libc, kernel, files, build_id(product / "lib/libc.so.6"),
                  environment=environment)


@functools.cache
def _suite_key() -> str:
    """What the suite's objects depend on; not where they are."""
    sources = sorted(path for pattern in ("Makefile", "core/*.[ch]", "cases/*.c")
                     for path in SUITE.glob(pattern))
    return digest(*SUITE_FLAGS, output_of("gcc", "--version"), *sources)


def _suite_objects() -> Path:
    """Return the folder of the suite's objects, compiled once for all libcs:
    they have the headers in common."""
    path = OUT / "suite" / f"objects-{_suite_key()}"
    if not path.exists():
        with exclusive(path.name):
            if not path.exists():
                with appearing(path) as folder:
                    make = ["make", "--silent", f"--jobs={os.cpu_count()}", f"--directory={SUITE}",
                            "CC=gcc", f"O={folder}", f"WARNINGS={' '.join(SUITE_FLAGS)}", "objects"]
                    if subprocess.run(make, stdout=sys.stderr, check=False).returncode != 0:
                        raise Failure("suite", "it does not compile (see above)",
                                      "correct the first error")
    return path


def suite(column: Column) -> Path:
    """Return the suite's program for this column, linked where the column's
    libc is the system's."""
    path = OUT / "suite" / f"suite-{digest(_suite_key(), column.build_id)}"
    if path.exists():
        return path
    objects = _suite_objects()
    with exclusive(path.name):
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            host = replace(column, kernel="host")
            try:
                if host.run(["gcc", "-o", str(partial), *map(str, sorted(objects.glob("*/*.o")))],
                            listener=None) != 0:
                    raise Failure("suite", f"it cannot be linked on column {column.name} "
                                  "(see above)", "run ./portzero build")
                partial.rename(path)
            finally:
                partial.unlink(missing_ok=True)
    return path
