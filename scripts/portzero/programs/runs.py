# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a program at a port on a column, and keeps what it told, under a key of
all that this depends on: the same is not run twice."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from portzero import parallel, sandbox, tree
from portzero.column import DEFAULT_LISTENER, Column
from portzero.programs.files import Program
from portzero.project import OUT, digest

TRANSCRIPTS = OUT / "programs/transcripts"
# From where the client of a server comes: steering makes port 0 of the first.
ZERO_SOURCE = DEFAULT_LISTENER + 2
CONTROL_SOURCE = DEFAULT_LISTENER + 3
# What the tool `picture` tells: a name, and a PNG file.
PICTURE = re.compile(r"^picture ([a-z0-9-]+) ([A-Za-z0-9+/=]+)$", re.MULTILINE)
# A guest's clock runs slower under load, and so do programs in it.
GUEST_FACTOR = 3

SCRIPT = """exec 2>&1
. /portzero/prelude.sh
port={port} SOURCE={source} RESETS={resets}
export port SOURCE RESETS
echo "kernel $(uname -r)"
echo "libc $(sha256sum < $(readlink -f /lib/*-linux-gnu/libc.so.6))"
{setup}
serve() {{ :
{serve}
}}
serve > /tmp/log 2>&1 &
SERVER=$!
run() {{ :
{run}
}}
run
echo "status $?"
echo "log:"
cat /tmp/log
"""


@dataclass(frozen=True)
class Task:
    """A cell to fill."""

    program: Program
    column: Column
    name: str


def control_port(program: Program) -> int:
    """The port that a program has as a control: the peer's, which is a
    client's if the program is a server."""
    return DEFAULT_LISTENER if program.kind == "client" else CONTROL_SOURCE


def _script(program: Program, is_zero: bool, resets: int) -> str:
    return SCRIPT.format(
        port=0 if is_zero else control_port(program),
        source=ZERO_SOURCE if is_zero else CONTROL_SOURCE, resets=resets,
        setup=program.setup, serve=program.serve, run=program.run)


@functools.cache
def _surroundings() -> str:
    """What every run depends on besides its program and its column."""
    return digest(tree.ENTER, *sandbox.INIT_SOURCES, *sandbox.GUEST_SOURCES,
                  sandbox.STEERING / "redirect.nft", os.uname().release)


@functools.cache
def _tools() -> dict[str, str]:
    """The texts of the tools by their names."""
    return {path.name: path.read_text() for path in sorted(tree.TOOLS.iterdir()) if path.is_file()}


def _used(script: str) -> list[str]:
    """The tools that a script names, and those that they name: names and
    texts."""
    todo, used = [script], dict[str, str]()
    while todo:
        text = todo.pop()
        for name, tool in _tools().items():
            if name in text and name not in used:
                used[name] = tool
                todo.append(tool)
    return [part for item in sorted(used.items()) for part in item]


@functools.cache
def _versions(packages: tuple[str, ...]) -> str:
    return tree.versions(packages)


def key(task: Task, is_zero: bool, resets: int = 0) -> str:
    """What a run depends on, in short."""
    program = task.program
    identity = [f"{name}={value}" for name, value in sorted(task.column.identity().items())]
    script = _script(program, is_zero, resets)
    return digest(script, *_used(script), program.build, str(program.seconds),
                  _versions(program.packages), _surroundings(), task.name, *identity)


def path_of(task: Task, is_zero: bool, resets: int = 0) -> Path:
    """Where the transcript is kept."""
    return TRANSCRIPTS / task.name.replace("/", "-") / (
        f"{task.program.name}.{'zero' if is_zero else 'control'}{'.resets' if resets else ''}")


def _last_line(wanted: str) -> str:
    return f"portzero: run {wanted}\n"


def kept(task: Task, is_zero: bool) -> str | None:
    """The transcript of an earlier run that would be the same, or None."""
    path = path_of(task, is_zero)
    if not path.exists():
        return None
    told = path.read_text(errors="replace")
    return told if told.endswith(_last_line(key(task, is_zero))) else None


def _pictures_out(path: Path) -> None:
    """Put the pictures in a transcript into files beside it, NAME.png after the
    transcript's own name, and a line with that file in their place."""
    for old in path.parent.glob(f"{path.name}.*.png"):
        old.unlink()

    def file(found: re.Match[str]) -> str:
        picture = path.with_name(f"{path.name}.{found[1]}.png")
        picture.write_bytes(base64.b64decode(found[2]))
        return f"picture {found[1]}: {picture.relative_to(OUT)}"

    told = path.read_text(errors="replace")
    if PICTURE.search(told):
        path.write_text(PICTURE.sub(file, told))


def run(task: Task, is_zero: bool, resets: int = 0) -> str:
    """Run it at port 0 or at the control's, after so many clients that reset
    their connections.  Returns what it told."""
    path = path_of(task, is_zero, resets)
    path.parent.mkdir(parents=True, exist_ok=True)
    seconds = task.program.seconds * (1 if task.column.kernel == "host" else GUEST_FACTOR)
    command = ["timeout", "--kill-after=1", str(seconds), "sh", "-c",
               _script(task.program, is_zero, resets)]
    # A transcript with this as its last line is whole.
    last = _last_line(key(task, is_zero, resets))
    messages = path.with_name(f"{path.name}.console")
    place = (contextlib.nullcontext() if task.column.kernel == "host"
             else parallel.on_own_processor())
    with path.open("wb") as out, messages.open("wb") as console, place:
        status = tree.run(task.column, command, out, seconds + 10, console)
    if messages.stat().st_size == 0:
        messages.unlink()
    _pictures_out(path)
    with path.open("r+b") as out:
        told = out.read()
        if told and not told.endswith(b"\n"):
            out.write(b"\n")
        if status != 0:
            late = f" (after {seconds} s)" if status in (124, 137) else ""
            out.write(f"portzero: it ended with status {status}{late}\n".encode())
        out.write(last.encode())
    return path.read_text(errors="replace")


def proven(task: Task, told: str) -> str | None:
    """What is wrong with the proof of what ran, or None."""
    library = hashlib.sha256(tree.libc_of(task.column).read_bytes()).hexdigest()
    for line in (f"kernel {task.column.identity()['kernel']}", f"libc {library}  -"):
        if line not in told.splitlines():
            return f"it does not show '{line}'"
    return None
