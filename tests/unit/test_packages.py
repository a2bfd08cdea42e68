# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed, and what not.  Scripts stand for apt and dpkg."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from portzero import packages, releases
from portzero.project import Failure


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that apt-get's calls are written to.  No package is installed;
    apt knows all but linux-source-*, for which it would take it as a pattern."""
    told = tmp_path / "calls"
    scripts = {
        "dpkg-query": "exit 1",
        "apt-get": f'echo "$@" >> {told}; case "$*" in *broken*) echo "E: it is broken" >&2; '
                   "exit 100;; esac",
        "apt-cache": 'case "$2" in linux-source-*) exit 100;; esac',
    }
    for name, text in scripts.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(packages, "OUT", tmp_path / "out")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return told


def test_a_name_that_apt_would_take_for_a_pattern_is_not_installed(
        calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "needed", lambda *groups: ["bubblewrap", "linux-source-6.1"])
    with pytest.raises(Failure, match=r"there is no package linux-source-6\.1 for this system"):
        packages.install("matrix")
    assert "install" not in calls.read_text()


def test_what_is_missing_is_installed_when_no_other_apt_runs(
        calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "needed", lambda *groups: ["bubblewrap"])
    packages.install("matrix")
    update, install = calls.read_text().splitlines()
    assert update == "-oDPkg::Lock::Timeout=600 update"
    assert install.startswith("-oDPkg::Lock::Timeout=600 install --yes")
    assert install.endswith(" bubblewrap")


def test_apt_s_reason_is_told(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "needed", lambda *groups: ["broken"])
    with pytest.raises(Failure, match=r"apt-get install failed \(it is broken\); see "):
        packages.install("matrix")


def test_an_ordinary_user_is_told_the_command(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(packages, "needed", lambda *groups: ["bubblewrap"])
    with pytest.raises(Failure, match="1 are missing; run: sudo apt-get update && sudo apt-get"):
        packages.install("matrix")
    assert not calls.exists()


def test_the_sources_of_this_system_s_release_are_needed() -> None:
    here = releases.default()
    sources = {here.glibc.package, here.linux.package}
    assert sources.issubset(packages.needed("matrix")) == releases.is_host(here.name)
    assert not sources & set(packages.needed("check"))
