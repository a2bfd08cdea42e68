# SPDX-License-Identifier: LGPL-2.1-or-later
"""The proof of the parser holds, and fails for a parser that is wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "proof"))
import prove  # noqa: E402

BYTES = 100  # One entry and the beginning of another.
# What is taken out of the source, put there instead, and then not proved.
BREAKS = {
    "a length that lies": (
        "|| header->nlmsg_len < NLMSG_LENGTH (sizeof (*msg))", "", "pointer_dereference"),
    "a state that is no state": ("&& msg->idiag_state <= TCP_CLOSING", "", "undefined-shift"),
    "another port": ("msg->id.idiag_dport == 0", "1", "assertion"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proof")


@pytest.fixture(scope="module")
def source(folder: Path) -> Path:
    return prove.fuzz.unpack(folder)


def test_it_is_proved(source: Path, folder: Path) -> None:
    assert prove.prove(source, folder, BYTES) == []
    assert prove.uncovered(source, folder, BYTES) == []


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_not(source: Path, folder: Path, tmp_path: Path, name: str) -> None:
    old, new, kind = BREAKS[name]
    for header in prove.fuzz.HEADERS:
        (tmp_path / header).write_bytes((source / header).read_bytes())
    text = (source / "getpeername-port0.c").read_text()
    assert text.count(old) == 1
    (tmp_path / "getpeername-port0.c").write_text(text.replace(old, new))
    assert any(kind in line for line in prove.prove(tmp_path, folder, BYTES))
