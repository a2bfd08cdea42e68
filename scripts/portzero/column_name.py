# SPDX-License-Identifier: LGPL-2.1-or-later
"""How columns are called: RELEASE:LIBC/KERNEL, the only place that takes such
a name apart.  Of the default release, the name is LIBC/KERNEL."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

from portzero.project import ROOT, Failure

# What a part of a name may hold: it is also the name of a folder.
PART = r"[A-Za-z0-9_][A-Za-z0-9_.+-]*"
NAME = re.compile(rf"(?:(?P<release>{PART}):)?(?P<libc>{PART})/(?P<kernel>{PART})")
RELEASES = ROOT / "build/releases"
ARCHITECTURES = ROOT / "build/architectures"
# Where the host's own release is none that we know.
FALLBACK = "bookworm"
# The kernel of a column that was observed elsewhere, and added.
ADDED = "added"
# The architecture that is not in a libc's name.
NATIVE = "native"


@dataclass(frozen=True, order=True)
class ColumnName:
    """A libc over a kernel, both made from the sources of a release."""

    release: str
    libc: str
    kernel: str

    def __str__(self) -> str:
        """The name as users write and read it."""
        prefix = "" if self.release == default_release() else f"{self.release}:"
        return f"{prefix}{self.libc}/{self.kernel}"


def releases() -> list[str]:
    """The names of the releases that there are, in the order of the alphabet."""
    return sorted({FALLBACK, *(path.stem for path in RELEASES.glob("*.toml"))})


@functools.cache
def architectures() -> tuple[str, ...]:
    """The names of the architectures besides the host's own."""
    return tuple(sorted(path.stem for path in ARCHITECTURES.glob("*.toml")))


def split(libc: str) -> tuple[str, str]:
    """Take a libc's name apart: ARCHITECTURE-LIBC.  Of the host's architecture
    (""), the name is LIBC."""
    architecture, _, rest = libc.partition("-")
    return (architecture, rest) if rest and architecture in architectures() else ("", libc)


@functools.cache
def host_release() -> str:
    """The release that runs here, as os-release(5) calls it; "" if it does not
    say."""
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return ""
    names = [line.partition("=")[2].strip("\"'") for line in lines
             if line.startswith("VERSION_CODENAME=")]
    return names[0] if names else ""


@functools.cache
def default_release() -> str:
    """The release that is meant where none is named: the host's, if
    build/releases knows it."""
    name = host_release()
    return name if name and (RELEASES / f"{name}.toml").exists() else FALLBACK


def parse(text: str) -> ColumnName:
    """Take a column's name apart.  Raises Failure if it is none."""
    match = NAME.fullmatch(text)
    if not match:
        raise Failure(f"column '{text}'", "that is no column's name",
                      "write LIBC/KERNEL, or RELEASE:LIBC/KERNEL")
    return ColumnName(match["release"] or default_release(), match["libc"], match["kernel"])
