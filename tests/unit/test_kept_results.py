# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept of a column is asked again unless it is whole, unchanged, and of the
same."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero import results
from portzero.column_name import parse
from portzero.results import Facts

COLUMN = parse("distro/linux-stock")
SEEN = '{"suite":{}}\n{"case":"a/b"}\n{"end":{"cases":1}}\n'


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "results")
    return keep(tmp_path, SEEN)


def keep(tmp_path: Path, seen: str, broken: str = "") -> Path:
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    (work / "observations.jsonl").write_text(seen)
    results.keep(work, COLUMN, Facts(str(COLUMN), {}, "key", broken))
    return results.folder(COLUMN) / "observations.jsonl"


def test_it_is_kept(kept: Path) -> None:
    assert kept.exists() and results.is_kept(COLUMN, "columns", "key")


def test_of_something_else(kept: Path) -> None:
    assert not results.is_kept(COLUMN, "columns", "other")
    assert not results.is_kept(COLUMN, "partial", "key")


def test_changed_by_one_letter(kept: Path) -> None:
    kept.write_text(kept.read_text().replace("a/b", "a/c"))
    assert not results.is_kept(COLUMN, "columns", "key")


@pytest.mark.parametrize("lost", [1, 10, len(SEEN)])
def test_cut_off(kept: Path, lost: int) -> None:
    kept.write_text(kept.read_text()[:-lost])
    assert not results.is_kept(COLUMN, "columns", "key")


def test_without_a_first_line_of_ours(kept: Path) -> None:
    for first in ("", "{}\n", "[]\n", "nothing\n"):
        kept.write_text(first + SEEN)
        assert not results.is_kept(COLUMN, "columns", "key")


def test_of_a_run_that_did_not_end(kept: Path, tmp_path: Path) -> None:
    keep(tmp_path, SEEN.rpartition('{"end"')[0])
    assert not results.is_kept(COLUMN, "columns", "key")
    keep(tmp_path, SEEN, broken="the guest: its kernel panicked")
    assert not results.is_kept(COLUMN, "columns", "key")
