# SPDX-License-Identifier: LGPL-2.1-or-later
"""The columns, built; they are what `make check` builds first."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from portzero.column import Column, open_column
from portzero.project import ROOT

# Who starts the tests in the background of a shell has this ignored, and so would all
# that they start: what is to be interrupted could not be.
signal.signal(signal.SIGINT, signal.default_int_handler)

PORTZERO = str(ROOT / "portzero")
# Seconds to wait for what comes at once on an idle machine.  They are no
# measurement: only what never comes costs them.
PATIENCE = 300
# How an ordinary user looks to bubblewrap: another user id, and no rights
# over anything but what it makes itself.
ORDINARY = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def portzero(*arguments: str, ordinary: bool = False,
             **more: object) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    prefix = ORDINARY if ordinary and os.geteuid() == 0 else []
    return subprocess.run([*prefix, PORTZERO, *arguments], text=True, capture_output=True,
                          check=False, **{"timeout": PATIENCE, **more})  # type: ignore[call-overload]


def peers_named(verdicts: list[dict[str, Any]]) -> tuple[Counter[tuple[str, str]], int]:
    """How often getpeername/connected names the peer, by column and entry, and
    how often each of them is asked: said without the judge."""
    connected = [verdict for verdict in verdicts
                 if verdict["case"] == "getpeername/connected" and verdict["observed"]
                 and verdict["protocol"] in ("TCP", "MPTCP", "UDP", "UDP-Lite")]
    named = Counter((verdict["column"], verdict["entry"]) for verdict in connected
                    if verdict["observed"].get("return") == 0)
    return named, len({(verdict["family"], verdict["protocol"]) for verdict in connected})


@pytest.fixture(scope="session")
def whole_matrix() -> subprocess.CompletedProcess[str]:
    """The main job, done once; its results are in results/."""
    return portzero("matrix", timeout=12 * PATIENCE)  # It may have to build.


@pytest.fixture(scope="session")
def columns() -> dict[str, Column]:
    return {libc: open_column(libc) for libc in (
        "distro", "stock", "patched", "patched-accept", "preload")}


# Both kinds of sandbox.
ON_BOTH = pytest.mark.parametrize("kernel", ["host", "linux-stock"])


def on(kernel: str, *command: str | bytes, libc: str = "distro", options: tuple[str, ...] = (),
       ordinary: bool = False, **more: object) -> subprocess.CompletedProcess[str]:
    """Run a program on a column, as a user does."""
    return portzero("run", "--libc", libc, "--kernel", kernel, *options, "--",
                    *command,  # type: ignore[arg-type]
                    ordinary=ordinary, **more)


def processes_with(mark: str) -> list[str]:
    """The processes that have this text in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark in path.read_text():
                found.append(path.parent.name)
        except OSError:
            pass
    return found


def await_that(condition: Callable[[], object]) -> None:
    """Wait until this is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.01)


def leave_nothing(mark: str) -> None:
    """Wait until no process has this mark in its command line."""
    await_that(lambda: not processes_with(mark))
