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

from portzero import architectures, glibc, linux, preload, releases, sandbox, seal, sources
from portzero.build import OBJECTS, SOURCE
from portzero.column_name import ColumnName, default_release, split
from portzero.project import (
    OUT, ROOT, Failure, appearing, digest, exclusive, multiarch, output_of)

LIBCS = ("distro", "stock", "patched", "patched-accept", "preload")
# Libcs that are another one with an environment of their own (that of preload
# has the library, too).
_ACCEPT = {"GLIBC_TUNABLES": "glibc.net.port0_peers=2"}
SETTINGS = {f"{prefix}{libc}": (f"{prefix}{of}", environment)
            for prefix in ("", *(f"{name}-" for name in architectures.running_here()))
            for libc, of, environment in (("patched-accept", "patched", _ACCEPT),
                                          ("preload", "distro", {}))}
# Those that must be asked for: of other architectures, on the host's kernel.
FOREIGN = architectures.libcs()
ALL_LIBCS = (*LIBCS, *FOREIGN)
# Those that are the system's own.
SYSTEM = tuple(libc for libc in ALL_LIBCS if split(libc)[1] in ("distro", "preload"))
KERNELS = ("host", *linux.KERNELS)
SUITE = ROOT / "tests/conformance"
SUITE_FLAGS = ["-Wall", "-Wextra", "-Werror"]
DEFAULT_LISTENER = 8080


@dataclass(frozen=True)
class Column:
    """What a cell runs on.  `files` maps paths of the system to the files
    that take their places there; `environment` is what its programs have
    besides the caller's, `preloaded` the library that comes before its own."""

    libc: str
    kernel: str
    files: dict[Path, Path]
    build_id: str
    release: str = field(default_factory=default_release)
    environment: dict[str, str] = field(default_factory=dict)
    preloaded: Path | None = None

    @property
    def name(self) -> str:
        return str(ColumnName(self.release, self.libc, self.kernel))

    def run(self, command: Sequence[str], *, listener: int | None = DEFAULT_LISTENER,
            stdout: IO[bytes] | None = None, writable: Path | None = None,
            limit: int | None = None, console: IO[bytes] | None = None,
            interactive: bool = False, memory: str = sandbox.GUEST_MEMORY,
            steering: str = "redirect") -> int:
        """Run a command on this column: see sandbox.run() and run_guest().
        `writable` (default: where we are), `limit`, the seconds until it is
        killed, `console` and `memory` matter in a guest only."""
        if self.preloaded and split(self.libc)[0]:
            # What makes the sandbox is of the host's architecture, and would
            # complain of a library that is not.
            variables = preload.preloading(self.preloaded, os.environ)
            command = ["env", *(f"{name}={value}" for name, value in variables.items()), *command]
        if self.kernel == "host":
            return sandbox.run(self.files, command, listener=listener, kind=steering,
                               environment=self._environment(), stdout=stdout,
                               interactive=interactive)
        return sandbox.run_guest(self.files, linux.product(self.kernel, self.release) / "linux", command,
                                 listener=listener, kind=steering,
                                 environment=self._environment(), writable=writable or Path.cwd(),
                                 limit=limit, stdout=stdout, console=console,
                                 interactive=interactive, memory=memory)

    def _environment(self) -> dict[str, str]:
        """The caller's variables and the column's.  Tunables add up; of the
        same one, the last holds."""
        both = dict(os.environ)
        if self.preloaded and not split(self.libc)[0]:
            both |= preload.preloading(self.preloaded, both)
        for name, value in self.environment.items():
            before = both.get(name, "") if name == "GLIBC_TUNABLES" else ""
            both[name] = f"{before}:{value}" if before else value
        return both

    def identity(self) -> dict[str, str]:
        """What every record of a run on this column must prove."""
        if self.kernel == "host":
            kernel = os.uname().release
        else:
            product = linux.product(self.kernel, self.release)
            kernel = (product / "release").read_text().strip()
        proofs = {"libc": self.build_id, "kernel": kernel,
                  "tunables": self.environment.get("GLIBC_TUNABLES", "")}
        return proofs | ({"preloaded": build_id(self.preloaded)} if self.preloaded else {})


