# SPDX-License-Identifier: LGPL-2.1-or-later
"""A caller that is killed leaves nothing, at whatever moment it happens.

`make shots` fires more of them; here, so many that a hole of a few
milliseconds would be hit."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import PORTZERO, await_that

SHOTS = int(os.environ.get("PORTZERO_SHOTS", "25"))


def marked(mark: str) -> set[int]:
    """The processes that have this text in their environment."""
    found = set()
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if name.isdecimal() and mark in Path(f"/proc/{name}/environ").read_text(
                    errors="replace"):
                found.add(int(name))
    return found


def await_sandbox(process: subprocess.Popen[bytes]) -> None:
    """Wait until bubblewrap has been started."""
    while process.poll() is None:
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            for child in children.read_text().split():
                if Path(f"/proc/{child}/comm").read_text() == "bwrap\n":
                    return


@pytest.mark.parametrize("kernel", ["host", "linux-stock"])
def test_killed_in_its_first_milliseconds(tmp_path: Path, kernel: str) -> None:
    mark = f"PORTZERO_SHOT={os.getpid()}-{kernel}"
    name, _, value = mark.partition("=")
    aim = random.Random(0)
    shm = set(os.listdir("/dev/shm"))
    for _ in range(SHOTS):
        process = subprocess.Popen(
            [PORTZERO, "run", "--libc", "distro", "--kernel", kernel, "--", "sleep", "1000"],
            cwd=tmp_path, env={**os.environ, name: value}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        await_sandbox(process)
        assert process.poll() is None
        time.sleep(aim.uniform(0, 0.01))
        process.send_signal(signal.SIGKILL)
        process.wait()
    await_that(lambda: not marked(mark))
    assert set(os.listdir("/dev/shm")) <= shm
