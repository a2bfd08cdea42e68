# SPDX-License-Identifier: LGPL-2.1-or-later
"""libportzero.so on glibc and on musl: what it is made of, what it exports, and
what programs get from it.  (In odd places: tests/patch/test_contexts.py.)"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from conftest import portzero
from portzero import judge, preload, releases
from portzero.build import read_series
from portzero.column import DEFAULT_LISTENER, Column, open_column, suite
from portzero.project import ROOT

HERE = ROOT / "tests/preload"
COMPILERS = ["gcc", "musl-gcc"]
FLAGS = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
SERIES = releases.default().glibc.series
EXPORTED = ["accept", "accept4", "getpeername"]
SET = "PORTZERO_PEERS"
TUNABLE = "GLIBC_TUNABLES"


def made(folder: Path, compiler: str, series: Path = SERIES) -> Path:
    """Build the library as a user does."""
    subprocess.run(["make", "--silent", f"--directory={preload.SOURCE}", f"CC={compiler}",
                    f"O={folder}", f"SERIES={series}", "WARNINGS=-Wall -Wextra -Werror"],
                   check=True, env={**os.environ, "CFLAGS": "-O2 -g"})
    return folder / preload.LIBRARY


@pytest.fixture(scope="module", params=COMPILERS)
def built(request: pytest.FixtureRequest,
          tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The library, and a program that calls what it has, for one libc."""
    folder = tmp_path_factory.mktemp(request.param)
    library = made(folder, request.param)
    subprocess.run([request.param, *FLAGS, "-o", folder / "calls", HERE / "calls.c"], check=True)
    return library, folder / "calls"


def answers(program: Path, what: str, tmp_path: Path, library: Path | None,
            **settings: str) -> list[str]:
    """Run the program on this system's libcs, with the library (or not)."""
    words = [f"{name}={value}" for name, value in settings.items()]
    words += [f"LD_PRELOAD={library}"] if library else []
    out = tmp_path / "told"
    with out.open("wb") as stream:
        status = open_column("distro").run(["env", *words, str(program), what],
                                           listener=DEFAULT_LISTENER, stdout=stream)
    assert status == 0
    return out.read_text().splitlines()


def test_nothing_else_is_exported(built: tuple[Path, Path]) -> None:
    listing = subprocess.run(["nm", "--dynamic", "--defined-only", built[0]], text=True,
                             capture_output=True, check=True).stdout
    assert sorted(line.split()[-1] for line in listing.splitlines()) == EXPORTED


def test_peer(built: tuple[Path, Path], tmp_path: Path) -> None:
    library, program = built
    assert answers(program, "peer", tmp_path, None) == ["getpeername: errno 107"]
    assert answers(program, "peer", tmp_path, library) == ["getpeername: port 0"]


@pytest.mark.parametrize("settings, peers", [
    ({}, 1), ({SET: "0"}, 0), ({SET: "1"}, 1), ({SET: "2"}, 2), ({SET: "3"}, 1), ({SET: ""}, 1),
    ({SET: "00"}, 1), ({SET: "-1"}, 1), ({SET: " 0"}, 1),
    ({TUNABLE: "glibc.net.port0_peers=0"}, 0),
    ({TUNABLE: "glibc.malloc.check=0:glibc.net.port0_peers=2"}, 2),
    ({TUNABLE: "glibc.net.port0_peers=2:glibc.net.port0_peers=0"}, 0),
    ({TUNABLE: "glibc.net.port0_peers=2:"}, 2), ({TUNABLE: "glibc.net.port0_peers="}, 1),
    ({TUNABLE: "xglibc.net.port0_peers=0"}, 1), ({TUNABLE: "glibc.net.port0_peersx=0"}, 1),
    ({SET: "1", TUNABLE: "glibc.net.port0_peers=0"}, 1),
], ids=str)
def test_setting(built: tuple[Path, Path], tmp_path: Path, settings: Mapping[str, str],
                 peers: int) -> None:
    library, program = built
    peer = "getpeername: " + ("port 0" if peers else "errno 107")
    assert answers(program, "peer", tmp_path, library, **settings) == [peer]
    # ECONNABORTED.
    client = "port 0" if peers == 2 else "errno 103"
    assert answers(program, "accept", tmp_path, library, **settings) == [
        f"accept: {client}", f"accept4: {client}"]


@pytest.mark.parametrize("peers", ["1", "2"])
def test_a_blocked_accept_is_cancelled(built: tuple[Path, Path], tmp_path: Path,
                                       peers: str) -> None:
    library, program = built
    assert answers(program, "cancel", tmp_path, library, **{SET: peers}) == [
        "accept: cancelled", "accept4: cancelled"]


