# SPDX-License-Identifier: LGPL-2.1-or-later
"""Removes what was built: all of it, or what nothing here needs as it is now.

Only what this project makes under names of its own is touched.  Results are
not built; they stay."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from portzero import (
    architectures, column, column_name, emulated, glibc, linux, preload, releases, sandbox, sources)
from portzero.project import OUT, exclusive
from portzero.releases import Base

# The folders of out/ in which all that has a key is built, with the names
# that things have there, and the key.
KEY = "[0-9a-f]{16}"
FOREIGN = rf"(?:{'|'.join(column_name.architectures())})-"
LIBC = rf"(?:{FOREIGN})?(?:stock|patched)"
BUILT = {
    "columns": rf"({LIBC}|({FOREIGN})?linux-(stock|patched)|preload)-{KEY}",
    "glibc": rf"((suite|series)-)?(source|objects)(-{LIBC})?-{KEY}|suite-{LIBC}-{KEY}\.sum",
    # (A window is what a test of the kernels' series makes of one of them.)
    "linux": rf"(source|objects|selftest)(-({FOREIGN})?linux-(stock|patched))?-{KEY}|window-{KEY}-{KEY}",
    "suite": rf"(objects|suite)-{KEY}",
    "sandbox": rf"[a-z]+-{KEY}",
}
# What is there besides, and made again when it is needed.
OTHERS = ("sources", "ccache", "hosts", "programs/tree")
# What is left of something that was interrupted.
PARTIAL = r"\.(partial|\d+)"


def _bases() -> Iterator[Base]:
    """The bases whose sources are here; without them, nothing can be built
    from them."""
    for name in releases.names():
        release = releases.read(name)
        yield from (base for base in (release.glibc, release.linux)
                    if sources.known(base) is not None)


def _present() -> set[str]:
    """The keys of all that can be built here."""
    foreign = [name for name in column_name.architectures() if architectures.is_known(name)]
    keys = {preload.key(name, architecture) for name in releases.names()
            for architecture in ("", *foreign)}
    for base in _bases():
        module, kinds = ((glibc, glibc.libcs(*foreign)) if base.component == "glibc"
                         else (linux, linux.KERNELS))
        keys |= {module.key(kind, base.release) for kind in kinds}
    return keys | emulated.present_keys()


def _old() -> Iterator[Path]:
    """What nothing needs that can be built here."""
    keys = _present()
    for folder in ("columns", "glibc", "linux"):
        for path in sorted((OUT / folder).glob("*")):
            # What is partial under a present key may be in the making.
            if (re.fullmatch(rf"(?:{BUILT[folder]})({PARTIAL})?", path.name)
                    and not keys.intersection(re.findall(KEY, path.name))):
                yield path
    fetched = {source.root.name for base in _bases() if (source := sources.known(base))}
    for path in sorted(sources.SOURCES.glob("*_*")):
        if path.name not in fetched and not re.search(rf"{PARTIAL}$", path.name):
            yield path
    present = {path.name for path in (*column.present_suites(), *emulated.present_suites(),
                                          *sandbox.present())}
    for folder in ("suite", "sandbox"):
        for path in sorted((OUT / folder).glob("*")):
            if re.fullmatch(BUILT[folder], path.name) and path.name not in present:
                yield path


def _all() -> Iterator[Path]:
    """All that was built."""
    for folder, pattern in BUILT.items():
        for path in sorted((OUT / folder).glob("*")):
            if re.fullmatch(rf"(?:{pattern})({PARTIAL})?", path.name):
                yield path
    for name in OTHERS:
        if (OUT / name).exists():
            yield OUT / name
    yield from sorted(OUT.glob("*.log"))


def _size(path: Path) -> int:
    """The bytes that are free when a file or folder is gone: not those of
    files that have other links elsewhere."""
    links: Counter[tuple[int, int]] = Counter()
    total = 0
    paths = [path] if not path.is_dir() or path.is_symlink() else [
        Path(parent, name) for parent, _, names in os.walk(path) for name in names]
    for file in paths:
        status = file.lstat()
        links[status.st_dev, status.st_ino] += 1
        if links[status.st_dev, status.st_ino] == status.st_nlink:
            total += status.st_blocks * 512
    return total


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        # Gone at once for whoever looks for it.
        doomed = path.with_name(f"{path.name}.{os.getpid()}")
        path.rename(doomed)
        shutil.rmtree(doomed)
    else:
        path.unlink()


def clean(only_old: bool) -> int:
    """Remove, and say what went and how much it was.  Return 0."""
    total, count = 0, 0
    for path in list(_old() if only_old else _all()):
        # Not while somebody makes it.
        with exclusive(re.sub(rf"{PARTIAL}$", "", path.name)):
            if not path.exists():
                continue
            size = _size(path)
            _remove(path)
        print(f"{size / 2**20:8.1f} MiB  {path.relative_to(OUT)}")
        total += size
        count += 1
    print(f"{count} removed, {total / 2**20:.0f} MiB")
    return 0
