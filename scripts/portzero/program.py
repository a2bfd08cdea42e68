# SPDX-License-Identifier: LGPL-2.1-or-later
"""What can be known of a user's program before it runs: whether it will use
the C library of its column at all."""

from __future__ import annotations

import os
import shutil
import struct
from pathlib import Path

PT_INTERP, PT_NOTE = 3, 4
CLASS_64 = 2
EM_386 = 3
# Of scripts that start scripts, how many to follow, as the kernel does.
MOST_INTERPRETERS = 4


def _interpreter(path: Path, head: bytes) -> Path | None:
    """The program that a script names in its first line."""
    words = head.split(b"\n")[0][2:].split()
    if not words:
        return None
    if os.path.basename(words[0]) == b"env":
        names = [word for word in words[1:] if not word.startswith(b"-") and b"=" not in word]
        found = shutil.which(os.fsdecode(names[0])) if names else None
        return Path(found) if found else None
    return Path(os.fsdecode(words[0]))


def _foreign(data: bytes, architecture: str) -> str:
    """Say why an ELF file does not use a C library of this system, or of
    another architecture on it; "" if it may."""
    wide = data[4] == CLASS_64
    order = "<" if data[5] == 1 else ">"
    if wide == (architecture == "i386"):
        return f"it is a {64 if wide else 32}-bit program"
    if not wide and struct.unpack_from(order + "H", data, 18)[0] != EM_386:
        return f"it is no program of {architecture}"
    offset, = struct.unpack_from(order + ("Q" if wide else "I"), data, 32 if wide else 28)
    size, count = struct.unpack_from(order + "HH", data, 54 if wide else 42)
    loader = ""
    for number in range(count):
        segment = struct.unpack_from(order + ("IIQQQQ" if wide else "IIIIII"), data,
                                     offset + number * size)
        # The flags of a segment, which nobody asks for, are elsewhere.
        kind, where, length = segment[0], segment[2 if wide else 1], segment[5 if wide else 4]
        if kind == PT_INTERP:
            loader = os.fsdecode(data[where:where + length].rstrip(b"\0"))
    if not loader:
        return "it is statically linked"
    if "musl" in loader:
        return "it is linked to musl"
    if b"\xff Go buildinf:" in data:
        return "it is a Go program, which makes its own system calls"
    return ""


def outside_column(word: str, architecture: str = "") -> str:
    """Say why the program that a shell would run for `word` does not use its
    column's C library (of the host's architecture, or of another); "" if it does,
    or if that cannot be known."""
    found = shutil.which(word)
    path = Path(found) if found else None
    for _ in range(MOST_INTERPRETERS):
        if path is None:
            return ""
        try:
            data = path.read_bytes()
            if not data.startswith(b"#!"):
                return _foreign(data, architecture) if data.startswith(b"\x7fELF") else ""
            path = _interpreter(path, data[:256])
        except (OSError, struct.error, IndexError):
            return ""
    return ""
