# SPDX-License-Identifier: LGPL-2.1-or-later
"""./portzero run --kernel, as a user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import PORTZERO, leave_nothing, portzero

BOTH = pytest.mark.parametrize("ordinary", [False, True], ids=["as-is", "ordinary"])
KERNELS = pytest.mark.parametrize("kernel", ["linux-stock", "linux-patched"])


def guest(*command: str, kernel: str = "linux-stock",
          **more: object) -> subprocess.CompletedProcess[str]:
    return portzero("run", "--libc", "distro", "--kernel", kernel, "--", *command,
                    **more)  # type: ignore[arg-type]


@BOTH
@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_exit_status(tmp_path: Path, ordinary: bool, status: int) -> None:
    result = guest("sh", "-c", f"exit {status}", ordinary=ordinary, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (status, "", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
def test_command_that_a_signal_ends(tmp_path: Path, number: signal.Signals) -> None:
    result = guest("sh", "-c", f"kill -{number.value} $$", cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (-number, "", "")


def test_streams_are_intact_and_apart(tmp_path: Path) -> None:
    result = guest("sh", "-c", r"printf 'a\r\n\tb\n\001'; printf 'c\n' >&2", cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("a\r\n\tb\n\001".replace("\r\n", "\n"), "c\n")


def test_a_caller_may_have_any_number_of_files_open(tmp_path: Path) -> None:
    """The guest's kernel has pipes at 40 to 42: what we are given must not be
    one of these."""
    for most in range(32, 44):
        files = "; ".join(f"exec {number}< /dev/null" for number in range(3, most))
        result = subprocess.run(
            ["bash", "-c", f'{files}; exec "$@"', "bash", PORTZERO, "run", "--libc", "distro",
             "--kernel", "linux-stock", "--", "echo", "here"],
            cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stdout, result.stderr) == (0, "here\n", ""), most


@KERNELS
def test_kernel_is_the_one_that_was_built(tmp_path: Path, kernel: str) -> None:
    release = guest("uname", "-r", kernel=kernel, cwd=tmp_path).stdout.strip()
    assert release.endswith(kernel.replace("linux", "portzero"))


@BOTH
def test_only_the_current_folder_can_be_written(tmp_path: Path, ordinary: bool) -> None:
    """What goes below /tmp, /var/tmp and /run is the guest's own; elsewhere,
    nothing can be written."""
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir(mode=0o777)
    outside.chmod(0o777)
    (outside / "kept").write_text("host\n")
    (outside / "kept").chmod(0o666)
    name = f"portzero-{os.getpid()}"
    result = guest("sh", "-c", f"""
        echo text > there
        mount -o remount,rw / 2>/dev/null
        for folder in /etc /usr /root /proc/1 /sys/kernel; do
            {{ echo no > $folder/{name}; }} 2>/dev/null || echo refused
        done
        for folder in /tmp /var/tmp {outside}; do
            echo guest > $folder/{name} && cat $folder/{name}
        done
        cat {outside}/kept; echo guest > {outside}/kept; rm -f {outside}/kept
        """, ordinary=ordinary, cwd=inside)
    assert (result.stdout, result.stderr) == ("refused\n" * 5 + "guest\n" * 3 + "host\n", "")
    assert (inside / "there").read_text() == "text\n"
    assert [path.name for path in outside.iterdir()] == ["kept"]
    assert (outside / "kept").read_text() == "host\n"
    for folder in ("/etc", "/usr", "/tmp", "/var/tmp"):
        assert not (Path(folder) / name).exists()


def test_guests_run_beside_each_other(tmp_path: Path) -> None:
    running = [subprocess.Popen([PORTZERO, "run", "--libc", "distro", "--kernel", "linux-stock",
                                 "--", "sh", "-c", f"exit {status}"], cwd=tmp_path)
               for status in range(4)]
    assert [process.wait() for process in running] == [0, 1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    mark = f"portzero-guest-{os.getpid()}-{number}"
    folder = tmp_path / mark
    folder.mkdir()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = set(os.listdir("/dev/shm"))
    with subprocess.Popen([PORTZERO, "run", "--libc", "distro", "--kernel", "linux-stock", "--",
                           "sh", "-c", "echo ready; sleep 1000"], cwd=folder,
                          env={**os.environ, "TMPDIR": str(temporary)},
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(number)
    assert process.returncode == -number
    leave_nothing(mark)
    assert set(os.listdir("/dev/shm")) <= before
    assert list(temporary.iterdir()) == []
