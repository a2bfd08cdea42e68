# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many runs in one checkout, a full disk, and a killed run: what is kept is
always whole."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import PATIENCE, PORTZERO, leave_nothing, portzero
from portzero import results
from portzero.column_name import parse
from portzero.project import OUT

HERE = ("matrix", "--libc", "distro", "--kernel", "host")


def workers() -> list[Path]:
    """The working folders that there are."""
    return [path for path in (results.RESULTS / ".work").iterdir() if path.is_dir()]


def test_twenty_runs_in_one_checkout() -> None:
    assert portzero(*HERE).returncode == 0
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(subprocess.Popen(
            [PORTZERO, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
            for number in range(20)
            for command in ((*HERE, *(["--case", f"get*name/*{'d' if number % 2 else ''}"]
                                      if number % 7 else [])),
                            *([("judge",)] if number % 4 == 0 else []))]
        while any(run.poll() is None for run in runs):  # At no moment is there less than a run.
            assert results.read(parse("distro/host")).complete
        ended = [(*run.communicate(timeout=PATIENCE), run.returncode) for run in runs]
    for out, err, status in ended:
        assert status in (0, 1), out + err  # What they find is for other tests.
        assert "as expected." in out
        assert "waiting" not in err and "Traceback" not in err
    assert results.read(parse("distro/host")).complete
    assert results.read(parse("distro/host"), "partial").flaw == ""
    assert workers() == []


@pytest.mark.usefixtures("columns")
def test_running_waits_for_no_build() -> None:
    (OUT / "locks").mkdir(exist_ok=True)
    names = {path.name for folder in ("locks", "columns") for path in (OUT / folder).iterdir()}
    with contextlib.ExitStack() as stack:
        for name in names:
            lock = stack.enter_context((OUT / "locks" / name).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        for arguments in (("run", "--libc", "patched", "--", "true"), ("judge", "--quiet"),
                          (*HERE, "--case", "getsockname/*", "--quiet")):
            result = portzero(*arguments)
            assert (result.returncode, "waiting" in result.stderr) == (0, False), result.stderr


def test_a_killed_run_leaves_what_was_kept() -> None:
    path = results.folder(parse("distro/host")) / "observations.jsonl"
    portzero(*HERE)
    assert results.read(parse("distro/host")).complete
    before = path.read_bytes()
    with subprocess.Popen([PORTZERO, *HERE], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          start_new_session=True) as process:
        # It stands still when it is looked at, so that it cannot come to its end.
        while not (begun := [folder for folder in workers()
                             if (folder / "observations.jsonl").exists()]):
            os.killpg(process.pid, signal.SIGCONT)
            assert process.poll() is None
            time.sleep(0.01)
            os.killpg(process.pid, signal.SIGSTOP)
        os.killpg(process.pid, signal.SIGKILL)
    leave_nothing(f"{begun[0]}/observations.jsonl")
    assert path.read_bytes() == before
    # The next run clears up.
    assert portzero("judge").returncode == 0
    assert workers() == []


@pytest.mark.parametrize("size, enough", [("16k", False), ("1m", False), ("5m", False), ("60m", True)])
def test_a_full_disk(size: str, enough: bool) -> None:
    """Never a success that is none; and it recovers."""
    rights = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
    results.RESULTS.mkdir(parents=True, exist_ok=True)
    script = f'mount -t tmpfs -o size={size} none "$1" && exec "$2" {" ".join(HERE)} --quiet'
    result = subprocess.run([*rights, "sh", "-ec", script, "sh", results.RESULTS, PORTZERO],
                            text=True, capture_output=True, check=False, timeout=PATIENCE)
    own = [line for line in result.stderr.splitlines() if line.startswith("portzero: ")]
    if enough:
        assert (result.returncode, own) == (0, []), result.stderr
    else:
        assert result.returncode == 2, result.stdout + result.stderr
        assert len(own) == 1 and re.fullmatch(
            f"portzero: files: no space left in {results.RESULTS}.*; free some, and run it again", own[0])
        assert result.stdout == ""
