# SPDX-License-Identifier: LGPL-2.1-or-later
"""A command in a sandbox gets the signals and the terminal that it would get
without one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from conftest import ON_BOTH, PATIENCE, PORTZERO, await_that, leave_nothing

SIGNALS = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
           signal.SIGQUIT, signal.SIGWINCH, signal.SIGALRM]
# Tells that it is ready, which signals come, and ends with the fourth.
TELL = """
import signal, sys
wanted = [signal.Signals[name] for name in {names!r}]
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
while True:
    print(signal.sigwait(wanted).name, flush=True)
"""


def start(kernel: str, *command: str, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen([PORTZERO, "run", "--libc", "distro", "--kernel", kernel, "--",
                             *command], text=True, **more)  # type: ignore[call-overload]


@ON_BOTH
def test_each_signal_arrives(tmp_path: Path, kernel: str) -> None:
    names = [number.name for number in SIGNALS]
    with start(kernel, "/usr/bin/python3", "-c", TELL.format(names=names), cwd=tmp_path,
               stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        for number in SIGNALS:
            process.send_signal(number)
            assert process.stdout.readline() == f"{number.name}\n"
        process.kill()


@ON_BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGQUIT])
def test_a_signal_that_is_not_caught_ends_it(tmp_path: Path, kernel: str,
                                             number: signal.Signals) -> None:
    with start(kernel, "sh", "-c", "echo ready; exec sleep 1000", cwd=tmp_path,
               stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=PATIENCE) == ("", "")
    assert process.returncode == -number


class Terminal:
    """A terminal, and the command that has it."""

    def __init__(self, kernel: str, mark: str, *command: str, folder: Path) -> None:
        self.seen = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ["PORTZERO_MARK"] = mark
            os.execv(PORTZERO, [PORTZERO, "run", "--libc", "distro", "--kernel", kernel, "--",
                                *command])

    def await_text(self, text: bytes) -> None:
        while text not in self.seen:
            assert select.select([self.fd], [], [], PATIENCE)[0], self.seen
            try:
                self.seen += os.read(self.fd, 4096)
            except OSError:  # EIO: nobody has it open any more.
                raise AssertionError(self.seen) from None

    def write(self, text: bytes) -> None:
        os.write(self.fd, text)

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@ON_BOTH
def test_terminal(tmp_path: Path, kernel: str) -> None:
    """Its size, its change, what is typed, Ctrl-C and Ctrl-D."""
    script = ("tty -s || exit 1; trap 'changed=1' WINCH; trap 'echo got it' INT; echo ready; "
              "until test $changed; do sleep 0.05; done; stty size; read word; echo word $word; while read more; do echo more $more; done; echo e''nd; "
              "exit 5")
    terminal = Terminal(kernel, "terminal", "bash", "-c", script, folder=tmp_path)
    terminal.await_text(b"ready")
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    terminal.await_text(b"33 99")
    terminal.write(b"typed\n")
    terminal.await_text(b"word typed")
    terminal.write(b"\x03")
    terminal.await_text(b"got it")
    terminal.write(b"line\n")
    terminal.await_text(b"more line")
    terminal.write(b"\x04")
    terminal.await_text(b"end")
    assert terminal.wait() == 5
    # A guest's kernel has nothing to say.
    assert terminal.seen.startswith(b"ready")
    terminal.close()


def marked(mark: str) -> list[str]:
    """The processes outside any guest that have this in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if f"PORTZERO_MARK={mark}\0" in path.read_text(errors="replace"):
                found.append(path.parent.name)
    return found


# What is deaf to the end of the terminal hears the signal that comes after it.
PLAIN = "echo ready; sleep 1000; echo after"
DEAF = ("trap '' HUP; trap 'echo heard > answer' USR1; echo ready; "
        "until test -e answer; do sleep 0.05; done; sleep 1000")


@ON_BOTH
@pytest.mark.parametrize("script", [PLAIN, DEAF], ids=["plain", "deaf"])
def test_terminal_that_hangs_up(tmp_path: Path, kernel: str, script: str) -> None:
    """It ends what runs; what ignores that goes on, as without a sandbox."""
    mark = f"{kernel}-{os.getpid()}-{len(script)}"
    terminal = Terminal(kernel, mark, "bash", "-c", script, folder=tmp_path)
    terminal.await_text(b"ready")
    assert marked(mark)
    terminal.close()
    if script == DEAF:
        # The command takes that (SIGHUP) before it takes this.
        os.kill(terminal.pid, signal.SIGUSR1)
        await_that(lambda: (tmp_path / "answer").exists() or not marked(mark))
        assert marked(mark)
        os.kill(terminal.pid, signal.SIGKILL)
    assert terminal.wait() == (-signal.SIGKILL if script == DEAF else -signal.SIGHUP)
    await_that(lambda: not marked(mark))
    leave_nothing(mark)
