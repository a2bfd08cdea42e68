# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `run` says of a program, and what it needs."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from portzero import glibc, linux, packages, program
from portzero.column import Column
from portzero.column_name import default_release
from portzero.project import OUT

from conftest import ON_BOTH, PATIENCE, PORTZERO, on, portzero

C_PROGRAM = "#include <stdio.h>\nint main (void) { puts (\"ran\"); }\n"
GO_PROGRAM = 'package main\nimport ("fmt"; "os/user")\nfunc main() { user.Current(); ' \
             'fmt.Println("ran") }\n'
WHY = {
    "static": "it is statically linked",
    "musl": "it is linked to musl",
    "go": "it is a Go program, which makes its own system calls",
    "static-go": "it is statically linked",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program of each kind."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "program.c").write_text(C_PROGRAM)
    (folder / "program.go").write_text(GO_PROGRAM)
    go = {**os.environ, "GOCACHE": str(folder / "cache"), "GOFLAGS": "-mod=mod", "HOME": str(folder)}
    for name, compiler, more in (
            ("dynamic", ["gcc", "program.c"], {}), ("static", ["gcc", "-static", "program.c"], {}),
            ("musl", ["musl-gcc", "program.c"], {})):
        subprocess.run([compiler[0], "-o", name, *compiler[1:]], cwd=folder, check=True,
                       env={**os.environ, **more})
    for name, cgo in (("go", "1"), ("static-go", "0")):
        subprocess.run(["go", "build", "-o", name, "program.go"], cwd=folder, check=True,
                       env={**go, "CGO_ENABLED": cgo}, timeout=PATIENCE)
    (folder / "script").write_text("#!/usr/bin/env -S ./static\n")
    (folder / "script").chmod(0o755)
    return folder


@pytest.mark.parametrize("name", WHY)
def test_another_libc_is_told(columns: dict[str, Column], built: Path, name: str) -> None:
    result = on("host", f"./{name}", libc="stock", cwd=built)
    assert (result.returncode, result.stdout) == (0, "ran\n")
    assert result.stderr == (f"portzero: ./{name} does not use the column's C library: "
                             f"{WHY[name]}\n")
    # Where no library is mounted, there is nothing to say.
    assert on("host", f"./{name}", cwd=built).stderr == ""


def test_columns_libc_is_not_told(columns: dict[str, Column], built: Path) -> None:
    for command in ("./dynamic", "sh", "/usr/bin/python3"):
        assert program.outside_column(command) == ""
    result = on("host", "./dynamic", libc="stock", cwd=built)
    assert (result.stdout, result.stderr) == ("ran\n", "")


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """What begins as a 32-bit program does: exit(5), for i386."""
    code = bytes.fromhex("31c0 40 bb05000000 cd80")
    base = 0x8048000
    entry = base + 52 + 32
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\1\1\1", 2, 3, 1, entry, 52, 0, 0, 52, 32, 1,
                         0, 0, 0)
    size = 52 + 32 + len(code)
    segment = struct.pack("<IIIIIIII", 1, 0, base, base, size, size, 5, 0x1000)
    path = tmp_path / "narrow"
    path.write_bytes(header + segment + code)
    path.chmod(0o755)
    return path


def test_32_bit(columns: dict[str, Column], narrow: Path) -> None:
    result = on("host", "./narrow", libc="stock", cwd=narrow.parent)
    assert (result.returncode, result.stderr) == (
        5, "portzero: ./narrow does not use the column's C library: it is a 32-bit program\n")
    for libc in ("distro", "stock"):
        result = on("linux-stock", "./narrow", libc=libc, cwd=narrow.parent)
        assert (result.returncode, result.stderr) == (
            2, "portzero: ./narrow: it is a 32-bit program, and a guest's kernel runs none; "
               "use --kernel host\n")


@ON_BOTH
@pytest.mark.parametrize("command, status, why", [
    ("no-such-program", 127, "No such file or directory"),
    ("./none/such", 127, "No such file or directory"),
    ("/etc/passwd/x", 127, "Not a directory"),
    ("/etc/passwd", 126, "Permission denied"),
    ("/", 126, "Permission denied"),
    ("./odd\nname", 127, "No such file or directory"),
    ("", 127, "No such file or directory"),
])
def test_what_cannot_be_run_is_told_as_by_a_shell(tmp_path: Path, kernel: str, command: str,
                                                  status: int, why: str) -> None:
    result = on(kernel, command, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.startswith("portzero: ")
    assert result.stderr.endswith(f"{why}\n")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """A system on which only what `run` needs is installed, and another apt
    runs: dpkg-query lists no more, and apt-get fails."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    known = " ".join(packages.needed("run"))
    real = shutil.which("dpkg-query")
    (stubs / "dpkg-query").write_text(
        '#!/bin/sh\n'
        f'case "$*" in *Package*) ;; *) exec {real} "$@";; esac\n'
        f'for name in {known}; do echo "$name installed"; done\n')
    (stubs / "apt-get").write_text('#!/bin/sh\necho "E: Could not get lock"\nexit 100\n')
    for stub in stubs.iterdir():
        stub.chmod(0o755)
    return {**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}"}


@ON_BOTH
def test_run_needs_nothing_for_building(columns: dict[str, Column], bare: dict[str, str],
                                        kernel: str) -> None:
    result = on(kernel, "echo", "ran", libc="stock", env=bare)
    assert (result.returncode, result.stdout, result.stderr) == (0, "ran\n", "")
    # ... which would not be there.
    result = portzero("matrix", "--libc", "distro", "--kernel", "host", env=bare)
    assert result.returncode == 2
    assert "Could not get lock" in result.stderr


def test_run_waits_for_nobody(columns: dict[str, Column], tmp_path: Path) -> None:
    """Whoever builds something else, or the same again, holds a lock."""
    products = [glibc.product("stock", default_release()),
                linux.product("linux-stock", default_release())]
    (OUT / "locks").mkdir(exist_ok=True)
    with (OUT / "locks" / products[0].name).open("w") as one, (
            OUT / "locks" / products[1].name).open("w") as other:
        for lock in (one, other):
            fcntl.flock(lock, fcntl.LOCK_EX)
        result = on("linux-stock", "echo", "ran", libc="stock", cwd=tmp_path)
    assert (result.stdout, result.stderr) == ("ran\n", "")


def test_distro_in_a_sandbox_of_another_column(columns: dict[str, Column]) -> None:
    inner = on("host", PORTZERO, "run", "--libc", "distro", "--", "true", libc="stock")
    assert (inner.returncode, inner.stdout) == (2, "")
    assert inner.stderr == ("portzero: column distro: another C library is mounted over the "
                            "system's: this is a sandbox of another column; leave it first\n")
    assert on("host", PORTZERO, "run", "--libc", "distro", "--", "true").returncode == 0


def test_no_bubblewrap(tmp_path: Path) -> None:
    """Told as what it is, not as a missing file."""
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name in ("gcc", "dpkg-query", "readelf", "env", "bash", "sh", "readlink", "dirname", "id"):
        (stubs / name).symlink_to(str(shutil.which(name)))
    result = on("host", "true", env={"PATH": str(stubs)})
    assert result.returncode == 2
    assert result.stderr == "portzero: sandbox: bwrap not found; install the package bubblewrap\n"
