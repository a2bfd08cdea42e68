# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept of runs: the only module that knows what is in out/results.

columns/RELEASE/LIBC/KERNEL/  the last run of all cases on a column, and what
                              was added (the kernel is called "added" there)
partial/RELEASE/LIBC/KERNEL/  the last run of some cases only
saved/NAME/RELEASE/…          columns, as they were when they were saved
verdicts.jsonl, junit.xml     what the judge last made of it

A column's observations.jsonl begins with a line about what should have run.
All files appear whole, or not at all; nothing is edited in place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO

from portzero import observations
from portzero.column_name import ADDED, PART, ColumnName, default_release, parse, releases
from portzero.observations import Observations
from portzero.project import OUT, Failure

RESULTS = OUT / "results"
# How a run is called that was not saved.
LAST = "last"
FILES = ("console", "suite.ktap", "observations.jsonl")  # The one that counts comes last.


@dataclass(frozen=True)
class Facts:
    """What is known of a run from outside: what should have run, what the run
    depended on, how it failed, and as which column it is judged."""

    column: str
    identity: dict[str, str]
    key: str = ""
    broken: str = ""
    like: str = ""
    when: str = ""  # It began, in UTC.
    seconds: float | None = None
    digest: str = ""  # Of what was observed: what keep() was given, to the byte.


@dataclass
class Kept:
    """What is kept of one column."""

    path: Path
    name: ColumnName
    facts: Facts
    seen: Observations = field(default_factory=Observations)

    @property
    def flaw(self) -> str:
        """Why it is not all that was asked for; "" if it is."""
        return self.facts.broken or self.seen.flaw

    @property
    def complete(self) -> bool:
        """Whether there is all that the suite can ask."""
        return not self.flaw and not self.seen.partial


def folder(name: ColumnName, kind: str = "columns") -> Path:
    """Where a column's files are."""
    return RESULTS / kind / name.release / name.libc / name.kernel


def names(kind: str = "columns") -> list[ColumnName]:
    """The columns that are kept."""
    root = RESULTS / kind
    return [ColumnName(*path.parent.relative_to(root).parts)
            for path in sorted(root.glob("*/*/*/observations.jsonl"))]


