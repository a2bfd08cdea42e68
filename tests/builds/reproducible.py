# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds a column twice, from two checkouts in two folders, and compares bit
for bit.

    reproducible.py [--from-nothing] [--release RELEASE]

The patched glibc and the patched kernel, with the stock ones that they are
cloned from taken from here; with --from-nothing these, too.  What a cache of
compilations says does not count: it is off."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from checkout import copy_checkout
from portzero import glibc, linux, releases, seal
from portzero.column_name import default_release
from portzero.project import OUT, Failure

# Of other lengths: a path that gets into a binary shifts what comes after it.
FOLDERS = ("a", "another folder/deeper")


def seed(out: Path, release: str) -> None:
    """Give a folder for products the stock builds and the sources of here."""
    parts = [glibc.objects("stock", release), linux.objects("linux-stock", release),
             OUT / "glibc" / f"source-{glibc.key('stock', release)}",
             OUT / "linux" / f"source-{linux.key('linux-stock', release)}"]
    if (OUT / "sources").exists():
        parts.append(OUT / "sources")
    for part in parts:
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
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from-nothing", action="store_true")
    parser.add_argument("--release", default=default_release(), choices=releases.names())
    arguments = parser.parse_args()
    made = []
    with tempfile.TemporaryDirectory(dir=OUT, prefix="reproducible-") as work:
        for folder in FOLDERS:
            place = Path(work) / folder
            copy_checkout(place)
            if not arguments.from_nothing:
                seed(place / "out", arguments.release)
            environment = {name: value for name, value in os.environ.items()
                           if name not in ("PORTZERO_OUT", "PYTHONPATH")}
            status = subprocess.run(
                [place / "portzero", "build", "--release", arguments.release, "--libc", "patched",
                 "--kernel", "linux-patched"], check=False, cwd=place,
                env={**environment, "CCACHE_DISABLE": "1"}).returncode
            if status != 0:
                raise Failure("reproducible", f"the build in {place} failed", "see above")
            made.append(sums(place / "out"))
    differing = [name for name in sorted(made[0].keys() | made[1].keys())
                 if made[0].get(name) != made[1].get(name)]
    for name in differing:
        print(f"not the same: {name}")
    needed = ("lib/libc.so.6", "linux-patched")
    if not all(any(part in name for name in made[0]) for part in needed):
        raise Failure("reproducible", "nothing was built", "look at what portzero build says")
    print(f"{len(made[0]) - len(differing)} of {len(made[0])} files are the same, bit for bit")
    return 1 if differing else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"reproducible: {failure}", file=sys.stderr)
        sys.exit(2)
