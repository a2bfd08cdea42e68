# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./portzero clean removes, and what not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portzero import clean, glibc, linux, preload, releases, sandbox, sources

PRESENT, OLD = "0" * 16, "f" * 16
BUILT = [
    "columns/stock-{}", "columns/linux-patched-{}", "columns/preload-{}", "glibc/source-{}", "glibc/source-patched-{}",
    "glibc/objects-stock-{}", "glibc/suite-objects-patched-{}", "glibc/suite-stock-{}.sum",
    "linux/source-{}", "linux/objects-linux-stock-{}", "linux/source-linux-patched-{}",
    "linux/window-{}-aaaaaaaaaaaaaaaa", "linux/selftest-{}"]
OTHERS = ["results/columns/x", "columns/musl", "columns/stock-mine", "glibc/notes", "report/page"]


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Products of a present key, of an old one, and things of others."""
    for name in [*(built.format(key) for built in BUILT for key in (PRESENT, OLD)), *OTHERS,
                 f"columns/patched-{OLD}.partial", f"columns/patched-{PRESENT}.partial",
                 "sources/a_1", "sources/a_2", "sources/new/apt", "ccache/x", "suite/keep-me",
                 f"suite/suite-{OLD}", f"suite/objects-{PRESENT}", f"sandbox/init-{OLD}",
                 f"sandbox/init-{PRESENT}", "hosts/trixie", "programs/tree", "programs/mine"]:
        path = tmp_path / name
        path.mkdir(parents=True)
        (path / "file").write_bytes(b"x" * 5000)
    (tmp_path / "glibc-stock.log").write_text("log")
    monkeypatch.setattr(clean, "OUT", tmp_path)
    monkeypatch.setattr("portzero.project.OUT", tmp_path)
    monkeypatch.setattr(sources, "SOURCES", tmp_path / "sources")
    monkeypatch.setattr(clean, "_present", lambda: {PRESENT})
    source = sources.Source("a", "1", tmp_path / "sources/a_1")
    monkeypatch.setattr(clean, "_bases", lambda: iter([None]))
    monkeypatch.setattr(sources, "known", lambda base: source)
    monkeypatch.setattr("portzero.column.present_suites",
                        lambda: [tmp_path / f"suite/objects-{PRESENT}"])
    monkeypatch.setattr(sandbox, "present", lambda: [tmp_path / f"sandbox/init-{PRESENT}"])
    return tmp_path


def there(out: Path) -> set[str]:
    return {str(path.parent.relative_to(out)) for path in out.rglob("file")}


def test_old_removes_what_no_present_key_needs(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = there(out)
    assert clean.clean(only_old=True) == 0
    gone = {built.format(OLD) for built in BUILT} | {
        f"columns/patched-{OLD}.partial", "sources/a_2", f"suite/suite-{OLD}",
        f"sandbox/init-{OLD}"}
    assert before - there(out) == gone
    told = capsys.readouterr().out.splitlines()
    assert told[-1].startswith(f"{len(gone)} removed, ")
    clean.clean(only_old=True)
    assert capsys.readouterr().out == "0 removed, 0 MiB\n"


def test_clean_leaves_what_is_not_built(out: Path) -> None:
    clean.clean(only_old=False)
    assert there(out) == {*OTHERS, "suite/keep-me", "programs/mine"}
    assert not (out / "glibc-stock.log").exists()


def test_all_that_is_built_has_a_present_key() -> None:
    """What a column or a test of this checkout is made of is never old."""
    products = [preload.product(), *(glibc.product(libc) for libc in glibc.LIBCS),
                *(linux.product(kernel) for kernel in linux.KERNELS)]
    products += [preload.product(name) for name in releases.names()]
    keys = clean._present()
    for path in products:
        assert re.fullmatch(clean.BUILT["columns"], path.name), path.name
        assert path.name.rpartition("-")[2] in keys, f"{path.name} would be removed as old"
    named = [sandbox.compiled(*sandbox.INIT_SOURCES), sandbox.compiled(*sandbox.GUEST_SOURCES)]
    assert sorted(named) == sorted(sandbox.present())


def test_what_is_linked_elsewhere_is_not_counted(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "own").write_bytes(b"x" * 8192)
    (folder / "twice").hardlink_to(folder / "own")
    (tmp_path / "elsewhere").write_bytes(b"x" * 8192)
    (folder / "linked").hardlink_to(tmp_path / "elsewhere")
    assert clean._size(folder) == (folder / "own").stat().st_blocks * 512 > 0
