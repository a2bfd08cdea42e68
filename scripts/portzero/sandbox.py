# SPDX-License-Identifier: LGPL-2.1-or-later
"""Namespaces and mounts: the only module that knows of them.

bubblewrap makes them, so the kernel undoes them when the last process in them
ends; sandbox/init.c is the first process, and with its end all others end.  It
ends when the one end of its socket is closed that only its caller has.  So
nothing of a sandbox is visible outside, and nothing is left of it, whatever kills
whom, and when.  (bubblewrap's own --die-with-parent is of no use here: a parent
that dies before it has let go of its child leaves that waiting for ever.)"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import signal
import socket
import subprocess
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from portzero.project import OUT, ROOT, CannotRun, Failure, digest, output_of

FOLDER = ROOT / "sandbox"
INIT_SOURCES = (FOLDER / "init.c", FOLDER / "steer_lookup.c")
GUEST_SOURCES = (FOLDER / "guest.c", FOLDER / "guest_system.c", FOLDER / "steer_lookup.c")
STEERING = FOLDER / "steering"
# Enough for the suite and for a real program; it is only taken when touched.
GUEST_MEMORY = "256M"
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]
# The guest's own files, in a file system that goes away with the sandbox.
GUEST_FILES = "/dev/portzero"
STEERINGS = ("redirect", "tproxy", "sk_lookup")
# What a command may be sent.
PASSED_ON = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1,
             signal.SIGUSR2, signal.SIGALRM, signal.SIGWINCH}


class GuestDied(Failure):
    """A guest's kernel ended before the command did."""

    def __init__(self, wait_status: int) -> None:
        code = os.waitstatus_to_exitcode(wait_status)
        self.hung = code == -signal.SIGKILL
        self.why = ("it hung and was killed" if self.hung else
                    "its kernel panicked" if code in (-signal.SIGABRT, 134) else
                    f"its kernel ended with status {code}")
        super().__init__("guest", self.why, "its messages are above")


@functools.cache
def lifeline() -> int:
    """A descriptor that the sandboxes of build_command() must inherit: they
    end with this process."""
    reader, writer = os.pipe()
    del reader  # Open for as long as we are.
    return writer


def build_command(source: Path, objects: Path, source_inside: str, objects_inside: str,
                  *more: str) -> list[str]:
    """Return the start of a command that builds `source` in `objects`, which
    it sees at the given places, without a network.  `more` is for bubblewrap.
    Whoever runs it passes lifeline() on."""
    base = Path(source_inside).parent
    return [
        "bwrap", "--dev-bind", "/", "/", "--unshare-net", "--unshare-pid", "--as-pid-1",
        "--proc", "/proc", "--tmpfs", str(base),
        "--bind", str(source), source_inside, "--bind", str(objects), objects_inside, *more,
        "--chdir", objects_inside, "--", str(compiled(*INIT_SOURCES)), str(lifeline()), "-",
    ]


def contained(command: Sequence[str]) -> list[str]:
    """The command line that runs a command as ever, but so that it and all it
    starts ends with us.  Whoever runs it passes lifeline() on."""
    return ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "--as-pid-1", "--proc", "/proc",
            "--", str(compiled(*INIT_SOURCES)), str(lifeline()), "-",
            *command]


def _program(*sources: Path) -> Path:
    headers = sorted(FOLDER.glob("*.h"))
    return OUT / "sandbox" / f"{sources[0].stem}-{digest(*sources, *headers, *FLAGS)}"


def present() -> list[Path]:
    """The programs that sandboxes need, built or not."""
    return [_program(*INIT_SOURCES), _program(*GUEST_SOURCES)]


def compiled(*sources: Path) -> Path:
    """Return the program of C files."""
    path = _program(*sources)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        output_of("gcc", *FLAGS, f"-I{FOLDER}", "-o", partial, *sources)
        partial.rename(path)
    return path


def steering(listener: int, kind: str = "redirect") -> str:
    """The nftables rules that take packets for port 0 to a port of ours, and
    let those from certain ports above it come from port 0; or what tells
    init.c and guest.c to do without any (steer_lookup.c)."""
    if kind == "sk_lookup":
        return f"sk_lookup {listener}"
    rules = (STEERING / f"{kind}.nft").read_text().replace("$listener", str(listener))
    return rules.replace("$source", f"{{ {listener + 2}, {listener + 20}-{listener + 29} }}")


