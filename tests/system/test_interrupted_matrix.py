# SPDX-License-Identifier: LGPL-2.1-or-later
"""A signal ends a matrix with one line, at any moment, and costs nothing that
was finished.

`make shots` fires more of them."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from portzero.column import Column
from portzero.project import OUT

from conftest import PATIENCE, PORTZERO, await_that

# So many that meet a matrix that is running.
SHOTS = int(os.environ.get("PORTZERO_SHOTS", "6"))
SAID = "portzero: interrupted; what was finished is kept, run it again to go on"
ARGUMENTS = ["matrix", "--libc", "distro", "--kernel", "host", "--kernel", "linux-stock",
             "--case", "getpeername/*"]


def marked(mark: str) -> set[str]:
    found = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_text(errors="replace"):
                found.add(path.parent.name)
    return found


def contents(folder: Path) -> dict[str, bytes]:
    """Of the results, the files and how they end, which tells how much is in
    them; not what is worked on, which the next run removes."""
    return {str(path.relative_to(folder)): path.read_bytes().splitlines()[-1]
            for path in sorted(folder.rglob("*")) if path.is_file()
            and path.suffix == ".jsonl" and ".work" not in path.parts}


@pytest.fixture
def out(columns: dict[str, Column], tmp_path: Path) -> Path:
    """Products of its own, with what is built by hard links."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name in ("columns", "sandbox", "suite"):
        subprocess.run(["cp", "-a", "--link", OUT / name, folder / name], check=True)
    return folder


def last_lines(told: str) -> list[str]:
    """What was told, without the lines that show progress."""
    return [line for line in told.replace("\r", "\n").splitlines() if "portzero" in line
            or "Traceback" in line or "Error" in line]


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_interrupted(out: Path, again: bool) -> None:
    mark = f"PORTZERO_SHOT={os.getpid()}-{again}"
    name, _, value = mark.partition("=")
    environment = {**os.environ, "PORTZERO_OUT": str(out), name: value}
    began = time.monotonic()
    subprocess.run([PORTZERO, *ARGUMENTS, "--again"], env=environment, check=True, timeout=PATIENCE,
                   capture_output=True)
    whole = time.monotonic() - began
    kept = contents(out / "results")
    assert any(b'"end"' in line for line in kept.values())
    aim = random.Random(int(again))
    hits = 0
    for shot in itertools.count():
        if hits == SHOTS:
            break
        assert shot < 2 * SHOTS + 100, "hardly a shot met a matrix that was running"
        if not again:
            shutil.rmtree(out / "results", ignore_errors=True)
        number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[shot % 3]
        with subprocess.Popen([PORTZERO, *ARGUMENTS, *(["--again"] if again else [])],
                              env=environment, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, start_new_session=True) as process:
            time.sleep(aim.uniform(0, whole))
            if shot % 2:
                process.send_signal(number)
            else:  # As a terminal does.
                os.killpg(process.pid, number)
            _, told = process.communicate(timeout=PATIENCE)
        if process.returncode == 0:
            whole *= 0.9  # It had ended: the machine was slower before.
            continue
        # Between fork and the launcher's first line, nothing of ours runs yet.
        early = told == "" and process.returncode == -number
        if not early:
            hits += 1
            assert (process.returncode, last_lines(told)) == (128 + number, [SAID])
        if again:
            assert contents(out / "results") == kept
        await_that(lambda: not marked(mark))
    judged = subprocess.run([PORTZERO, *ARGUMENTS], env=environment, check=False, timeout=PATIENCE,
                            text=True, capture_output=True)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert contents(out / "results").keys() == kept.keys()