def build_id(library: Path) -> str:
    """Return the build-id of an ELF file, in hexadecimal."""
    for line in output_of("readelf", "--notes", library).splitlines():
        if "Build ID:" in line:
            return line.split(":")[1].strip()
    raise Failure(f"{library}", "it has no build-id", "link it with --build-id")


def names_of(release: str, libcs: Sequence[str] = (), kernels: Sequence[str] = ()) -> list[ColumnName]:
    """The columns of a release, or those of them with these libcs and
    kernels: by kernel, then libc.  Foreign libcs have the host's kernel only;
    preload is left out, unless it is asked for, where nothing can be preloaded
    from this checkout's path."""
    return [ColumnName(release, libc, kernel) for kernel in kernels or KERNELS
            for libc in libcs or LIBCS
            if (libcs or libc not in SYSTEM or release == default_release())
            and (libcs or libc != "preload" or preload.can_be_named(OUT))
            and (kernels or libc not in FOREIGN or kernel == "host")]


def _check(name: ColumnName) -> None:
    """Raise Failure if there cannot be such a column here."""
    architecture, _ = split(name.libc)
    if architecture:
        if name.kernel != "host":
            raise Failure(f"column {name}", f"user-mode Linux runs no programs of {architecture}",
                          "use --kernel host")
        architectures.check_runs(architecture)
    if name.release == default_release() and name.libc in SYSTEM:
        return
    if name.libc in SYSTEM:
        raise Failure(f"column {name}", f"the libc of this system is that of {default_release()}",
                      "use --libc stock or --libc patched")
    if not releases.runs_here(name.release):
        version = releases.read(name.release).glibc.version
        raise Failure(f"column {name}", f"its libc, {version}, is older than this system's, which "
                      "the programs here need", "use --release with a newer one, or --libc distro")


def is_built(name: ColumnName) -> bool:
    """Whether all that a column takes is there."""
    architecture, kind = split(name.libc)
    libc = SETTINGS.get(name.libc, (name.libc, {}))[0]
    return ((name.libc in SYSTEM or seal.intact(glibc.product(libc, name.release)))
            and (kind != "preload"
                 or seal.intact(preload.product(default_release(), architecture)))
            and (name.kernel == "host" or seal.intact(linux.product(name.kernel, name.release))))


def _places(libc: str) -> tuple[list[Path], list[Path]]:
    """Where the system has what takes the place of a libc's libraries, and of
    what programs are linked with."""
    architecture, _ = split(libc)
    if architecture:
        foreign = architectures.read(architecture)
        return [*foreign.libraries, foreign.linked], [foreign.linked]
    return [Path("/lib") / multiarch()], [Path("/usr/lib") / multiarch()]


def open_column(libc: str, kernel: str = "host", release: str = default_release()) -> Column:
    """Return the column of this libc on this kernel, building them first if
    need be."""
    _check(ColumnName(release, libc, kernel))
    if kernel != "host":
        linux.build(kernel, release)
    libraries, linked = _places(libc)
    if libc in SYSTEM:
        system = next(place for place in libraries if (place / "libc.so.6").exists()) / "libc.so.6"
        if system.resolve() in sandbox.mounted_files():
            raise Failure(f"column {libc}", "another C library is mounted over the system's: this "
                          "is a sandbox of another column", "leave it first")
        architecture, kind = split(libc)
        return Column(libc, kernel, {}, build_id(system), release,
                      preloaded=preload.build(release, architecture) if kind == "preload" else None)
    built, environment = SETTINGS.get(libc, (libc, {}))
    product = glibc.build(built, release)
    # What the system has not, nothing loads.
    files = {(place / file.name).resolve(): file
             for kind, places in (("lib", libraries), ("start", linked))
             for file in sorted((product / kind).iterdir()) for place in places
             if (place / file.name).exists()}
    return Column(libc, kernel, files, build_id(product / "lib/libc.so.6"), release,
                  environment=environment)


