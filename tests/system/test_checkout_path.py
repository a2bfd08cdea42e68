# SPDX-License-Identifier: LGPL-2.1-or-later
"""The checkout works wherever it lies."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from portzero.column import Column
from portzero.project import OUT, ROOT

from conftest import PATIENCE, portzero

# What shells, mount options, a kernel's command line, make and PATH take for signs.
NAMES = [b"a space", b'a "quote\'', b"a\nline", b"a:colon", b"a\xff\xfe", b"a,comma=\\$HOME#%n",
         "ü".encode(), b"-dash"]


def files() -> list[str]:
    """The checkout's files, committed or not."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in os.fsdecode(listed).split("\0") if name and (ROOT / name).is_file()]


def copy(folder: Path) -> None:
    """Copy the checkout; what was built is there by hard links."""
    for name in files():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    (folder / "out").mkdir()
    for name in ("columns", "suite", "sandbox"):
        subprocess.run(["cp", "-a", "--link", OUT / name, f"{folder}/out/{name}"], check=True)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_run_and_matrix(columns: dict[str, Column], tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / os.fsdecode(name)
    copy(folder)
    try:
        environment = {key: value for key, value in os.environ.items() if key != "PORTZERO_OUT"}
        command = f"{folder}/portzero"

        def told(*arguments: str) -> tuple[int, bytes, bytes]:
            result = subprocess.run([command, *arguments], cwd=folder, env=environment,
                                    capture_output=True, check=False, timeout=PATIENCE)
            return result.returncode, result.stdout, result.stderr

        for kernel in ("host", "linux-stock"):
            assert told("run", "--libc", "stock", "--kernel", kernel, "--", "sh", "-c",
                        "pwd; exit 9") == (9, os.fsencode(folder) + b"\n", b"")
        status, grid, error = told("matrix", "--kernel", "host", "--case", "getpeername/fresh")
        assert (status, b"Traceback" in error) == (0, False), error
        assert b"getpeername: 1 conforms everywhere" in grid
        # Asked for by name or not, nothing is left out without a word.
        assert (b"preload is left out" in error) == bool(set(b" :") & set(os.fsencode(folder)))
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("words, product", [
    (["list"], "suite/suite-*"),
    (["build", "--libc", "preload", "--kernel", "host"], "columns/preload-*/libportzero.so")])
def test_what_is_compiled_there(tmp_path: Path, words: list[str], product: str) -> None:
    """make, which compiles them, would stumble over such a path; and the same
    is made everywhere."""
    folder = tmp_path / os.fsdecode(b"a \"b' $c#d:e,f\\g\nh")
    copy(folder)
    for name in ("suite", "columns"):
        shutil.rmtree(folder / "out" / name)
    environment = {key: value for key, value in os.environ.items() if key != "PORTZERO_OUT"}
    subprocess.run([f"{folder}/portzero", *words], cwd=folder, env=environment, check=True,
                   stdout=subprocess.DEVNULL, timeout=PATIENCE)
    found = [path.relative_to(folder / "out") for path in (folder / "out").glob(product)]
    assert len(found) == 1
    assert portzero(*words).returncode == 0
    assert (folder / "out" / found[0]).read_bytes() == (OUT / found[0]).read_bytes()
