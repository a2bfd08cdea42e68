# SPDX-License-Identifier: LGPL-2.1-or-later
"""What build/releases says, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero import column_name, linux, releases
from portzero.build import changes
from portzero.project import ROOT, Failure
from portzero.releases import upstream

GOOD = (ROOT / "build/releases/bookworm.toml").read_text()


@pytest.fixture
def another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a release "another", which nothing says yet."""
    monkeypatch.setattr(column_name, "RELEASES", tmp_path)
    return tmp_path / "another.toml"


@pytest.mark.parametrize("name", releases.names())
def test_each_release_is_whole(name: str) -> None:
    """Its series are there, and its kernel can speak to networks."""
    release = releases.read(name)
    assert changes(release.glibc.series)
    assert changes(release.linux.series)
    assert "CONFIG_INET=y" in linux.configuration(name)
    assert release.linux.package.endswith(".".join(map(str, upstream(release.linux.version))))


def test_there_are_an_old_and_a_rolling_one() -> None:
    assert [releases.read(name).rolling for name in releases.names()].count(True) == 1
    ages = [upstream(releases.read(name).glibc.version) for name in releases.names()]
    assert ages == sorted(ages) and len(set(ages)) == len(ages) >= 3


def test_what_a_kernel_lacks_is_not_asked_of_it() -> None:
    for name in releases.names():
        options = [line.removeprefix("# ").partition("=")[0] for line in linux.configuration(name)]
        assert not set(releases.read(name).linux.lacks) & set(options)


@pytest.mark.parametrize("right, wrong, why", [
    ("rolling = false", "rolling = no", "invalid"),
    ("rolling = false", "rolling = 'no'", "neither true nor false"),
    ("suite = ", "suit = ", "nothing knows the key 'suit'"),
    ("[glibc]", "[glib]", "nothing knows the key 'glib'"),
    ("lacks = []", "lacks = [1]", "no list of strings"),
    ('version = "6', 'version = "six', "no package's version"),
    ('version = "6.1.192-2"', "version = 6.1", "no string"),
])
def test_what_is_wrong_is_told_with_its_line(another: Path, right: str, wrong: str,
                                             why: str) -> None:
    before, found, _ = GOOD.partition(right)
    assert found
    another.write_text(GOOD.replace(right, wrong, 1))
    with pytest.raises(Failure, match=why) as failure:
        releases.read.__wrapped__("another")
    assert f"another.toml:{before.count(chr(10)) + 1}:" in str(failure.value)


def test_an_unknown_release(another: Path) -> None:
    another.write_text(GOOD)
    with pytest.raises(Failure, match="use another"):
        releases.read.__wrapped__("buzz")


@pytest.mark.parametrize("version, series", [
    ("2.36-9+deb12u14", (2, 36)), ("6.12.117-1", (6, 12)), ("1:7.2~rc3-1", (7, 2)), ("sid", ())])
def test_upstream(version: str, series: tuple[int, ...]) -> None:
    assert upstream(version) == series


def test_the_host_s_libc_is_known() -> None:
    assert releases.host_libc() > (2,)
    assert releases.runs_here(releases.names()[-1])