def with_own_network(command: Sequence[str]) -> list[str]:
    """The command line that runs a command in a network namespace of its own,
    with only loopback (down), and with the rights over it, but without any
    other confinement: for our own small programs, where nothing is built."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *rights, "--net", "--kill-child", "--fork", "--", *command]


def _mounts(files: Mapping[Path, Path]) -> list[str]:
    return [part for target, file in files.items()
            for part in ("--ro-bind", str(file), str(target))]


def mounted_files() -> set[Path]:
    """The places at which something is mounted here."""
    lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    return {Path(line.split()[4]) for line in lines}


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise Failure("the current folder", "it has been deleted", "go to another one") from None


def _in_memory(strings: Sequence[str | bytes]) -> int:
    """Return a descriptor of a file with these strings, each ended by a null
    byte.  It takes no room on a disk."""
    fd = os.memfd_create("portzero")
    data = b"".join(os.fsencode(string) + b"\0" for string in strings)
    with open(fd, "wb", closefd=False) as out:
        out.write(data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _command(files: Mapping[Path, Path], status: int, request: int) -> list[str]:
    if os.geteuid() == 0:
        rights = ["--cap-add", "ALL"]
    else:
        rights = ["--unshare-user", "--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_RAW"]
    return [
        "bwrap", "--dev-bind", "/", "/", "--proc", "/proc", *rights, *_mounts(files),
        "--unshare-net", "--unshare-pid", "--as-pid-1", "--chdir", str(_here()), "--",
        str(compiled(*INIT_SOURCES)), str(status), str(request),
    ]


def _guest_command(files: Mapping[Path, Path], kernel: Path, writable: Path, guest_request: int,
                   status: int, request: int) -> list[str]:
    """Like _command(), but for a guest.

    A guest can do to the host's files what the process can that it is, so
    here it gets a file system in which only `writable` can be written to.
    Over that folder goes the libc, which may be in it.  The guest's memory,
    its sockets and the request are in a file system of their own that goes
    away with the sandbox; their places have no spaces, whatever the checkout
    is called, for the kernel's command line."""
    rights = [] if os.geteuid() == 0 else ["--unshare-user"]
    root = ["--bind" if str(writable) == "/" else "--ro-bind", "/", "/"]
    devices = ["--dev", "/dev", "--proc", "/proc"]
    # Where devices and processes are, the guest has its own.
    own = {Path("/proc"), Path("/sys"), Path("/dev")}
    shared_memory = Path("/dev/shm") in writable.parents
    if str(writable) == "/" or (not shared_memory and own & {writable, *writable.parents}):
        share = []
    else:
        share = ["--bind", str(writable), str(writable)]
    return [
        "bwrap", *root, *devices, "--tmpfs", "/dev/shm", *rights, *share, *_mounts(files),
        "--tmpfs", GUEST_FILES, "--setenv", "TMPDIR", GUEST_FILES,
        "--ro-bind-data", str(guest_request), f"{GUEST_FILES}/request",
        "--ro-bind", str(compiled(*GUEST_SOURCES)), f"{GUEST_FILES}/init",
        "--ro-bind", str(kernel), f"{GUEST_FILES}/linux",
        "--unshare-net", "--unshare-pid", "--as-pid-1", "--",
        str(compiled(*INIT_SOURCES)), str(status), str(request),
    ]


def _kernel_words(memory: str, terminal: bool) -> list[str]:
    """A guest's kernel and its command line; the descriptors are those of
    sandbox/guest_protocol.h."""
    return [
        f"{GUEST_FILES}/linux", f"mem={memory}", "rootfstype=hostfs", "rootflags=/", "ro",
        # On a user's terminal, only what ends it: that it cannot lead the
        # terminal's session, which is the user's, is of no interest there.
        "quiet", *(["loglevel=3"] if terminal else []), "noreboot", "dummy.numdummies=0",
        f"uml_dir={GUEST_FILES}/", "con=null",
        "con0=fd:0,fd:1" if terminal else "con0=null,fd:1", "con1=null,fd:2",
        "con2=fd:40,fd:41", "con3=fd:42,null", "console=tty1",
        f"init={GUEST_FILES}/init", f"portzero_request={GUEST_FILES}/request",
    ]


@contextlib.contextmanager
def _streams_kept() -> Iterator[None]:
    """Give the standard streams back as they were: a guest's kernel makes
    them non-blocking, and one that is killed leaves a terminal raw."""
    flags: dict[int, int] = {}
    modes: dict[int, list[object]] = {}
    for fd in range(3):
        with contextlib.suppress(OSError):
            flags[fd] = fcntl.fcntl(fd, fcntl.F_GETFL)
            if os.isatty(fd):
                modes[fd] = termios.tcgetattr(fd)
    try:
        yield
    finally:
        for fd, value in flags.items():
            fcntl.fcntl(fd, fcntl.F_SETFL, value)
        for fd, mode in modes.items():
            # It may have been hung up.
            with contextlib.suppress(termios.error, OSError):
                termios.tcsetattr(fd, termios.TCSADRAIN, mode)


