# SPDX-License-Identifier: LGPL-2.1-or-later
"""./portzero run, as a user meets it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from portzero.column import Column, build_id

from conftest import ORDINARY, PORTZERO, leave_nothing, portzero

BOTH = pytest.mark.parametrize("ordinary", [False, True], ids=["as-is", "ordinary"])
# A server, and a client that connects to port 0 and says who the peer is.
DIALOGUE = """
import socket
server = socket.create_server(('127.0.0.1', {port}))
client = socket.create_connection(('127.0.0.1', 0))
try:
    print(client.getpeername())
except OSError as error:
    print(error.errno)
"""


@BOTH
@pytest.mark.parametrize("status", [0, 1, 77, 255])
def test_exit_status(ordinary: bool, status: int) -> None:
    assert portzero("run", "--", "sh", "-c", f"exit {status}",
                    ordinary=ordinary).returncode == status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
def test_end_by_signal(number: signal.Signals) -> None:
    assert portzero("run", "--", "sh", "-c", f"kill -{number.value} $$").returncode == -number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2])
def test_signals_reach_the_command(number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 9' {name}; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen([PORTZERO, "run", "--", "sh", "-c", script], stdout=subprocess.PIPE,
                          text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.read() == f"got {name}\n"
    assert process.returncode == 9


@BOTH
@pytest.mark.parametrize("libc, answer", [
    ("distro", "107"), ("stock", "107"), ("patched", "('127.0.0.1', 0)")])
def test_peer_at_port_0(columns: dict[str, Column], ordinary: bool, libc: str,
                        answer: str) -> None:
    result = portzero("run", "--libc", libc, "--", "/usr/bin/python3", "-c",
                      DIALOGUE.format(port=8080), ordinary=ordinary)
    assert (result.stdout.strip(), result.stderr) == (answer, "")


def test_steering_goes_to_the_port_given() -> None:
    result = portzero("run", "--port", "9999", "--", "/usr/bin/python3", "-c",
                      DIALOGUE.format(port=9999))
    assert result.stdout.strip() == "('127.0.0.1', 0)"


@pytest.mark.parametrize("libc", ["stock", "patched"])
def test_the_whole_libc_is_the_columns(columns: dict[str, Column], libc: str) -> None:
    """What a program has mapped, loader included, is what was built."""
    listing = portzero("run", "--libc", libc, "--", "cat", "/proc/self/maps").stdout
    mapped = {Path(line.split()[-1]) for line in listing.splitlines() if ".so" in line}
    ours = {path for path in mapped if path in columns[libc].files}
    assert {path.name for path in ours} >= {"libc.so.6", "ld-linux-x86-64.so.2"}
    for path in ours:
        inside = portzero("run", "--libc", libc, "--", "readelf", "--notes", str(path)).stdout
        assert build_id(columns[libc].files[path]) in inside


@BOTH
def test_rights_over_its_own_network_only(ordinary: bool) -> None:
    script = ("ip link add dummy0 type dummy 2>/dev/null || ip addr add 127.0.0.9/8 dev lo; "
              "nft list ruleset | grep -c redirect")
    result = portzero("run", "--", "sh", "-ec", script, ordinary=ordinary)
    assert (result.returncode, result.stdout) == (0, "5\n")


def test_steering_does_not_take_the_administrators_path() -> None:
    result = portzero("run", "--", "true", env={"PATH": "/usr/bin:/bin"})
    assert (result.returncode, result.stderr) == (0, "")


def test_network_is_its_own() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        result = portzero("run", "--", "/usr/bin/python3", "-c", client)
    assert "ConnectionRefusedError" in result.stderr


def test_files_and_folder_are_the_users(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("text")
    result = portzero("run", "--", "sh", "-ec", "cat here; echo more > there", cwd=tmp_path)
    assert result.stdout == "text"
    assert (tmp_path / "there").read_text() == "more\n"


@pytest.mark.parametrize("arguments, status, message", [
    (["run", "--", "no-such-program"], 127, "no-such-program: No such file"),
    (["run", "--", "/etc/passwd"], 126, "/etc/passwd: Permission denied"),
    (["run", "--libc", "musl", "--", "true"], 2, "use distro, stock, patched"),
    (["run"], 2, "no program is given"),
    (["run", "--steer", "prayer", "true"], 2, "use redirect, tproxy, sk_lookup"),
])
def test_errors_are_one_line(arguments: list[str], status: int, message: str) -> None:
    result = portzero(*arguments)
    assert result.returncode == status
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


@BOTH
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left(ordinary: bool, number: signal.Signals) -> None:
    """Neither the command nor what it put into the background outlives us."""
    mark = f"portzero-test-{os.getpid()}-{number}-{ordinary}"
    script = (f"(exec -a {mark} sleep 1000) & (exec -a {mark} setsid sleep 1001) & "
              f"echo ready; exec -a {mark} sleep 1002")
    prefix = ORDINARY if ordinary and os.geteuid() == 0 else []
    mounts = Path("/proc/self/mounts").read_text()
    with subprocess.Popen([*prefix, PORTZERO, "run", "--", "bash", "-c", script],
                          stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(number)
    assert process.returncode == -number
    leave_nothing(mark)
    assert Path("/proc/self/mounts").read_text() == mounts


def test_background_ends_with_the_command() -> None:
    mark = f"portzero-background-{os.getpid()}"
    portzero("run", "--", "bash", "-c", f"(exec -a {mark} sleep 1000) & exit 0")
    leave_nothing(mark)
