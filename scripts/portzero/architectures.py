# SPDX-License-Identifier: LGPL-2.1-or-later
"""The architectures besides the host's own that C libraries are built for:
what build/architectures says of them."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from pathlib import Path

from portzero import column_name, data_file, packages
from portzero.column_name import ARCHITECTURES
from portzero.project import Failure, digest, output_of


@dataclass(frozen=True)
class Architecture:
    """An architecture, and where a system has what belongs to it."""

    name: str
    triplet: str
    runs_here: bool  # Whether the host's kernel runs its programs.
    loader: Path
    libraries: tuple[Path, ...]
    linked: Path
    parameters: str

    @property
    def compiler(self) -> str:
        return f"{self.triplet}-gcc"

    @property
    def host(self) -> list[str]:
        """What configure must know.  Where the programs can run, it need not
        know that they are compiled for another machine."""
        build = self.triplet if self.runs_here else output_of("gcc", "-dumpmachine")
        return [f"--build={build}", f"--host={self.triplet}"]

    @property
    def environment(self) -> dict[str, str]:
        """What configure gets.  There is no compiler for C++: not the native
        one instead."""
        return {"CC": f"{self.compiler} -Wl,--hash-style=both", "CXX": f"{self.triplet}-g++"}


@functools.cache
def read(name: str) -> Architecture:
    """What build/architectures says of an architecture.  Raises Failure."""
    file = data_file.read(ARCHITECTURES / f"{name}.toml")
    table = file.table
    file.check_keys(table, ("triplet", "runs_here", "loader", "libraries", "linked", "parameters"))
    if not isinstance(table["runs_here"], bool):
        raise file.failure(("runs_here",), "'runs_here' is neither true nor false",
                           "write one of them")
    for key in ("triplet", "loader", "linked", "parameters"):
        if not isinstance(table[key], str):
            raise file.failure((key,), f"'{key}' is no string", f'write {key} = "…"')
    libraries = tuple(map(Path, file.check_strings(table, "libraries")))
    return Architecture(name, table["triplet"], table["runs_here"], Path(table["loader"]),
                        libraries, Path(table["linked"]), table["parameters"])


def running_here() -> list[str]:
    """The names of those whose programs the host's kernel runs."""
    return [name for name in column_name.architectures() if read(name).runs_here]


def libcs() -> tuple[str, ...]:
    """What their libcs are called that columns can be made of."""
    return tuple(f"{name}-{libc}" for name in running_here()
                 for libc in ("distro", "stock", "patched", "patched-accept", "preload"))


@functools.cache
def key(name: str) -> str:
    """What a build for an architecture depends on, besides what one for the
    host's does.  Raises Failure if it cannot be built for."""
    if absent := packages.missing(packages.needed(name)):
        raise Failure(f"architecture {name}", f"{', '.join(absent)} not installed",
                      f"run ./portzero packages {name}")
    tools = output_of("dpkg-query", "--show", *packages.needed(name)).splitlines()
    return digest(ARCHITECTURES / f"{name}.toml", "\n".join(sorted(tools)),
                  output_of(read(name).compiler, "--version"),
                  output_of(f"{read(name).triplet}-ld", "--version"))


def is_known(name: str) -> bool:
    """Whether what it takes to build for an architecture is installed."""
    return not packages.missing(packages.needed(name))


@functools.cache
def check_runs(name: str) -> None:
    """Raise Failure if this system does not run programs of an architecture."""
    architecture = read(name)
    try:
        subprocess.run([architecture.loader, "--version"], stdin=subprocess.DEVNULL,
                       capture_output=True, check=False)
    except FileNotFoundError:
        raise Failure(f"architecture {name}", f"this system has no {architecture.loader}",
                      f"run ./portzero packages {name}") from None
    except OSError as error:
        raise Failure(f"architecture {name}", "this kernel does not run its programs "
                      f"({(error.strerror or str(error)).lower()})",
                      "use a kernel with CONFIG_IA32_EMULATION, or another --libc") from None
