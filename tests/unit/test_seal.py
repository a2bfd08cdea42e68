# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether what was built is still what was built."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from portzero import build, seal


@pytest.fixture
def product(tmp_path: Path) -> Path:
    folder = tmp_path / "product"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/libc.so.6").write_bytes(b"\x7fELF the library")
    (folder / "release").write_text("6.1\n")
    seal.put(folder)
    return folder


def same_size(path: Path) -> None:
    """Flip a bit, and keep the time."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_what_was_sealed_is_intact(product: Path) -> None:
    assert seal.intact(product)
    assert seal.intact(product, fully=True)


@pytest.mark.parametrize("damage", [
    lambda folder: (folder / "lib/libc.so.6").write_bytes(b""),
    lambda folder: (folder / "lib/libc.so.6").unlink(),
    lambda folder: (folder / "lib/libm.so.6").write_bytes(b"of another"),
    lambda folder: (folder / "lib/libc.so.6").write_bytes(b"\x7fELF tHe library"),
    lambda folder: (folder / "lib/libc.so.6").rename(folder / "lib/libc.so.7"),
    lambda folder: (folder / seal.NAME).write_text("{}"),
    lambda folder: (folder / seal.NAME).write_text("not JSON"),
    lambda folder: (folder / seal.NAME).unlink(),
    shutil.rmtree,
], ids=["empty", "missing", "added", "changed", "renamed", "no entries", "no JSON", "unsealed",
        "gone"])
def test_damage_is_seen(product: Path, damage: object) -> None:
    damage(product)  # type: ignore[operator]
    assert not seal.intact(product)


def test_a_flipped_bit_under_the_old_time_is_seen_by_the_full_check(product: Path) -> None:
    same_size(product / "lib/libc.so.6")
    assert seal.intact(product)  # This is what the cheap check cannot see.
    assert not seal.intact(product, fully=True)


def test_a_copy_with_other_times_is_intact(product: Path) -> None:
    os.utime(product / "release", (1000, 1000))
    assert seal.intact(product)
    os.utime(product / "release", (1000, 1000))
    same_size(product / "release")
    os.utime(product / "release", (2000, 2000))
    assert not seal.intact(product)


def test_a_damaged_product_is_made_again(product: Path, monkeypatch: pytest.MonkeyPatch,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("portzero.project.OUT", product.parent)
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "release").write_text("again\n")

    assert build.made(product, make) == product and not made
    (product / "release").write_text("")
    assert build.made(product, make) == product and len(made) == 1
    assert (product / "release").read_text() == "again\n"
    assert "is not as it was made; making it again" in capsys.readouterr().err
    assert build.made(product, make) == product and len(made) == 1