@functools.cache
def _suite_key(architecture: str = "") -> str:
    """What the suite's objects for an architecture depend on; not where they
    are."""
    sources = sorted(path for pattern in ("Makefile", "core/*.[ch]", "cases/*.c")
                     for path in SUITE.glob(pattern))
    return digest(*SUITE_FLAGS, output_of("gcc", "--version"), *sources,
                  *([architectures.key(architecture)] if architecture else []))


def _suite_path(column: Column) -> Path:
    return OUT / "suite" / f"suite-{digest(_suite_key(split(column.libc)[0]), column.build_id)}"


def present_suites() -> list[Path]:
    """The suites of the columns whose libcs are built, and their objects."""
    known = [name for name in architectures.running_here() if architectures.is_known(name)]
    columns = [open_column("distro"), *(open_column(f"{name}-distro") for name in known)]
    columns += [open_column(libc, "host", release) for release in releases.names()
                if releases.runs_here(release)
                and sources.known(releases.read(release).glibc) is not None
                for libc in glibc.libcs(*known) if is_built(ColumnName(release, libc, "host"))]
    objects = [suite_objects_path(name) for name in ("", *known)]
    return [*objects, *map(_suite_path, columns)]


def _compiler(architecture: str) -> str:
    return architectures.read(architecture).compiler if architecture else "gcc"


def _make_suite(objects: Path, architecture: str) -> None:
    """Compile the suite at places that no checkout's path has a say in: not in
    the program, nor in make, which takes no path with a space."""
    done = subprocess.run(
        [*sandbox.build_command(SUITE, objects, SOURCE, OBJECTS), "make", "--silent",
         f"--jobs={os.cpu_count()}", f"--directory={SOURCE}",
         f"CC={_compiler(architecture)}", f"O={OBJECTS}",
         f"WARNINGS={' '.join(SUITE_FLAGS)}", "objects"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", check=False, pass_fds=(sandbox.lifeline(),))
    sys.stderr.write(done.stdout.replace(f"{SOURCE}/", f"{SUITE}/"))
    if done.returncode != 0:
        raise Failure("suite", "it does not compile (see above)", "correct the first error")


def suite_objects_path(architecture: str = "") -> Path:
    """Where the suite's objects for an architecture are."""
    return OUT / "suite" / f"objects-{_suite_key(architecture)}"


def suite_objects(architecture: str = "") -> Path:
    """Return the folder of the suite's objects, compiled once for all libcs of
    an architecture: they have the headers in common."""
    path = suite_objects_path(architecture)
    if not path.exists():
        with exclusive(path.name):
            if not path.exists():
                with appearing(path) as folder:
                    _make_suite(folder, architecture)
                    _suite_key.cache_clear()
                    if suite_objects_path(architecture) != path:
                        raise Failure("suite", "its sources changed while it was compiled",
                                      "run it again")
    return path


def suite(column: Column) -> Path:
    """Return the suite's program for this column, linked where the column's
    libc is the system's."""
    path = _suite_path(column)
    if path.exists():
        return path
    architecture, _ = split(column.libc)
    objects = suite_objects(architecture)
    with exclusive(path.name):
        if not path.exists():
            partial = path.with_suffix(f".{os.getpid()}")
            # The compiler is a program of the host's architecture: nothing is
            # preloaded into it.
            host = replace(column, kernel="host", preloaded=None)
            try:
                if host.run([_compiler(architecture), "-o", str(partial),
                             *map(str, sorted(objects.glob("*/*.o")))], listener=None) != 0:
                    raise Failure("suite", f"it cannot be linked on column {column.name} "
                                  "(see above)", "run ./portzero build")
                partial.rename(path)
            finally:
                partial.unlink(missing_ok=True)
    return path
