# SPDX-License-Identifier: LGPL-2.1-or-later
"""make install and make deb: what is installed works by itself."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from conftest import ORDINARY
from portzero.project import OUT, ROOT

MAKE = ["make", "--silent", "-f", "Makefile.in", "PYTHON=/usr/bin/python3", "CC=gcc"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    folder.chmod(0o755)
    subprocess.run([*MAKE, "install", f"DESTDIR={folder}", "prefix=/usr", "bindir=/usr/bin",
                    "datarootdir=/usr/share", "mandir=/usr/share/man"], cwd=ROOT, check=True)
    return folder / "usr"


def test_the_installed_command_asks_the_system(installed: Path, tmp_path: Path) -> None:
    """As an ordinary user, and writes only to that user's cache."""
    before = sorted(installed.rglob("*"))
    tmp_path.chmod(0o777)
    result = subprocess.run(
        [*(ORDINARY if os.geteuid() == 0 else []), installed / "bin/portzero", "matrix", "--libc",
         "distro", "--kernel", "host", "--case", "getpeername/fresh"],
        text=True, capture_output=True, check=False, cwd=tmp_path,
        env={**{name: value for name, value in os.environ.items() if name != "PORTZERO_OUT"},
             "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")})
    assert result.returncode == 0, result.stdout + result.stderr
    assert "All as expected." in result.stdout
    assert list((tmp_path / "cache/portzero/results").rglob("observations.jsonl"))
    assert sorted(installed.rglob("*")) == before


def test_beside_the_command(installed: Path) -> None:
    assert (installed / "share/man/man1/portzero.1").read_text().startswith(".\\\"")
    assert "complete -F" in (installed / "share/bash-completion/completions/portzero").read_text()


def test_check_needs_a_checkout(installed: Path) -> None:
    result = subprocess.run([installed / "bin/portzero", "check"], text=True, capture_output=True,
                            check=False)
    assert result.returncode == 2
    assert "only a checkout" in result.stderr


def test_uninstall_leaves_nothing(installed: Path, tmp_path: Path) -> None:
    where = [f"DESTDIR={tmp_path}", "prefix=/usr", "bindir=/usr/bin", "datarootdir=/usr/share",
             "mandir=/usr/share/man"]
    for target in ("install", "uninstall"):
        subprocess.run([*MAKE, target, *where], cwd=ROOT, check=True)
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []


def test_the_debian_package_is_built_and_accepted_by_lintian() -> None:
    result = subprocess.run([*MAKE, "deb"], cwd=ROOT, text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    package, = (OUT / "deb").glob("portzero_*.deb")
    listing = subprocess.run(["dpkg-deb", "--contents", package], text=True, capture_output=True,
                             check=True).stdout
    for path in ("usr/bin/portzero", "usr/lib/portzero/libportzero.so", "usr/share/man/man1/portzero.1.gz",
                 "usr/share/portzero/tests/conformance/core/case.h"):
        assert f"./{path}" in listing


def test_the_package_names_all_that_the_command_needs() -> None:
    groups = tomllib.loads((ROOT / "build/packages.toml").read_text())
    named = re.findall(r"[a-z0-9.+-]+", (ROOT / "debian/control").read_text())
    essential = {"tar", "util-linux"}
    for group in ("matrix", "evidence"):
        needed = {name for names in groups[group].values() for name in names}
        assert needed - essential <= set(named)
