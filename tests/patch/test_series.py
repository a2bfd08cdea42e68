# SPDX-License-Identifier: LGPL-2.1-or-later
"""The series as its reviewers meet it: it applies, and says what it should."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path

import pytest

from portzero import glibc
from portzero.build import read_series
from portzero.project import OUT, ROOT


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-c", "user.name=tester", "-c", "user.email=tester@example.org", "-C", folder,
         *arguments], check=True, capture_output=True, text=True).stdout


def touched() -> set[str]:
    return {line.split("/", 1)[1].strip()
            for patch in glibc.series() for line in patch.read_text().splitlines()
            if line.startswith(("--- a/", "+++ b/"))}


def test_git_am_takes_the_series(tmp_path: Path) -> None:
    """Onto the files of the distribution's source that it touches."""
    source = OUT / "glibc" / f"source-{glibc.key('stock')}"
    git(tmp_path, "init", "--quiet")
    for name in touched():
        if (source / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((source / name).read_bytes())
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "base")
    git(tmp_path, "am", "--whitespace=error-all", *map(str, glibc.series()))
    assert len(git(tmp_path, "log", "--oneline").splitlines()) == 1 + len(glibc.series())


def test_build_has_no_warnings() -> None:
    """Of the compiler; the tools say what they say about stock, too."""
    logs = {libc: (OUT / f"glibc-{libc}.log") for libc in ("stock", "patched")}
    if not logs["patched"].exists():
        pytest.skip("the libc came out of a cache, without its log")
    warnings = [line for line in logs["patched"].read_text(errors="replace").splitlines()
                if ": warning:" in line and ".y:" not in line]
    assert warnings == []


@pytest.mark.parametrize("patch", glibc.series(), ids=lambda path: path.name)
def test_message(patch: Path) -> None:
    message = message_from_string(patch.read_text())
    assert len(message["Subject"].replace("\n", "")) < 80
    body = message.get_payload().split("\n---\n")[0]
    assert max(map(len, body.splitlines())) <= 75
    assert "Tested on" in body


def added(patch: Path) -> str:
    return "\n".join(line[1:] for line in patch.read_text().splitlines()
                     if line.startswith("+"))


def test_the_manual_has_what_the_code_has() -> None:
    """One patch for each of the code that is about Linux, with its tunables
    and functions."""
    code, manual = glibc.series(), read_series(ROOT / "patches/backports/bookworm/glibc-manual")
    titles = [" ".join(message_from_string(patch.read_text())["Subject"].split()).split("] ", 1)[1]
              for patch in code]
    of_linux = [title for title in titles if title.startswith("Linux: ")]
    for title, described in zip(of_linux, manual, strict=True):
        assert f'For "{title}".' in " ".join(described.read_text().split())
    text = "\n".join(map(added, manual))
    names = re.findall(r"^  net \{\n    (\w+) \{", "\n".join(map(added, code)), re.MULTILINE)
    assert names
    assert all(f"@deftp Tunable glibc.net.{name}" in text for name in names)


BASES = {name: read_series(ROOT / "patches" / name)
         for name in ("glibc", "backports/trixie/glibc", "backports/bookworm/glibc")}


def new_files(patches: list[Path], folder: Path) -> dict[str, str]:
    """The files that a series adds, as they are in the end.  What it changes
    in files of its own applies without those of the base."""
    git(folder, "init", "--quiet")
    names = {line.split("/", 1)[1] for patch in patches
             for part in patch.read_text().split("\ndiff --git ")[1:] if "\nnew file mode" in part
             for line in part.splitlines() if line.startswith("+++ b/")}
    for patch in patches:
        git(folder, "apply", *(f"--include={name}" for name in names), str(patch))
    return {name: (folder / name).read_text() for name in names}


def test_all_bases_get_the_same_new_files(tmp_path: Path) -> None:
    found = {}
    for number, (name, patches) in enumerate(BASES.items()):
        (tmp_path / str(number)).mkdir()
        found[name] = new_files(patches, tmp_path / str(number))
    head = found.pop("glibc")
    assert "sysdeps/unix/sysv/linux/getpeername-port0.c" in head
    for name, files in found.items():
        assert files == head, name


HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")
ALL_SERIES = sorted(path.parent for path in (ROOT / "patches").rglob("series"))


def hunks(part: str) -> Iterator[tuple[int, list[str], list[str]]]:
    """The hunks of a file's diff: the first line, what is there, what comes
    instead."""
    lines = iter(part.splitlines())
    for line in lines:
        if head := HUNK.match(line):
            before, after = int(head[2] or 1), int(head[3] or 1)
            old, new = [], []
            while len(old) < before or len(new) < after:
                text = next(lines)
                old += [text[1:]] if text[:1] in ("-", " ", "") else []
                new += [text[1:]] if text[:1] in ("+", " ", "") else []
            yield int(head[1]) - (before > 0), old, new


def apply_in_turn(patches: list[Path]) -> Iterator[str]:
    """Apply a series to a base of which only that is known which the patches
    themselves say; yield what a patch expects where an earlier one has made
    something else."""
    files: dict[str, list[str | None]] = {}
    for patch in patches:
        for part in patch.read_text().split("\ndiff --git ")[1:]:
            name = re.match(r"a/(\S+)", part)
            assert name is not None
            lines = files.setdefault(name[1], [None] * 100_000)
            # From the end: numbers of lines are those before the patch.
            for first, old, new in reversed(list(hunks(part))):
                there = lines[first:first + len(old)]
                for known, expected in zip(there, old, strict=True):
                    if known not in (None, expected):
                        yield f"{patch.name}: {name[1]}: {expected!r}, but there is {known!r}"
                lines[first:first + len(old)] = new


@pytest.mark.parametrize("folder", ALL_SERIES, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_patch_expects_what_those_before_it_made(folder: Path) -> None:
    """Also where the base's source is not here, as for the manual."""
    assert list(apply_in_turn(read_series(folder))) == []


def test_a_stale_patch_is_noticed(tmp_path: Path) -> None:
    patches = read_series(ROOT / "patches/glibc-manual")
    stale = tmp_path / "0003-stale.patch"
    text = patches[2].read_text()
    stale.write_text(text.replace(" such a peer (", " another peer ("))
    assert stale.read_text() != text
    told = list(apply_in_turn([*patches[:2], stale]))
    assert len(told) == 1 and "but there is 'such a peer" in told[0]


def test_all_bases_have_the_same_messages() -> None:
    messages = {name: [patch.read_text().split("\n---\n")[0].split("Subject: ")[1]
                       for patch in patches] for name, patches in BASES.items()}
    assert len(messages["glibc"]) == 4
    assert all(told == messages["glibc"] for told in messages.values())


def test_the_slow_path_can_be_read_in_one_go(tmp_path: Path) -> None:
    """getpeername's, in the patch that adds it."""
    patch = next(path for path in BASES["glibc"] if "getpeername" in path.name)
    text = new_files([patch], tmp_path)["sysdeps/unix/sysv/linux/getpeername-port0.c"]
    assert len(text.splitlines()) <= 350


def instructions(libc: str) -> list[str]:
    """What getpeername() executes up to the first return."""
    listing = subprocess.run(
        ["gdb", "--batch", "-ex", "disassemble getpeername",
         glibc.product(libc) / "lib/libc.so.6"],
        check=True, capture_output=True, text=True).stdout
    found = []
    for line in listing.splitlines()[1:]:
        found.append(line.split("\t")[1].split()[0])
        if found[-1] == "ret":
            break
    return found


def test_success_takes_as_many_instructions_as_stock() -> None:
    assert len(instructions("patched")) == len(instructions("stock"))
