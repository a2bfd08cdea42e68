# SPDX-License-Identifier: LGPL-2.1-or-later
"""The comparison of glibc's own tests on stock and on patched."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero import glibc_suite
from portzero.glibc_suite import doubtful, read_results, worse

STOCK = {"a/passes": "PASS", "a/fails": "FAIL", "a/cannot": "UNSUPPORTED"}


def test_results_are_read() -> None:
    text = "PASS: a/passes\nFAIL: a/fails\noriginal exit status 1\nUNSUPPORTED: a/cannot\n"
    assert read_results(text) == STOCK


def test_the_same_is_not_worse() -> None:
    assert worse(STOCK, STOCK) == []


def test_better_is_not_worse() -> None:
    assert worse(STOCK, {**STOCK, "a/fails": "PASS", "a/cannot": "PASS"}) == []


@pytest.mark.parametrize("name, kind", [
    ("a/passes", "FAIL"), ("a/passes", "UNSUPPORTED"), ("a/passes", "XPASS"),
    ("a/fails", "UNRESOLVED"), ("a/cannot", "FAIL")])
def test_worse(name: str, kind: str) -> None:
    assert worse(STOCK, {**STOCK, name: kind}) == [name]


def test_gone_is_worse() -> None:
    patched = dict(STOCK)
    del patched["a/passes"]
    assert worse(STOCK, patched) == ["a/passes"]


@pytest.mark.parametrize("kind", ["FAIL", "UNSUPPORTED", "XFAIL"])
def test_a_new_test_must_pass(kind: str) -> None:
    assert worse(STOCK, {**STOCK, "a/new": "PASS"}) == []
    assert worse(STOCK, {**STOCK, "a/new": kind}) == ["a/new"]


def test_what_failed_on_stock_is_doubtful() -> None:
    """It would hide a failure on patched."""
    assert doubtful(STOCK, {**STOCK, "a/passes": "FAIL"}) == ["a/fails", "a/passes"]


@pytest.mark.parametrize("alone, status", [("PASS", 0), ("FAIL", 1)])
def test_what_is_worse_is_run_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str], alone: str,
                                    status: int) -> None:
    patched = {**STOCK, "a/passes": "FAIL"}
    results = {"stock": STOCK, "patched": patched}
    monkeypatch.setattr("portzero.project.OUT", tmp_path)
    monkeypatch.setattr(glibc_suite, "results", lambda libc, release: results[libc])
    monkeypatch.setattr(glibc_suite, "_objects", lambda libc, release: tmp_path / libc)
    monkeypatch.setattr(glibc_suite, "_run_alone",
                        lambda libc, release, name: alone if (libc, name) == ("patched", "a/passes")
                        else results[libc][name])
    assert glibc_suite.compare() == status
    told = capsys.readouterr().out
    assert "a/passes: PASS on stock, FAIL on patched" in told
    assert ("worse on patched: a/passes" in told) == (status == 1)
