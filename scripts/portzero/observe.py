# SPDX-License-Identifier: LGPL-2.1-or-later
"""A job for another machine: observes a column here, and gives what was
observed to whoever asked, who judges it."""

from __future__ import annotations

import json
import os
import sys

from portzero import hosts, matrix, releases, results
from portzero.column import ALL_LIBCS, KERNELS, open_column
from portzero.column_name import parse
from portzero.project import Failure


def observe(text: str | None, pattern: str, again: bool, build_id: str) -> int:
    """Write what was observed on a column to standard output, as a compressed
    tar archive; without a column, what this machine is, as JSON.

    Raises Failure if its libc has not the build-id that is asked for ("" for
    any), before anything is run on it."""
    if text is None:
        print(json.dumps(hosts.about()))
        return 0
    name = parse(text)
    if (name.libc not in ALL_LIBCS or name.kernel not in KERNELS
            or name.release not in releases.names()):
        raise Failure(f"column '{text}'", "there is no such column", "use one of ./portzero matrix")
    if os.isatty(sys.stdout.fileno()):
        raise Failure("observe", "an archive is nothing for a terminal", "send it to a file")
    steered = matrix.prepare(pattern)
    found = open_column(name.libc, "host", name.release).build_id
    if build_id not in ("", found):
        raise Failure(f"column {name}", f"its libc is {found}, not {build_id}",
                      "have the same packages and the same checkout on all hosts")
    matrix.observe_here([name], pattern, steered, again)
    results.pack(name, "columns" if pattern == "*" else "partial", sys.stdout.buffer)
    return 0
