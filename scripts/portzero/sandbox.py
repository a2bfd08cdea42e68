# SPDX-License-Identifier: LGPL-2.1-or-later
"""Namespaces and mounts: the only module that knows of them.

bubblewrap makes them, so the kernel undoes them when the last process in them
ends; sandbox/init.c is the first process, and with its end all others end.
Nothing of a sandbox is visible outside, and nothing is left of it, whatever
kills whom."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import termios
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from portzero.project import OUT, ROOT, Failure, digest, output_of

INIT_SOURCE = ROOT / "sandbox/init.c"
GUEST_SOURCE = ROOT / "sandbox/guest.c"
REDIRECT = ROOT / "sandbox/redirect.nft"
# Enough for the suite and for a real program; it is only taken when touched.
GUEST_MEMORY = "256M"
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]


def build_command(source: Path, objects: Path, source_inside: str, objects_inside: str) -> list[str]:
    """Return the start of a command that builds `source` in `objects`, which
    it sees at the given places, without a network."""
    base = Path(source_inside).parent
    return [
        "bwrap", "--dev-bind", "/", "/", "--unshare-net", "--unshare-pid", "--proc", "/proc",
        "--die-with-parent", "--tmpfs", str(base), "--bind", str(source), source_inside,
        "--bind", str(objects), objects_inside, "--chdir", objects_inside, "--",
    ]


def _compiled(source: Path) -> Path:
    """Return the program of a C file."""
    path = OUT / "sandbox" / f"{source.stem}-{digest(source, *FLAGS)}"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        output_of("gcc", *FLAGS, "-o", partial, source)
        partial.rename(path)
    return path


def steering(listener: int) -> str:
    """The nftables rules that take packets for port 0 to a port of ours, and
    let connections from the port two above that come from port 0."""
    rules = REDIRECT.read_text().replace("$listener", str(listener))
    return rules.replace("$source", str(listener + 2))


def with_own_network(command: Sequence[str]) -> list[str]:
    """The command line that runs a command in a network namespace of its own,
    with only loopback (down), and with the rights over it, but without any
    other confinement: for our own small programs, where nothing is built."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *rights, "--net", "--kill-child", "--fork", "--", *command]


def _mounts(files: dict[Path, Path]) -> list[str]:
    return [part for target, file in files.items()
            for part in ("--ro-bind", str(file), str(target))]


def _command(files: dict[Path, Path], rules: str, command: Sequence[str],
             information: int, status: int) -> list[str]:
    if os.geteuid() == 0:
        rights = ["--cap-add", "ALL"]
    else:
        rights = ["--unshare-user", "--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_RAW"]
    return [
        "bwrap", "--dev-bind", "/", "/", "--proc", "/proc", *rights, *_mounts(files),
        "--unshare-net", "--unshare-pid", "--as-pid-1", "--die-with-parent",
        "--info-fd", str(information), "--chdir", os.getcwd(), "--",
        str(_compiled(INIT_SOURCE)), str(status), rules, *command,
    ]


@contextlib.contextmanager
def _signals_held(wanted: set[signal.Signals]) -> Iterator[None]:
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _wait(process: subprocess.Popen[bytes], first: int, wanted: set[signal.Signals]) -> None:
    """Wait for the end of bubblewrap, and pass signals on to the sandbox's
    first process, `first`.  Those that the terminal sends to all its
    processes (si_code is positive) reach the command by themselves."""
    while process.poll() is None:
        caught = signal.sigwaitinfo(wanted)
        if caught.si_signo != signal.SIGCHLD and caught.si_code <= 0:
            with contextlib.suppress(ProcessLookupError):
                os.kill(first, caught.si_signo)


def _guest_command(files: dict[Path, Path], kernel: Path, request: int, writable: Path,
                   limit: int, terminal: bool, information: int, status: int) -> list[str]:
    """Like _command(), but for a guest.

    A guest can do to the host's files what the process can that it is, so
    here it gets a file system in which only `writable` can be written to.
    Its memory, its sockets and the request are in a file system of their own
    that goes away with the sandbox."""
    rights = [] if os.geteuid() == 0 else ["--unshare-user"]
    return [
        "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", *rights,
        *_mounts(files), "--bind", str(writable), str(writable), "--tmpfs", "/dev/shm",
        "--setenv", "TMPDIR", "/dev/shm",
        "--ro-bind-data", str(request), "/dev/shm/request",
        "--unshare-net", "--unshare-pid", "--as-pid-1", "--die-with-parent",
        "--info-fd", str(information), "--", str(_compiled(INIT_SOURCE)), str(status), "",
        "timeout", "--foreground", "--signal=KILL", str(limit), str(kernel),
        f"mem={GUEST_MEMORY}", "rootfstype=hostfs", "rootflags=/", "ro", "quiet", "noreboot",
        "uml_dir=/dev/shm/", "con=null",
        "con0=fd:0,fd:1" if terminal else "con0=null,fd:1", "con1=null,fd:2",
        "console=tty1", f"init={_compiled(GUEST_SOURCE)}",
        "portzero_request=/dev/shm/request",
    ]


