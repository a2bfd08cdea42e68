# SPDX-License-Identifier: LGPL-2.1-or-later
"""What builds have in common: a step with its log and its progress."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from portzero import seal
from portzero.column_name import default_release
from portzero.data_file import read_text, shown
from portzero import sandbox
from portzero.progress import Step
from portzero.project import OUT, Failure, appearing, exclusive, output_of

# Where a build sees its files, on every machine.
SOURCE, OBJECTS = "/mnt/source", "/mnt/objects"


@functools.cache
def toolchain() -> str:
    """The compiler and the linker, as they name themselves."""
    return "\n".join(output_of(tool, "--version").splitlines()[0] for tool in ("gcc", "ld"))


def read_series(folder: Path) -> list[Path]:
    """The patches that a folder's `series` names, in order."""
    patches = []
    for number, line in enumerate(read_text(folder / "series").splitlines(), 1):
        if line.strip() and line[0] != "#":
            patches.append(folder / line.strip())
            if not patches[-1].is_file():
                raise Failure(f"{shown(folder / 'series')}:{number}",
                              f"there is no patch '{line.strip()}'",
                              "restore it (git checkout), or take the line off")
    return patches


def changes(series: Path) -> list[str]:
    """What the patches of a series change, in order: their text from the first
    diff on.  The words before it do not matter to a build."""
    found = []
    for patch in read_series(series):
        text = read_text(patch)
        if "\ndiff --git " not in text:
            raise Failure(shown(patch), "it changes nothing (no diff --git)",
                          "restore it (git checkout)")
        found.append(text[text.index("\ndiff --git "):])
    return found


def log_of(name: str, release: str) -> Path:
    """Where the log of a build goes: an empty file."""
    log = OUT / f"{label(name, release).replace(': ', '-').replace(' ', '-')}.log"
    OUT.mkdir(parents=True, exist_ok=True)
    log.write_bytes(b"")
    return log


def label(name: str, release: str) -> str:
    """How a build is called to the user."""
    return name if release == default_release() else f"{release}: {name}"


def made(path: Path, make: Callable[[Path], None]) -> Path:
    """Return the folder of a product, after making it (by `make`, which gets
    a folder to fill) if it is not there, or not as it was made."""
    if not seal.intact(path):
        with exclusive(path.name):
            if not seal.intact(path):  # Whoever we waited for may have made it.
                if seal.is_sealed(path):
                    print(f"portzero: {path} is not as it was made; making it again",
                          file=sys.stderr, flush=True)
                with appearing(path) as folder:
                    make(folder)
                    seal.put(folder)
    return path


def run_step(log: Path, title: str, command: list[str], *, folder: Path | None = None,
          environment: dict[str, str] | None = None, expected: int = 0) -> None:
    """Run a step of a build, its output going to `log`.

    `expected` is about how many compilations it does.  Raises Failure with
    the first line of the log that looks like the reason."""
    compilation = re.compile(rb" -c |^  CC  ", re.MULTILINE)
    with Step(title) as step, log.open("ab") as out:
        begin = out.tell()
        process = subprocess.Popen(
            command if "bwrap" in command else sandbox.contained(command), cwd=folder,
            stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})},
            pass_fds=(sandbox.lifeline(),), start_new_session=True,
        )
        compiled = 0
        with log.open("rb") as reader:
            reader.seek(begin)
            try:
                while True:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(0.25)
                    text = reader.read()
                    compiled += len(compilation.findall(text))
                    if expected:
                        step.advance("", compiled / expected)
                    if process.returncode is not None:
                        break
            except BaseException:
                with contextlib.suppress(ProcessLookupError):  # It may just have ended.
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                raise
    if process.returncode != 0:
        if shutil.disk_usage(log.parent).free < 1 << 20:
            raise Failure(title, f"no space left in {OUT}", "free some, and run it again")
        lines = log.read_bytes()[begin:].decode(errors="replace").splitlines()
        reasons = [line for line in lines if re.search(r": error:|\*\*\* \[|\*\*\* No|FAILED", line)]
        if any("No space left on device" in line for line in lines):
            raise Failure(title, f"no space left in {OUT}", "free some, and run it again")
        raise Failure(title, (reasons or lines or ["no output"])[0].strip(), f"see {log}")


def _touched(series: Path, source: Path) -> list[str]:
    """The files in `source` that a series changes."""
    names = {line.removeprefix("--- a/").rstrip()
             for text in changes(series) for line in text.splitlines()
             if line.startswith("--- a/")}
    return sorted(name for name in names if (source / name).exists())


def _end_in_the_past(*folders: Path) -> None:
    """Date files that are dated in the future to now: all to the same time, at
    which none looks older than another.  What has other links keeps its date
    there."""
    now = time.time_ns()
    for folder in folders:
        for parent, _, files in os.walk(folder):
            for name in files:
                path = Path(parent, name)
                status = path.lstat()
                if status.st_mtime_ns <= now:
                    continue
                if status.st_nlink > 1 and not path.is_symlink():
                    own = path.with_name(f"{name}.own")
                    shutil.copy2(path, own)
                    own.replace(path)
                os.utime(path, ns=(now, now), follow_symlinks=False)


def clone_patched(log: Path, title: str, stock_source: Path, stock_objects: Path, series: Path,
                  source: Path, objects: Path) -> None:
    """Fill `source` and `objects` with the stock ones, and apply a series to
    the source: what it does not touch is not built again."""
    run_step(log, f"{title}: clone stock",
             ["sh", "-ec", 'cp -al "$1/." "$2"; cp -a "$3/." "$4"', "clone", str(stock_source),
              str(source), str(stock_objects), str(objects)])
    # What was made at a time still to come would look newer than whatever is
    # made now, and make would make it again for ever.
    _end_in_the_past(source, objects)
    # Hard links do for the source, but not for what the series touches: quilt
    # changes the times of these files, and the stock objects would look old.
    for name in _touched(series, stock_source):
        (source / name).unlink()
        shutil.copy2(stock_source / name, source / name)
    # Without fuzz: it puts lines into the wrong place without a word.
    run_step(log, f"{title}: apply our series", ["quilt", "--quiltrc=-", "push", "-a", "-q", "--fuzz=0"],
             folder=source, environment={"QUILT_PATCHES": str(series)})
