# SPDX-License-Identifier: LGPL-2.1-or-later
"""What long work tells: how far, and how long still."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from portzero.progress import per_cent
from portzero.project import ROOT


@pytest.mark.parametrize("share, seconds, told", [
    (0.0, 0.0, "0 %"), (0.0, 60.0, "0 %"), (0.5, 1.0, "50 %"), (0.5, 60.0, "50 %, about 60 s left"),
    (0.1, 60.0, "10 %, about 9 min left"), (0.999, 60.0, "99 %"), (1.2, 60.0, "99 %"),
    (0.25, 4.0, "25 %, about 12 s left")])
def test_time_left(share: float, seconds: float, told: str) -> None:
    assert per_cent(share, seconds) == told


STEP = """
import time
from portzero.progress import Step
with Step("a title of some length, as steps of builds have") as step:
    for number in range(1, 4):
        step.shown = 0
        step.advance("a file with a long name" * 9, number / 4)
    step.done = "all of it"
"""


def told_to(terminal: bool) -> str:
    """What a step writes to standard error."""
    command = [sys.executable, "-c", STEP]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1"}
    if not terminal:
        return subprocess.run(command, env=environment, text=True, capture_output=True,
                              check=True).stderr
    master, slave = pty.openpty()
    subprocess.run(["stty", "cols", "60"], stdin=slave, check=True)
    subprocess.run(command, env=environment, stderr=slave, check=True)
    os.close(slave)
    told = b""
    try:
        while piece := os.read(master, 65536):
            told += piece
    except OSError:  # The other end is closed.
        pass
    os.close(master)
    return told.decode()


def test_a_terminal_has_one_line_that_is_kept_up_to_date() -> None:
    lines = told_to(True).split("\r\x1b[2K")
    assert len(lines) == 6
    assert max(len(line.rstrip("\r\n")) for line in lines) <= 59


def test_elsewhere_there_is_one_line_at_the_end() -> None:
    told = told_to(False)
    assert told.count("\n") == 1 and told.endswith("all of it\n")