@contextlib.contextmanager
def _terminal_kept(is_used: bool) -> Iterator[None]:
    """Give the terminal back as it was: a guest that is killed cannot."""
    if not is_used:
        yield
        return
    mode = termios.tcgetattr(0)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, mode)


def run_guest(files: dict[Path, Path], kernel: Path, command: Sequence[str], *,
              listener: int | None, writable: Path, limit: int | None = None,
              stdout: IO[bytes] | None = None, console: IO[bytes] | None = None) -> int:
    """Run a command like run(), but in a guest with a kernel of its own
    (user-mode Linux).  Of the host's files it sees all that the caller may
    see, and may write to those in `writable`.  It has the terminal, if there
    is one on both sides, or else no standard input.  What it writes to
    standard error, and what the kernel says, goes to `console`, if given.
    After `limit` seconds it is killed, which gives the status 137.

    Returns the command's exit status, or 128 + N if signal N ended it; the
    guest's, if its kernel died."""
    rules = "" if listener is None else steering(listener)
    environment = [f"{name}={value}" for name, value in os.environ.items()]
    terminal = stdout is None and os.isatty(0) and os.isatty(1)
    strings = [rules, str(writable), os.getcwd(), "terminal" if terminal else "",
               str(len(command)), *command, *environment]
    with _terminal_kept(terminal), tempfile.TemporaryFile() as request:
        request.write("".join(f"{string}\0" for string in strings).encode())
        request.seek(0)

        def line(information: int, status: int) -> list[str]:
            return _guest_command(files, kernel, request.fileno(), writable, limit or 0, terminal,
                                  information, status)

        return _run(line, stdout, (request.fileno(),), console)


def run(files: dict[Path, Path], command: Sequence[str], *, listener: int | None,
        stdout: IO[bytes] | None = None) -> int:
    """Run a command in a sandbox of its own: a network namespace in which
    only loopback is up, a pid namespace, and `files` mounted over the
    system's (the file to see at each path).  Port 0 is steered to `listener`,
    if that is given.

    Returns the command's exit status or, if a signal ended it, that signal's
    number negated.  Raises Failure if it could not be started."""
    rules = "" if listener is None else steering(listener)

    def line(information: int, status: int) -> list[str]:
        return _command(files, rules, command, information, status)

    return _run(line, stdout, ())


def _run(line: Callable[[int, int], list[str]], stdout: IO[bytes] | None,
         inherited: tuple[int, ...], stderr: IO[bytes] | None = None) -> int:
    """Run the sandbox of the command line that `line` makes for the
    descriptors to which information and status go."""
    wanted = {signal.SIGCHLD, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
              signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH}
    information, information_end = os.pipe()
    status, status_end = os.pipe()
    with (open(information, "rb") as told, open(status, "rb") as ending, _signals_held(wanted)):
        try:
            # bubblewrap inherits the held signals: it outlives those that are
            # meant for the command.  init.c lets go of them.
            process = subprocess.Popen(
                line(information_end, status_end), stdout=stdout, stderr=stderr,
                pass_fds=(information_end, status_end, *inherited))
        except FileNotFoundError:
            raise Failure("sandbox", "bwrap not found",
                          "install the package bubblewrap") from None
        finally:
            os.close(information_end)
            os.close(status_end)
        made = told.read()
        _wait(process, json.loads(made)["child-pid"] if made else 0, wanted)
        kind, _, value = ending.read().decode().rstrip("\n").partition(" ")
    if kind == "exit":
        return int(value)
    if kind == "signal":
        return -int(value)
    if kind == "error":
        raise Failure("sandbox", value, "correct that and run it again")
    if process.returncode < 0 or made:
        raise Failure("sandbox", "it was killed", "run it again")
    raise Failure("sandbox", "bubblewrap could not make it (see above)",
                  "allow user namespaces to ordinary users, or run as root")
