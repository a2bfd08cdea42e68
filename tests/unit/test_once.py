# SPDX-License-Identifier: LGPL-2.1-or-later
"""An option that counts once is not taken twice in silence."""

from __future__ import annotations

import pytest

from portzero.cli import parser


@pytest.mark.parametrize("words", [
    ["matrix", "--case", "a/*", "--case", "b/*"], ["matrix", "--case=a", "--case=a"],
    ["run", "--libc", "stock", "--libc", "patched"]])
def test_the_second_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args(words)
    assert end.value.code == 2
    assert "it can be given only once" in capsys.readouterr().err


def test_once_is_taken() -> None:
    assert parser().parse_args(["matrix", "--case", "a/*"]).case == "a/*"
    assert parser().parse_args(["matrix"]).case == "*"


def test_what_may_be_repeated_is() -> None:
    given = parser().parse_args(["matrix", "--libc", "stock", "--libc", "patched"])
    assert given.libc == ["stock", "patched"]