def _opened(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            yield from lines
    except UnicodeDecodeError:
        raise Failure(str(path), "this is not UTF-8", "give a file that the suite wrote") from None
    except OSError as error:
        raise Failure(str(path), str(error.strerror).lower(),
                      "give a file that the suite wrote") from None


def read(name: ColumnName, kind: str = "columns") -> Kept:
    """Return what is kept of a column.  Raises Failure if that is nothing, or
    is not what was kept."""
    path = folder(name, kind) / "observations.jsonl"
    again = ("add it again" if name.kernel == ADDED else
             f"run ./portzero matrix --again{'' if kind == 'columns' else ' --case …'}")
    if not path.exists():
        raise Failure(f"column '{name}'", "there are no results of it", "run ./portzero matrix")
    lines = _opened(path)
    try:
        facts = Facts(**json.loads(next(lines))["column"])
        dict(facts.identity)
    except StopIteration:
        raise Failure(f"{path}:1", "it is empty", again) from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{path}:1", "this does not say which column it is of", again) from None
    kept = Kept(path, name, facts)
    if facts.broken:  # Whatever there is, it is not all.
        with contextlib.suppress(Failure):
            kept.seen = observations.parse(str(path), _whole(lines), again, before=1)
    else:
        kept.seen = observations.parse(str(path), lines, again, before=1)
    return kept


def _whole(lines: Iterator[str]) -> Iterator[str]:
    return (line for line in lines if line.endswith("\n"))


@contextlib.contextmanager
def working() -> Iterator[Path]:
    """Give a folder to work in, that goes away.  What those left who were
    killed goes away, too."""
    root = RESULTS / ".work"
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        for old in root.iterdir():
            # Where somebody works there is a lock; where there is none, and
            # where somebody has just finished, nobody needs it.
            with contextlib.suppress(OSError):
                descriptor = os.open(old, os.O_DIRECTORY)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(old, ignore_errors=True)
                finally:
                    os.close(descriptor)
        path = Path(tempfile.mkdtemp(dir=root))
        descriptor = os.open(path, os.O_DIRECTORY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield path
    except OSError as error:
        if error.errno == errno.ENOSPC and not error.filename:
            error.filename = str(RESULTS)
        raise
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def check() -> None:
    """Fail early where nothing could be kept."""
    for kind in ("columns", "partial"):
        (RESULTS / kind).mkdir(parents=True, exist_ok=True)
    with working():
        pass


def keep(work: Path, name: ColumnName, facts: Facts, kind: str = "columns") -> None:
    """Keep what the suite left in a working folder, instead of what was kept
    of that column."""
    target = folder(name, kind)
    target.mkdir(parents=True, exist_ok=True)
    whole, seen = work / "whole", work / "observations.jsonl"
    seen.touch()
    with whole.open("wb") as out, seen.open("rb") as lines:
        facts = replace(facts, digest=hashlib.file_digest(lines, "sha256").hexdigest())
        out.write((json.dumps({"column": asdict(facts)}) + "\n").encode())
        lines.seek(0)
        shutil.copyfileobj(lines, out)
    os.replace(whole, work / "observations.jsonl")
    for file in FILES:
        if (work / file).exists():
            os.replace(work / file, target / file)


def is_kept(name: ColumnName, kind: str, key: str) -> bool:
    """Whether what is kept of a column is what a run that depended on `key` left,
    to its end and unchanged.  (Not as read() finds out, which takes many times as
    long.)"""
    try:
        with (folder(name, kind) / "observations.jsonl").open("rb") as file:
            facts = Facts(**json.loads(file.readline())["column"])
            if facts.key != key or facts.broken:
                return False
            seen = file.read()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    end = seen[seen.rfind(b"\n", 0, -1) + 1:]
    return end.startswith(b'{"end":') and hashlib.sha256(seen).hexdigest() == facts.digest


def pack(name: ColumnName, kind: str, out: IO[bytes]) -> None:
    """Write what is kept of a column, for another machine to unpack()."""
    with tarfile.open(fileobj=out, mode="w|gz") as archive:
        for file in FILES:
            if (folder(name, kind) / file).exists():
                archive.add(folder(name, kind) / file, file)


def unpack(archive: Path, work: Path, name: ColumnName) -> Facts:
    """Put what another machine packed of a column into a working folder, and
    return its facts; they are broken if that is not what it should be."""
    try:
        with gzip.open(archive) as stream:
            with tarfile.open(fileobj=stream, mode="r|") as packed:
                for member in packed:
                    content = packed.extractfile(member) if member.name in FILES else None
                    if content:  # Else it is nothing that we keep.
                        with (work / member.name).open("wb") as out:
                            shutil.copyfileobj(content, out)
            while stream.read(1 << 20):  # To the checksum at its end.
                pass
        with (work / "observations.jsonl").open("rb") as lines:
            facts = Facts(**json.loads(next(lines))["column"])
            if facts.column != str(name):
                raise ValueError(f"it is of {facts.column}")
            with (work / "observed").open("wb") as out:  # keep() writes the facts again.
                shutil.copyfileobj(lines, out)
        os.replace(work / "observed", work / "observations.jsonl")
        return facts
    except (tarfile.TarError, EOFError, zlib.error, OSError, StopIteration, ValueError, KeyError,
            TypeError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        (work / "observations.jsonl").unlink(missing_ok=True)
        return Facts(str(name), {}, broken=f"what a host gave back is no whole column ({error})")


def saved() -> list[str]:
    """The names of the runs that were saved."""
    return sorted(path.name for path in (RESULTS / "saved").glob("*"))


def _check_new_name(text: str) -> None:
    if not re.fullmatch(PART, text):
        raise Failure(f"name '{text}'", "it must be letters, digits, and _ . + -",
                      "choose another name")
    if text == LAST or text in releases():
        raise Failure(f"name '{text}'", "it means something else already", "choose another name")


def save(text: str) -> list[ColumnName]:
    """Save the last run under a name, return its columns."""
    _check_new_name(text)
    target = RESULTS / "saved" / text
    if target.exists():
        raise Failure(f"name '{text}'", "a run is saved under it", f"choose another, or delete {target}")
    found = names()
    if not found:
        raise Failure("save", "there are no results", "run ./portzero matrix first")
    for name in found:
        read(name)  # What is damaged is not worth keeping.
    with working() as work:
        copy = work / "saved"
        for name in found:
            source = folder(name)
            to = copy / source.relative_to(RESULTS / "columns")
            to.mkdir(parents=True)
            for file in FILES:
                if (source / file).exists():
                    shutil.copy2(source / file, to / file)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            copy.rename(target)
        except OSError:
            raise Failure(f"name '{text}'", "a run is saved under it by now",
                          "choose another") from None
    return found


def add(text: str, path: Path, like: ColumnName) -> ColumnName:
    """Put what the suite observed on any other system beside the columns.

    Raises Failure if that is not all the suite can ask."""
    _check_new_name(text)
    name = ColumnName(default_release(), text, ADDED)
    advice = "give a file that the suite wrote (--output) when it ran all cases"
    lines = list(_opened(path))
    before = 0
    if lines and lines[0].startswith('{"column"'):  # A file that was kept here.
        lines, before = lines[1:], 1
    seen = observations.parse(str(path), lines, advice, before)
    if seen.flaw:
        raise Failure(str(path), seen.flaw, advice)
    if seen.partial:
        raise Failure(str(path), f"it has {seen.variants} of {seen.all_variants} variants "
                      f"(--case '{seen.pattern}')", advice)
    with working() as work:
        (work / "observations.jsonl").write_text("".join(lines))
        keep(work, name, Facts(str(name), seen.ran, like=str(like)))
    return name


def resolve(text: str) -> dict[str, Kept]:
    """Return what a user means: LIBC/KERNEL or RELEASE:LIBC/KERNEL of the
    last run, the same of a saved run (NAME:…), what was added as NAME, a whole
    saved run (NAME), or the last one ("last").

    By the columns' names; for a single column the key is ""."""
    if text == LAST or text in saved():
        kind = "columns" if text == LAST else f"saved/{text}"
        found = names(kind)
        if not found:
            raise Failure(f"run '{text}'", "there are no results of it", "run ./portzero matrix")
        return {str(name): read(name, kind) for name in found}
    if re.fullmatch(PART, text):
        name = ColumnName(default_release(), text, ADDED)
        if not folder(name).exists():
            known = [*saved(), *(name.libc for name in names() if name.kernel == ADDED)]
            raise Failure(f"'{text}'", "nothing was saved or added under this name",
                          f"use LIBC/KERNEL, {', '.join([LAST, *known])}")
        return {"": read(name)}
    run, _, rest = text.partition(":")
    if rest and run in (LAST, *saved()):
        return {"": read(parse(rest), "columns" if run == LAST else f"saved/{run}")}
    return {"": read(parse(text))}


def put(path: Path, target: Path | None = None) -> None:
    """Put a file from a working folder where it belongs (default: beside the
    results), instead of what is there."""
    target = target or RESULTS / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        near = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            shutil.copyfile(path, near)
            os.replace(near, target)
        finally:
            near.unlink(missing_ok=True)
