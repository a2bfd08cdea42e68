# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where things are, and how failures are told."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Two checkouts may share one: its contents do not depend on where they are.
# Installed (that has no configure.ac), there is one for each user.
OUT = Path(os.environ.get("PORTZERO_OUT") or (
    ROOT / "out" if (ROOT / "configure.ac").exists() else
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "portzero")).resolve()


class Failure(Exception):
    """What the user is told in one line: what failed, why, what to do."""

    def __init__(self, what: str, why: str, advice: str) -> None:
        super().__init__(f"{what}: {why}; {advice}")
        self.parts = (what, why, advice)

    def __reduce__(self) -> tuple[type[Failure], tuple[str, str, str]]:
        """How it is sent from process to process."""
        return Failure, self.parts


# So little free is none.
_FULL = 1 << 16


def no_space(folder: Path) -> bool:
    """Whether the file system of a folder is full."""
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free < _FULL


def failure_of(error: OSError) -> Failure:
    """What the user is told of a file that cannot be used."""
    path = str(error.filename or OUT)
    if error.errno == errno.ENOSPC:
        if not error.filename and not no_space(OUT):
            path = "what standard output goes to"
        return Failure("files", f"no space left in {path}", "free some, and run it again")
    advice = {
        errno.EACCES: "run it as the user whose checkout this is, or in one of your own",
        errno.EROFS: "run it in a checkout that can be written to",
        errno.ENOTDIR: f"move away what is there instead of a folder (see {OUT})",
        errno.EEXIST: f"move away what is there instead of a folder (see {OUT})",
        errno.EISDIR: "move away the folder that is there instead of a file",
    }.get(error.errno or 0, "correct that, and run it again")
    return Failure(path, (error.strerror or str(error)).lower(), advice)


class CannotRun(Failure):
    """The command could not be started; `status` is what a shell would say of
    it, 126 or 127."""

    def __init__(self, status: int, why: str) -> None:
        Exception.__init__(self, why)
        self.parts = ("run", why, "name a program that can be run")
        self.status = status


def output_of(*command: str | Path) -> str:
    """Return what the command prints, without the last newline.

    Raises Failure if it cannot be run or fails."""
    try:
        return subprocess.run(
            command, check=True, text=True, capture_output=True
        ).stdout.rstrip("\n")
    except FileNotFoundError as error:
        raise Failure(str(command[0]), "not found", "run ./portzero packages") from error
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
        raise Failure(" ".join(map(str, command)), why, "run it by hand to see more") from error


def digest(*parts: str | bytes | Path) -> str:
    """Return a short name for contents: of strings, and of files by path."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            part = part.read_bytes()
        if isinstance(part, str):
            part = part.encode()
        total.update(len(part).to_bytes(8, "little") + part)
    return total.hexdigest()[:16]


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Keep other runs over the same output folder from making NAME, too.  Only
    for what is made once: running and judging wait for nobody.

    The lock ends with the process, however that ends."""
    (OUT / "locks").mkdir(parents=True, exist_ok=True)
    with (OUT / "locks" / name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"portzero: waiting for another run that makes {name}", file=sys.stderr,
                  flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """Give a folder to fill, which becomes `path`, instead of what is there, if
    nothing goes wrong, and else is removed (by the next run, if this one is
    killed)."""
    partial = path.with_name(path.name + ".partial")
    if partial.exists():
        shutil.rmtree(partial)
    partial.mkdir(parents=True)
    try:
        yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    if path.exists():
        shutil.rmtree(path)
    partial.rename(path)


@functools.cache
def multiarch() -> str:
    """The distribution's name for this machine's architecture."""
    return output_of("gcc", "-print-multiarch")
