# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compiles the C programs of this folder and runs them on a column."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from portzero import linux, linux_suite, releases, sources
from portzero.column import DEFAULT_LISTENER, Column
from portzero.column_name import default_release
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


def needs_kernel(release: str, kernel: str) -> None:
    """Skip the test if this is a kernel of another release and was not built: it
    fetches no source only to find that out."""
    if release == default_release():
        return
    if (sources.known(releases.read(release).linux) is None
            or not linux.product(kernel, release).exists()):
        pytest.skip(f"./portzero check-linux --release {release} builds it")


def run_on_kernel(release: str, kernel: str, folder: Path, *command: str) -> tuple[int, str]:
    """Run a command on the system's libc and a release's kernel, if it is here,
    without steering: its exit status, and what it printed."""
    needs_kernel(release, kernel)
    return linux_suite.run(release, kernel, folder, *command)
