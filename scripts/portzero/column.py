# SPDX-License-Identifier: LGPL-2.1-or-later
"""A column of the matrix: a libc over a kernel, and the suite built for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from portzero import glibc, linux, sandbox
from portzero.column_name import ColumnName, default_release
from portzero.project import OUT, ROOT, Failure, digest, exclusive, multiarch, output_of

LIBCS = ("distro", "stock", "patched")
# Libcs that are the build of another one with an environment of their own.
SETTINGS = {"patched-accept": ("patched", {"GLIBC_TUNABLES": "glibc.net.port0_peers=2"})}
KERNELS = ("host", *linux.KERNELS)
SUITE = ROOT / "tests/conformance"
SUITE_FLAGS = ["-std=gnu17", "-O2", "-g", "-Wall", "-Wextra", "-Werror", f"-I{SUITE}/core"]
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


def suite(column: Column) -> Path:
    """Return the suite's program for this column: compiled and linked where
    the column's libc is the system's."""
    sources = sorted([*SUITE.glob("core/*.c"), *SUITE.glob("cases/*.c")])
    headers = sorted(SUITE.glob("core/*.h"))
    key = digest(*SUITE_FLAGS, column.build_id, output_of("gcc", "--version"), *sources, *headers)
    path = OUT / "suite" / f"suite-{key}"
    if path.exists():
        return path
    with exclusive(path.name):
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            path.parent.mkdir(parents=True, exist_ok=True)
            host = replace(column, kernel="host")
            if host.run(["gcc", *SUITE_FLAGS, "-o", str(partial), *map(str, sources)],
                        listener=None) != 0:
                raise Failure("suite", f"it does not compile on column {column.name} (see above)",
                              "correct the first error")
            partial.rename(path)
    return path