def test_before_it_is_set_up(tmp_path: Path) -> None:
    """Called by the constructor of a library that is set up first, it works, and
    leaves errno alone."""
    early = tmp_path / "early.so"
    subprocess.run(["gcc", *FLAGS, "-shared", "-fPIC", "-o", early, HERE / "early.c"], check=True)
    result = subprocess.run(["true"], text=True, capture_output=True, check=True, env={
        **os.environ, "LD_PRELOAD": f"{preload.build()}:{early}"})
    assert result.stdout == "early 0 0\nearly -1 95\n"  # EOPNOTSUPP


def test_another_library_stays_in_between(tmp_path: Path) -> None:
    """One that is preloaded after it is asked for what it would ask the libc."""
    (tmp_path / "other.c").write_text(
        "#include <errno.h>\nint getpeername (int a, void *b, void *c)\n"
        "{ (void) a; (void) b; (void) c; errno = E2BIG; return -1; }\n"
        "int accept (int a, void *b, void *c)\n{ return getpeername (a, b, c); }\n")
    other = tmp_path / "other.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-fno-builtin", "-o", other, tmp_path / "other.c"],
                   check=True)
    subprocess.run(["gcc", *FLAGS, "-o", tmp_path / "calls", HERE / "calls.c"], check=True)
    both = Path(f"{preload.build()}:{other}")
    assert answers(tmp_path / "calls", "peer", tmp_path, both) == ["getpeername: errno 7"]
    assert answers(tmp_path / "calls", "accept", tmp_path, both)[0] == "accept: errno 7"


def test_the_text_is_that_of_the_series(tmp_path: Path) -> None:
    """As git applies it: what the Makefile takes out is what glibc gets."""
    made(tmp_path / "made", "gcc")
    place = "sysdeps/unix/sysv/linux"
    names = sorted(path.name for path in (tmp_path / "made/source").glob("*.[ch]"))
    assert "getpeername-port0.c" in names and "accept-port0.c" in names
    (tmp_path / "git").mkdir()
    for patch in read_series(SERIES):
        subprocess.run(["git", "apply", *(f"--include={place}/{name}" for name in names), patch],
                       cwd=tmp_path / "git", check=True,
                       env={**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path)})
    for name in names:
        assert ((tmp_path / "made/source" / name).read_bytes()
                == (tmp_path / "git" / place / name).read_bytes())


def test_a_change_in_the_series_is_one_in_the_library(tmp_path: Path) -> None:
    series = tmp_path / "series"
    shutil.copytree(SERIES, series)
    text = "err == ENOTCONN && __port0_peers != 0"
    changed = 0
    for patch in series.glob("*.patch"):
        old = patch.read_text()
        patch.write_text(old.replace(text, text.replace("!= 0", "== 9")))
        changed += text in old
    assert changed
    library = made(tmp_path / "made", "gcc", series)
    subprocess.run(["gcc", *FLAGS, "-o", tmp_path / "calls", HERE / "calls.c"], check=True)
    assert answers(tmp_path / "calls", "peer", tmp_path, library) == ["getpeername: errno 107"]


def test_a_series_without_it_is_refused(tmp_path: Path) -> None:
    series = tmp_path / "series"
    shutil.copytree(SERIES, series)
    lines = (series / "series").read_text().splitlines()
    (series / "series").write_text("\n".join(lines[:2]) + "\n")
    with pytest.raises(subprocess.CalledProcessError):
        made(tmp_path / "made", "gcc", series)


def test_all_releases_make_the_same_library(tmp_path: Path) -> None:
    libraries = {made(tmp_path / name, "gcc", releases.read(name).glibc.series).read_bytes()
                 for name in releases.names()}
    assert len(libraries) == 1


def test_another_column_is_not_taken_for_it(columns: dict[str, Column], tmp_path: Path) -> None:
    """The same libc and the same suite, without the library."""
    results = tmp_path / "observations"
    command = [str(suite(columns["distro"])), "--output", str(results), "--case",
               "getpeername/fresh"]
    for libc, verdicts in (("distro", {"broken"}), ("preload", judge.EXPECTED)):
        results.unlink(missing_ok=True)
        columns[libc].run(command, stdout=(tmp_path / "ktap").open("wb"))
        found = judge.judge("preload/host", judge.read_records(results),
                            columns["preload"].identity(), [])
        assert found and {verdict.verdict for verdict in found} <= set(verdicts)


def test_command(tmp_path: Path) -> None:
    """In place: the caller's folder and exit status, and no sandbox."""
    told = portzero("preload", "--", "sh", "-c", 'pwd; echo "$LD_PRELOAD"; exit 7', cwd=tmp_path)
    assert told.returncode == 7
    assert told.stdout == f"{tmp_path}\n{preload.build()}\n"
    assert portzero("preload", "--", "no-such-program").returncode == 127
    assert portzero("preload", "--", "/etc/passwd").returncode == 126
    assert portzero("preload").returncode == 2
