# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the user's own program on a column."""

from __future__ import annotations

import argparse
import sys

from portzero import packages, program, sandbox
from portzero.column_name import ColumnName, split
from portzero.project import Failure


def _is_built(name: ColumnName) -> bool:
    from portzero import column  # noqa: PLC0415  (needs the packages)

    try:
        return column.is_built(name)
    except Failure:  # What the answer takes is not there, either.
        return False


def run(arguments: argparse.Namespace, words: list[str]) -> int:
    """Run a program and return its exit status, or the number of the signal
    that ended it, negated.

    Only what running takes is installed, as long as nothing has to be
    built."""
    if not words:
        raise Failure("run", "no program is given", "name it: ./portzero run -- PROGRAM")
    packages.install("run")
    from portzero import column  # noqa: PLC0415

    for axis, name, known in (("libc", arguments.libc, column.ALL_LIBCS),
                              ("kernel", arguments.kernel, column.KERNELS)):
        if name not in known:
            raise Failure(f"{axis} '{name}'", "there is no such column", f"use {', '.join(known)}")
    if arguments.steering not in sandbox.STEERINGS:
        raise Failure(f"--steer {arguments.steering}", "there is no such steering",
                      f"use {', '.join(sandbox.STEERINGS)}")
    name = ColumnName(arguments.release, arguments.libc, arguments.kernel)
    architecture, _ = split(name.libc)
    if architecture:
        packages.install(architecture)
    if not _is_built(name):
        packages.install("matrix")
    opened = column.open_column(name.libc, name.kernel, name.release)
    why = program.outside_column(words[0], architecture)
    if "32-bit" in why and opened.kernel != "host":
        raise Failure(words[0], f"{why}, and a guest's kernel runs none", "use --kernel host")
    if why and opened.files:
        print(f"portzero: {words[0]} does not use the column's C library: {why}", file=sys.stderr)
    return opened.run(words, listener=arguments.port, interactive=True, memory=arguments.memory,
                      steering=arguments.steering)
