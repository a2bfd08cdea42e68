# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells whether what was built is still what was built: each product carries
the size, the time and the checksum of its files.

A file's time and size are asked at each use, its contents only if these do not
fit (a copy has other times), or if the caller wants to be sure."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

NAME = "checksums"
_Entry = tuple[int, int, str]  # Size, time in ns, SHA-256.


def _files(folder: Path) -> dict[str, os.stat_result]:
    """The files below a folder, but for the seal itself."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = os.stat(path, follow_symlinks=False)
    found.pop(NAME, None)
    return found


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: Path, entries: dict[str, _Entry]) -> None:
    partial = folder / f"{NAME}.{os.getpid()}"
    partial.write_text(json.dumps(entries, indent=1) + "\n")
    partial.rename(folder / NAME)


def put(folder: Path) -> None:
    """Seal what is in a folder."""
    _write(folder, {name: (status.st_size, status.st_mtime_ns, _checksum(folder / name))
                    for name, status in _files(folder).items()})


def _read(folder: Path) -> dict[str, _Entry]:
    try:
        content: Any = json.loads((folder / NAME).read_text())
        return {name: (int(size), int(time), str(checksum))
                for name, (size, time, checksum) in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def is_sealed(folder: Path) -> bool:
    """Whether there is a seal, be it broken or not."""
    return (folder / NAME).exists()


def intact(folder: Path, *, fully: bool = False) -> bool:
    """Whether a folder holds just the files that it was sealed with.

    `fully` compares the contents of all files, whatever their times."""
    entries = _read(folder)
    try:
        files = _files(folder)
        if not entries or entries.keys() != files.keys():
            return False
        doubtful = [name for name, (size, time, _) in entries.items()
                    if fully or (size, time) != (files[name].st_size, files[name].st_mtime_ns)]
        if any(files[name].st_size != entries[name][0]
               or _checksum(folder / name) != entries[name][2] for name in doubtful):
            return False
    except OSError:
        return False
    if doubtful and not fully and os.access(folder, os.W_OK):
        _write(folder, {name: (size, files[name].st_mtime_ns, checksum)
                        for name, (size, _, checksum) in entries.items()})
    return True
