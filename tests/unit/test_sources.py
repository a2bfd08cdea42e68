# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where sources come from, and when they are not taken.  A mirror in a folder
stands for the real one."""

from __future__ import annotations

import hashlib
import os
import subprocess
from email.utils import formatdate
from pathlib import Path

import pytest

from portzero import releases, sources
from portzero.project import Failure
from portzero.releases import Base, Release
from portzero.sources import check_version, mirrors

BASE = Base("new", "linux", "linux-source-7.2", "7.2.13-1", Path("series"))
URIS = """
'http://one.example/debian/dists/old/InRelease' one.example_debian_dists_old_InRelease 0
'http://one.example/debian-security/dists/old-security/InRelease' one_InRelease 0
'http://two.example/tools/dists/nodistro/InRelease' two_InRelease 0
'http://one.example/debian/dists/old/InRelease' one.example_debian_dists_old_InRelease 0
'http://three.example/debian/dists/stable/InRelease' three_InRelease 0
'http://one.example/debian/dists/old/main/binary-amd64/Packages.xz' one_Packages 0
"""


def test_mirrors_are_those_of_the_release_that_runs_here() -> None:
    assert mirrors(URIS, "old") == ["http://one.example/debian", "http://three.example/debian"]
    assert mirrors(URIS, "other") == ["http://three.example/debian"]
    assert mirrors("", "old") == []


def test_the_same_version_is_taken_without_a_word() -> None:
    assert check_version(BASE, "7.2.13-1", True) == ""
    assert check_version(BASE, "7.2.20-3", False) == ""


def test_a_rolling_release_that_moved_a_little_is_told() -> None:
    assert "the mirror has moved on to linux-source-7.2 7.2.14-1" in check_version(
        BASE, "7.2.14-1", True)


@pytest.mark.parametrize("version", ["7.3.1-1", "7.1.13-1", "7.20.13-1"])
def test_another_upstream_series_is_refused(version: str) -> None:
    with pytest.raises(Failure, match=r"made for 7\.2\.13-1; rebase"):
        check_version(BASE, version, True)


def mirror(folder: Path, *packages: tuple[str, str]) -> None:
    """Make a mirror with a suite "new" that has these packages and versions."""
    entries = []
    for name, version in packages:
        tree = folder / "tree" / name
        (tree / "DEBIAN").mkdir(parents=True)
        control = (f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: none\n"
                   "Description: none\n")
        (tree / "DEBIAN/control").write_text(control)
        (tree / "usr/src").mkdir(parents=True)
        (tree / f"usr/src/{name}.tar.xz").write_text(version)
        built = folder / f"{name}.deb"
        subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, built], check=True,
                       capture_output=True)
        entries.append(f"{control}Filename: {built.name}\nSize: {built.stat().st_size}\n"
                       f"SHA256: {hashlib.sha256(built.read_bytes()).hexdigest()}\n")
    architecture = subprocess.run(["dpkg", "--print-architecture"], check=True, text=True,
                                  capture_output=True).stdout.strip()
    name = f"main/binary-{architecture}/Packages"
    index = folder / "dists/new" / name
    index.parent.mkdir(parents=True)
    index.write_text("\n".join(entries))
    (folder / "dists/new/Release").write_text(
        f"Codename: new\nDate: {formatdate(usegmt=True)}\nArchitectures: {architecture}\n"
        f"Components: main\nSHA256:\n {hashlib.sha256(index.read_bytes()).hexdigest()} "
        f"{index.stat().st_size} {name}\n")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A key to sign with, in a keyring that counts as Debian's."""
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    gpg = ["gpg", "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "test@example", "ed25519", "sign"], check=True,
                   capture_output=True)
    keyring = tmp_path / "keyring.gpg"
    subprocess.run([*gpg, "--export", "--output", keyring], check=True)
    monkeypatch.setattr(sources, "KEYRINGS", [keyring])
    return keyring


def sign(folder: Path) -> None:
    subprocess.run(["gpg", "--batch", "--quiet", "--passphrase", "", "--clearsign", "--output",
                    "InRelease", "Release"], cwd=folder / "dists/new", check=True,
                   capture_output=True)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Path) -> Path:
    """A host whose apt has a mirror in a folder, and a release "new" of which
    it has to fetch the kernel."""
    folder = tmp_path / "mirror"
    monkeypatch.setattr(sources, "SOURCES", tmp_path / "sources")
    monkeypatch.setattr("portzero.project.OUT", tmp_path)
    monkeypatch.setattr(sources, "output_of", lambda *command: f"'{folder.as_uri()}/dists/stable/"
                        "InRelease' x 0 " if "--print-uris" in command
                        else subprocess.run(command, check=True, text=True,
                                            capture_output=True).stdout)
    release = Release("new", "New", "new", True, BASE, BASE)
    monkeypatch.setattr(releases, "read", lambda name: release)
    return folder


def test_a_source_is_fetched_once_and_not_installed(host: Path, capfd: object) -> None:
    mirror(host, ("linux-source-7.2", "7.2.14-1"))
    sign(host)
    found = sources.source(BASE)
    assert (found.package, found.version) == ("linux-source-7.2", "7.2.14-1")
    assert (found.root / "usr/src/linux-source-7.2.tar.xz").read_text() == "7.2.14-1"
    told = capfd.readouterr().err  # type: ignore[attr-defined]
    assert "the mirror has moved on" in told and told.count("fetch") == 1
    subprocess.run(["rm", "-r", host], check=True)
    assert sources.source(BASE) == found == sources.known(BASE)


def test_a_package_that_is_gone(host: Path) -> None:
    mirror(host, ("linux-source-7.3", "7.3.1-1"))
    sign(host)
    with pytest.raises(Failure, match=r"moved on: it has linux-source-7\.3 and no longer"):
        sources.source(BASE)
    assert sources.known(BASE) is None


def test_no_mirror(host: Path) -> None:
    with pytest.raises(Failure, match="check the network and the mirror"):
        sources.source(BASE)
    assert sources.known(BASE) is None


def test_a_mirror_whose_key_is_not_debian_s(host: Path) -> None:
    mirror(host, ("linux-source-7.2", "7.2.13-1"))
    with pytest.raises(Failure, match="not signed|NO_PUBKEY|unsigned|does not have a Release file"):
        sources.source(BASE)
    assert sources.known(BASE) is None


def test_the_system_s_apt_is_left_alone(host: Path) -> None:
    def state() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for folder in ("/etc/apt", "/var/lib/apt/lists")
                for path in Path(folder).rglob("*") if os.access(path, os.R_OK)}

    mirror(host, ("linux-source-7.2", "7.2.13-1"))
    sign(host)
    before = state()
    sources.source(BASE)
    assert state() == before
