# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lies in the current folder, and which one it is, changes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from portzero.column import Column, build_id
from portzero.project import multiarch

from conftest import ON_BOTH, PATIENCE, PORTZERO, on, portzero

# Modules that we import, that Python imports by itself, and our own name.
MODULES = ("json", "argparse", "signal", "sitecustomize", "usercustomize", "portzero/__init__")


@pytest.fixture
def traps(tmp_path: Path) -> Path:
    """A folder of modules that tell when they are run."""
    (tmp_path / "portzero").mkdir()
    for module in MODULES:
        (tmp_path / f"{module}.py").write_text(
            f"open({str(tmp_path / 'ran')!r}, 'a').write('{module}')\n")
    return tmp_path


@pytest.mark.parametrize("arguments", [["list"], ["run", "--libc", "distro", "true"],
                                       ["judge", "--help"]], ids=["list", "run", "help"])
def test_python_files_in_it_are_not_run(traps: Path, arguments: list[str]) -> None:
    hostile = {**os.environ, "PYTHONPATH": str(traps), "PYTHONHOME": str(traps),
               "PYTHONSTARTUP": str(traps / "json.py"), "PYTHONINSPECT": "", "PYTHONUSERBASE": "."}
    result = portzero(*arguments, cwd=traps, env=hostile)
    assert (result.returncode, result.stderr) == (0, "")
    assert not (traps / "ran").exists()
    # The trap is one.
    on("host", "/usr/bin/python3", "-c", "import json", cwd=traps)
    assert (traps / "ran").read_text() == "json"


@ON_BOTH
def test_pythons_variables_arrive_at_the_program(tmp_path: Path, kernel: str) -> None:
    given = {"PYTHONPATH": "/one", "PYTHONHOME": "/two", "PYTHONSTARTUP": "/three"}
    result = on(kernel, "env", cwd=tmp_path, env={"PATH": os.environ["PATH"], **given})
    assert result.stderr == ""
    assert {f"{name}={value}" for name, value in given.items()} <= set(result.stdout.split())


@pytest.fixture
def shared_memory() -> Iterator[str]:
    path = Path(f"/dev/shm/portzero {os.getpid()}/folder")
    path.mkdir(parents=True)
    yield str(path)
    shutil.rmtree(path.parent)


def libc_and_folder(libc: str, kernel: str, folder: str) -> tuple[str, str]:
    """The build-id of the libc that a program has mapped there, and its folder."""
    script = ("pwd; file=$(grep -o '/.*/libc[.]so[.]6' /proc/self/maps | head -n 1); "
              "readelf --notes $file | grep 'Build ID'; exit 7")
    result = on(kernel, "sh", "-c", script, libc=libc, cwd=folder)
    assert (result.returncode, result.stderr) == (7, "")
    seen, notes = result.stdout.splitlines()
    return notes.split()[-1], seen


@ON_BOTH
@pytest.mark.parametrize("folder", ["/", "/usr", "/usr/lib", "/lib", f"/usr/lib/{multiarch()}",
                                    "/dev", "/proc", "/sys", "/dev/shm", "/tmp", "/run"])
def test_libc_is_the_columns_in_every_folder(columns: dict[str, Column], kernel: str,
                                             folder: str) -> None:
    built = build_id(columns["stock"].files[(Path("/lib") / multiarch() / "libc.so.6").resolve()])
    assert built != build_id(Path("/lib") / multiarch() / "libc.so.6")
    assert libc_and_folder("stock", kernel, folder) == (built, os.path.realpath(folder))


@ON_BOTH
def test_folder_in_shared_memory(columns: dict[str, Column], kernel: str,
                                 shared_memory: str) -> None:
    built = libc_and_folder("stock", kernel, "/")[0]
    assert libc_and_folder("stock", kernel, shared_memory) == (built, shared_memory)
    assert on(kernel, "sh", "-c", "echo text > file", cwd=shared_memory).returncode == 0
    assert (Path(shared_memory) / "file").read_text() == "text\n"


@ON_BOTH
def test_deleted_folder_is_an_error(tmp_path: Path, kernel: str) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    result = subprocess.run(
        ["sh", "-c", f'rmdir "$PWD"; exec "$0" run --libc distro --kernel {kernel} true', PORTZERO],
        cwd=folder, text=True, capture_output=True, check=False, timeout=PATIENCE)
    # (Before, the shell complains.)
    assert (result.returncode, result.stderr.splitlines()[-1]) == (
        2, "portzero: the current folder: it was deleted; change to a folder that exists")
