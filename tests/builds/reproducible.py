# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds a column twice, from two checkouts in two folders, and compares bit
for bit.

    reproducible.py [--from-nothing] [--release RELEASE] [PART...]

Parts are `libc`, the patched glibc; `kernel`, the patched kernel; and `programs`,
the suite and libportzero.so; default: all.  The stock builds that the patched ones
are cloned from are taken from here; with --from-nothing these are built, too.  What a
cache of compilations says does not count: it is off."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from checkout import copy_checkout
from portzero import glibc, linux, releases, seal, sources
from portzero.column_name import default_release
from portzero.project import OUT, Failure

# Of other lengths: a path that gets into a binary shifts what comes after it.
FOLDERS = ("a", "another folder/deeper")


@dataclass(frozen=True)
class Part:
    """What makes it (words for ./portzero), and what it then is called."""

    commands: tuple[str, ...]
    products: tuple[str, ...]


PARTS = {
    "libc": Part(("build --kernel host --libc patched",), ("lib/libc.so.6",)),
    "kernel": Part(("build --kernel linux-patched --libc {any}",), ("linux-patched-",)),
    "programs": Part(("build --kernel host --libc preload", "list"),
                     ("libportzero.so", "suite-")),
}


def seed(out: Path, release: str, parts: Iterable[str]) -> None:
    """Give a folder for products the stock builds and the sources of here."""
    needed = []
    if "libc" in parts:
        needed += [glibc.objects("stock", release),
                   OUT / "glibc" / f"source-{glibc.key('stock', release)}"]
    if "kernel" in parts:
        needed += [linux.objects("linux-stock", release),
                   OUT / "linux" / f"source-{linux.key('linux-stock', release)}"]
    if sources.SOURCES.exists():
        needed.append(sources.SOURCES)
    for part in needed:
        target = out / part.relative_to(OUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-al", part, target], check=True)


def sums(out: Path) -> dict[str, str]:
    """The checksum of each file of the products there, having checked them."""
    found = {}
    for folder in sorted((out / "columns").iterdir()):
        if not seal.intact(folder, fully=True):
            raise Failure("reproducible", f"{folder} is not as it was made", "look at it")
        for name, (_, _, checksum) in json.loads((folder / seal.NAME).read_text()).items():
            found[f"{folder.name}/{name}"] = checksum
    for suite in sorted((out / "suite").glob("suite-*")):
        found[suite.name] = hashlib.sha256(suite.read_bytes()).hexdigest()
    return found


def build(place: Path, release: str, parts: Iterable[str]) -> dict[str, str]:
    """Build parts in a checkout; return the checksums of what was built."""
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("PORTZERO_OUT", "PYTHONPATH")}
    # A kernel needs some libc: that of the system, where it is of this release.
    libc = "distro" if release == default_release() else "stock"
    for part in parts:
        for words in PARTS[part].commands:
            command = [str(place / "portzero"), *words.format(any=libc).split()]
            if command[1] == "build" and part != "programs":
                command += ["--release", release]
            if subprocess.run(command, check=False, cwd=place, stdout=sys.stderr,
                              env={**environment, "CCACHE_DISABLE": "1"}).returncode != 0:
                raise Failure("reproducible", f"the build in {place} failed", "see above")
    return sums(place / "out")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from-nothing", action="store_true")
    parser.add_argument("--release", default=default_release(), choices=releases.names())
    parser.add_argument("part", nargs="*", metavar="PART", default=list(PARTS))
    arguments = parser.parse_args()
    if unknown := set(arguments.part) - PARTS.keys():
        raise Failure(f"part '{min(unknown)}'", "there is none", f"use {', '.join(PARTS)}")
    made = []
    with tempfile.TemporaryDirectory(dir=OUT, prefix="reproducible-") as work:
        for folder in FOLDERS:
            place = Path(work) / folder
            copy_checkout(place)
            if not arguments.from_nothing:
                seed(place / "out", arguments.release, arguments.part)
            made.append(build(place, arguments.release, arguments.part))
    for part in arguments.part:
        for product in PARTS[part].products:
            if not all(any(product in name for name in found) for found in made):
                raise Failure("reproducible", f"no {product} was built",
                              "look at what portzero build says")
    differing = [name for name in sorted(made[0].keys() | made[1].keys())
                 if made[0].get(name) != made[1].get(name)]
    for name in differing:
        print(f"not the same: {name}")
    print(f"{len(made[0]) - len(differing)} of {len(made[0])} files are the same, bit for bit")
    return 1 if differing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"reproducible: {failure}", file=sys.stderr)
        sys.exit(2)
