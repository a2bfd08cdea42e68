# SPDX-License-Identifier: LGPL-2.1-or-later
"""The releases of a distribution whose glibc and Linux there are columns of:
what build/releases says of them."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from portzero import column_name, data_file
from portzero.column_name import default_release
from portzero.project import ROOT, Failure

COMPONENTS = ("glibc", "linux")


@dataclass(frozen=True)
class Base:
    """What one of our series stands on: glibc or Linux, as in a release."""

    release: str
    component: str
    package: str  # The package that has its source.
    version: str  # That package's, when the series was made.
    series: Path
    # Options of our kernel configuration that this version does not have.
    lacks: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.component} of {self.release}"


@dataclass(frozen=True)
class Release:
    """A release, by its codename."""

    name: str
    title: str
    suite: str  # What mirrors call it.
    rolling: bool  # Whether mirrors go on to new upstream versions of it.
    glibc: Base
    linux: Base


def upstream(version: str) -> tuple[int, ...]:
    """The upstream's series of releases that a package's version is one of:
    (2, 36) of 2.36-9+deb12u14, (6, 12) of 6.12.117-1."""
    match = re.match(r"(?:\d+:)?(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if match else ()


def _base(file: data_file.DataFile, release: str, component: str) -> Base:
    table = file.table[component]
    if not isinstance(table, data_file.Table):
        raise file.failure((component,), f"'{component}' is no table", f"write [{component}]")
    file.check_keys(table, ("package", "version", "series"),
                    ("lacks",) if component == "linux" else ())
    for key in ("package", "version", "series"):
        if not isinstance(table[key], str):
            raise file.failure((component, key), f"'{key}' is no string", f'write {key} = "…"')
    if not upstream(table["version"]):
        raise file.failure((component, "version"), f"'{table['version']}' is no package's version",
                           "write the one that apt-cache policy tells")
    lacks = file.check_strings(table, "lacks") if table.get("lacks") else []
    return Base(release, component, table["package"], table["version"],
                ROOT / table["series"], tuple(lacks))


@functools.cache
def read(name: str) -> Release:
    """What build/releases says of this release.  Raises Failure if it is not
    one that we know, or if that is not right."""
    if name not in names():
        raise Failure(f"release '{name}'", "build/releases does not have it",
                      f"use {', '.join(names())}")
    file = data_file.read(column_name.RELEASES / f"{name}.toml")
    table = file.table
    file.check_keys(table, ("title", "suite", "rolling", *COMPONENTS))
    if not isinstance(table["rolling"], bool):
        raise file.failure(("rolling",), "'rolling' is neither true nor false", "write one of them")
    return Release(name, table["title"], table["suite"], table["rolling"],
                   *(_base(file, name, component) for component in COMPONENTS))


def default() -> Release:
    """The release that is meant where none is named."""
    return read(default_release())


def is_host(name: str) -> bool:
    """Whether this release is the one that runs here."""
    return name == column_name.host_release()


def host_libc() -> tuple[int, ...]:
    """The version of the libc of this system, which all its programs need:
    (2, 36)."""
    return upstream((os.confstr("CS_GNU_LIBC_VERSION") or "").rpartition(" ")[2])


def runs_here(name: str) -> bool:
    """Whether the programs of this system can run with this release's libc: a
    program that was linked with a newer one does not."""
    return upstream(read(name).glibc.version) >= host_libc()


def names() -> list[str]:
    """The releases that there are, from old to new glibc."""
    return sorted((path.stem for path in column_name.RELEASES.glob("*.toml")), key=_age)


def _age(name: str) -> tuple[tuple[int, ...], str]:
    text = data_file.read_text(column_name.RELEASES / f"{name}.toml")
    match = re.search(r'\[glibc\][^[]*?^version = "([^"]*)"', text, re.MULTILINE | re.DOTALL)
    return (upstream(match[1]) if match else (), name)
