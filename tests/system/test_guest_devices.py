# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest has what a program expects of a system: devices, entropy, a name,
the user, folders for temporary files, memory; and no way to more rights."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from conftest import ORDINARY, PATIENCE, PORTZERO, on

GUEST = "linux-stock"
BOTH = pytest.mark.parametrize("ordinary", [False, True], ids=["as-is", "ordinary"])


@pytest.mark.parametrize("kernel", ["linux-stock", "linux-patched"])
def test_random_numbers_at_once(kernel: str) -> None:
    """The kernel has them before the first program runs, and not the same twice."""
    script = ("dmesg 2>/dev/null | grep -c 'crng init done'; "
              "timeout 200 openssl rand -hex 16; timeout 200 head -c 4 /dev/random | wc -c; "
              "/usr/bin/python3 -c 'import os; print(len(os.getrandom(8, os.GRND_NONBLOCK)))'")
    seen = [on(kernel, "sh", "-c", script).stdout.split() for _ in range(2)]
    for ready, _, size, at_once in seen:
        assert (ready, size, at_once) == ("1", "4", "8")
    assert len(seen[0][1]) == 32
    assert seen[0][1] != seen[1][1]


@BOTH
@pytest.mark.parametrize("script, said", [
    ("echo text | cat /dev/fd/0", "text"),
    ("echo text | cat /dev/stdin", "text"),
    ("echo text > /dev/stdout", "text"),
    ("bash -c 'cat <(echo text)'", "text"),
    ("script -qec 'tty; echo text' /dev/null | tr -d '\\r'", "/dev/pts/0\ntext"),
    ("echo text > /dev/shm/a; cat /dev/shm/a", "text"),
    ("echo text > /tmp/a; cat /tmp/a; mktemp -d > /dev/null", "text"),
    ("echo text > /var/tmp/a; cat /var/tmp/a", "text"),
    ("head -c 3 /dev/zero | wc -c; echo x > /dev/null", "3"),
    ("echo x > /dev/full", ""),
    ("hostname", socket.gethostname()),
    ("id -u; id -g", None),
])
def test_what_is_there(tmp_path: Path, ordinary: bool, script: str, said: str | None) -> None:
    result = on(GUEST, "sh", "-c", script, ordinary=ordinary, cwd=tmp_path)
    if said is None:
        said = "1000\n1000" if ordinary else f"{os.geteuid()}\n{os.getegid()}"
    assert result.stdout.strip() == said
    assert (result.returncode == 0) == ("full" not in script)


def test_temporary_files_are_the_guests_own() -> None:
    name = f"portzero-{os.getpid()}"
    script = f"for folder in /tmp /var/tmp /dev/shm; do echo x > $folder/{name}; done"
    assert on(GUEST, "sh", "-ec", script, cwd="/usr").returncode == 0
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        assert not (Path(folder) / name).exists()


def memory(*options: str) -> int:
    result = on(GUEST, "sed", "-n", r"s/MemTotal: *\([0-9]*\) kB/\1/p", "/proc/meminfo",
                options=options)
    assert result.stderr == ""
    return int(result.stdout) // 1024


def test_memory() -> None:
    assert 200 < memory() <= 256
    assert 900 < memory("--memory", "1G") <= 1024


@pytest.mark.parametrize("size", ["", "0", "-1", "lots", "1M", "1T5", "99999999T"])
def test_memory_that_cannot_be(size: str) -> None:
    result = on(GUEST, "true", options=("--memory", size))
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].startswith("portzero")


def as_nobody(*command: str, kernel: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who is one on the host, too."""
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", PORTZERO,
                           "run", "--libc", "distro", "--kernel", kernel, "--", *command],
                          text=True, capture_output=True, check=False, timeout=PATIENCE, cwd="/")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("kernel", ["host", GUEST])
def test_no_new_rights(kernel: str) -> None:
    """A program with the set-user-ID bit gets nobody's rights only."""
    if as_nobody("true", kernel="host").returncode != 0:
        pytest.skip("another user cannot read this checkout")
    assert os.stat("/usr/bin/passwd").st_mode & 0o4000
    result = as_nobody("sh", "-c", "id -u; passwd -S root; grep NoNewPrivs /proc/self/status",
                       kernel=kernel)
    assert result.stdout.split() == ["65534", "NoNewPrivs:", "1"]
    assert "root" not in result.stdout


@BOTH
def test_no_new_rights_in_a_namespace(ordinary: bool) -> None:
    result = on(GUEST, "grep", "-c", "NoNewPrivs:.1", "/proc/self/status", ordinary=ordinary)
    assert result.stdout == "1\n"
    assert ORDINARY
