# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest that panics or hangs is a broken column, not a lost run."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero import matrix, results, sandbox
from portzero.column import open_column
from portzero.column_name import parse


def observe_and_judge(monkeypatch: pytest.MonkeyPatch, folder: Path) -> int:
    monkeypatch.setattr(results, "RESULTS", folder)
    matrix._observe(open_column("distro", "linux-stock"), "*", None, True)
    return matrix.judge_and_report([parse("distro/linux-stock")])


def test_panic(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
               capfd: pytest.CaptureFixture[str]) -> None:
    # The kernel panics when its first process ends.
    deserter = tmp_path / "deserter.c"
    deserter.write_text("int main (void) { return 0; }\n")
    monkeypatch.setattr(sandbox, "GUEST_SOURCES", (deserter,))
    assert observe_and_judge(monkeypatch, tmp_path) == 1
    told = capfd.readouterr().out
    assert "broken: (the suite): the guest: its kernel panicked" in told
    assert "Attempted to kill init" in told


def test_hang(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
              capfd: pytest.CaptureFixture[str]) -> None:
    # Killed before it can have come to its end.
    monkeypatch.setattr(matrix, "GUEST_LIMIT", 1)
    assert observe_and_judge(monkeypatch, tmp_path) == 1
    assert "broken: (the suite): the guest: it hung and was killed" in capfd.readouterr().out