def run_guest(files: Mapping[Path, Path], kernel: Path, command: Sequence[str], *,
              listener: int | None, environment: Mapping[str, str], writable: Path,
              limit: int | None = None, stdout: IO[bytes] | None = None,
              console: IO[bytes] | None = None, interactive: bool = False,
              memory: str = GUEST_MEMORY, kind: str = "redirect") -> int:
    """Run a command like run(), but in a guest with a kernel of its own
    (user-mode Linux).  Of the host's files it sees all that the caller may
    see, and may write to those in `writable`; what it writes below /tmp,
    /var/tmp and /run goes away with it.  Interactive, it is the caller's user
    there, and has the terminal, if there is one on both sides, or standard
    input; otherwise it is root.  What it writes to standard error, and what
    the kernel says, goes to `console`, if given.  After `limit` seconds it is
    killed.

    Raises GuestDied if the kernel ended before the command."""
    terminal = interactive and stdout is None and os.isatty(0) and os.isatty(1)
    user = [os.geteuid(), os.getegid(), *os.getgroups()]
    guest_request = _in_memory([
        "" if listener is None else steering(listener, kind), str(writable), str(_here()),
        "terminal" if terminal else "", " ".join(map(str, user)), "" if interactive else "all",
        socket.gethostname(), os.getrandom(32).hex(), str(len(command)), *command, "",
        *(f"{name}={value}" for name, value in environment.items())])

    def line(status: int, request: int) -> list[str]:
        return _guest_command(files, kernel, writable, guest_request, status, request)

    try:
        with _streams_kept():
            return _run(line, ["", "terminal" if terminal else "guest", str(limit or 0),
                               *_kernel_words(memory, terminal)],
                        environment, stdout, (guest_request,), console, interactive)
    finally:
        os.close(guest_request)


def run(files: Mapping[Path, Path], command: Sequence[str], *, listener: int | None,
        environment: Mapping[str, str] | None = None, stdout: IO[bytes] | None = None,
        interactive: bool = False, kind: str = "redirect") -> int:
    """Run a command in a sandbox of its own: a network namespace in which
    only loopback is up, a pid namespace, and `files` mounted over the
    system's (the file to see at each path).  Port 0 is steered to `listener`,
    if that is given.  Interactive, the signals that we get reach the command;
    otherwise they end the sandbox, as our own end does.

    Returns the command's exit status or, if a signal ended it, that signal's
    number negated.  Raises CannotRun if it could not be started."""
    rules = "" if listener is None else steering(listener, kind)

    def line(status: int, request: int) -> list[str]:
        return _command(files, status, request)

    return _run(line, [rules, "", "0", *command], os.environ if environment is None
                else environment, stdout, (), None, interactive)


@contextlib.contextmanager
def _signals_held(wanted: set[signal.Signals]) -> Iterator[None]:
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _pass_signals(process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    """Wait for the end of bubblewrap, and pass signals on.  Those that the
    terminal sends to all its processes (si_code is positive) reach a command by
    themselves, and a guest's through init.c; but the end of the terminal may be
    told to us alone."""
    wanted = {*PASSED_ON, signal.SIGCHLD}
    while process.poll() is None:
        caught = signal.sigwaitinfo(wanted)
        from_terminal = caught.si_code > 0 and caught.si_signo != signal.SIGHUP
        if caught.si_signo != signal.SIGCHLD and not from_terminal:
            with contextlib.suppress(OSError):  # It may just have ended.
                channel.send(bytes([caught.si_signo]))


def _run(line: Callable[[int, int], list[str]], strings: Sequence[str],
         environment: Mapping[str, str], stdout: IO[bytes] | None, inherited: tuple[int, ...],
         stderr: IO[bytes] | None, interactive: bool) -> int:
    """Run the sandbox of the command line that `line` makes for the
    descriptors of status and request; `strings` are the request's."""
    channel, theirs = socket.socketpair()
    request = _in_memory(strings)
    held = _signals_held({*PASSED_ON, signal.SIGCHLD} if interactive else set())
    with channel, channel.makefile("rb") as ending, held:
        try:
            # bubblewrap inherits the held signals: it outlives those that are
            # meant for the command.  init.c lets go of them.
            process = subprocess.Popen(
                line(theirs.fileno(), request), stdout=stdout, stderr=stderr,
                stdin=None if interactive else subprocess.DEVNULL, env=dict(environment),
                start_new_session=not interactive,
                pass_fds=(theirs.fileno(), request, *inherited))
        except FileNotFoundError as error:
            raise Failure("sandbox", f"{error.filename} not found",
                          "install the package bubblewrap") from None
        finally:
            theirs.close()
            os.close(request)
        try:
            if interactive:
                _pass_signals(process, channel)
            made = ending.readline() != b""
            said = ending.read()
            process.wait()
        except BaseException:
            channel.shutdown(socket.SHUT_RDWR)  # The sandbox sees that, and ends.
            process.wait()
            raise
    kind, _, value = os.fsdecode(said.rstrip(b"\n")).replace("\n", "\\n").partition(" ")
    match kind:
        case "exit":
            return int(value)
        case "signal":
            return -int(value)
        case "cannot-run":
            code, _, why = value.partition(" ")
            raise CannotRun(int(code), why)
        case "died":
            raise GuestDied(int(value))
        case "error":
            raise Failure("sandbox", value, "correct that and run it again")
    if made:
        raise Failure("sandbox", "it was killed", "run it again")
    raise Failure("sandbox", "bubblewrap could not make it (see above)", _advice())


def _advice() -> str:
    if os.geteuid() != 0:
        return "allow user namespaces to ordinary users, or run as root"
    return "run where root may make namespaces and mounts (in a container: with CAP_SYS_ADMIN)"
