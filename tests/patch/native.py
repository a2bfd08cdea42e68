# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles the C programs of this folder and runs them on a column."""

from __future__ import annotations

import subprocess
from pathlib import Path

from portzero.column import DEFAULT_LISTENER, Column
from portzero.project import ROOT

HERE = ROOT / "tests/patch"
# Seconds after which a guest has hung.
LIMIT = 600
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]


def compiled(folder: Path, name: str, *flags: str) -> Path:
    """Compile the program NAME.c of this folder into `folder`, return it."""
    program = folder / name
    subprocess.run(["gcc", *FLAGS, *flags, "-o", program, HERE / f"{name}.c",
                    *(HERE / f"{part}.c" for part in ("sockets", "harness", "tracer"))], check=True)
    return program


def run(column: Column, folder: Path, *command: str,
        listener: int | None = DEFAULT_LISTENER) -> tuple[int, str]:
    """Run a command on a column: its exit status, and what it printed."""
    out = folder / "told"
    with out.open("wb") as stream:
        status = column.run(command, listener=listener, stdout=stream, writable=folder, limit=LIMIT)
    return status, out.read_text()
