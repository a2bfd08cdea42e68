# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the results of other projects' tests are read and compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from portzero import peers
from portzero.project import Failure

PEER = peers.Peer("peer", "", [], [], "", "", r"^(?P<result>ok|not ok) (?P<name>\w+)", 2, 1)


def test_reading_loses_no_test() -> None:
    assert peers.read(PEER, "ok a\nnoise\nnot ok b\nok a\n") == {
        "a": "ok", "b": "not ok", "a #2": "ok"}


def test_cpythons_words_are_read() -> None:
    cpython = peers.load(peers.FOLDER / "cpython.toml")
    told = ("test_a (test.test_ssl.B.test_a) ... ok\n"
            "test_b (test.test_ssl.B.test_b)\nWhat it is about. ... skipped 'no'\n"
            "test_c (test.test_ssl.B.test_c) ... \n noise\nok\n"
            "test_d (test.test_ssl.B.test_d) ... FAIL\n")
    assert list(peers.read(cpython, told).values()) == ["ok", "skipped", "ok", "FAIL"]


@pytest.mark.parametrize("first, second, differ", [
    ([{"a": "ok"}], [{"a": "ok"}], 0),
    ([{"a": "ok"}], [{"a": "not ok"}], 1),
    ([{"a": "ok"}], [{}], 1),
    ([{}], [{"a": "ok"}], 1),
    # What says now this, now that, counts if nothing of it is the same.
    ([{"a": "ok"}, {"a": "not ok"}], [{"a": "not ok"}, {"a": "not ok"}], 0),
    ([{"a": "ok"}, {"a": "ok"}], [{"a": "not ok"}, {"a": "not ok"}], 1),
])
def test_differences(first: list[peers.Results], second: list[peers.Results],
                     differ: int) -> None:
    assert len(peers.differences({"distro": first, "patched": second})) == differ


@pytest.mark.parametrize("results, right", [
    ({"a": "ok", "b": "ok"}, True),
    ({"a": "ok"}, False),  # Too few tests are no success.
    ({}, False),
])
def test_absence_is_no_success(monkeypatch: pytest.MonkeyPatch, results: peers.Results,
                               right: bool) -> None:
    monkeypatch.setattr(peers, "_run", lambda peer, libc, turn: (libc, dict(results)))
    assert peers.check(replace(PEER, least=2)) is right


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(Failure, match="no such file"):
        peers.run(["nobody"])
