# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work in processes beside each other: all of it is done, or a failure told."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from portzero import parallel
from portzero.project import Failure


def test_all_is_done() -> None:
    done: list[int] = []
    parallel.each(lambda number: number * number, range(9), done.append)
    assert sorted(done) == [number * number for number in range(9)]


def test_a_failure_is_told() -> None:
    def fail(number: int) -> int:
        raise Failure("this", "it fails", "mend it")

    with pytest.raises(Failure, match="it fails"):
        parallel.each(fail, range(3), print)


def test_a_worker_that_dies_is_no_success() -> None:
    def die(number: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(Failure, match="without an answer"):
        parallel.each(die, range(3), print)


def test_a_file_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no such file"):
        parallel.each(lambda number: (tmp_path / "none" / "file").write_text("x"), range(3), print)


def test_things_are_done_beside(tmp_path: Path) -> None:
    files = [tmp_path / name for name in "ab"]
    with parallel.beside(*(lambda file=file: file.write_text("x") for file in files)):
        pass
    assert all(file.exists() for file in files)


def test_what_fails_beside_is_told_at_the_end(tmp_path: Path) -> None:
    done = []
    with (pytest.raises(Failure, match="no such file"),
          parallel.beside(lambda: (tmp_path / "none" / "file").write_text("x"))):
        done.append("more")
    assert done


def test_what_dies_beside_is_told() -> None:
    with (pytest.raises(Failure, match="without an answer"),
          parallel.beside(lambda: os.kill(os.getpid(), signal.SIGKILL))):
        pass


def test_what_is_done_beside_ends_with_us() -> None:
    reader, writer = os.pipe()
    with pytest.raises(KeyboardInterrupt), parallel.beside(signal.pause):
        os.close(writer)
        raise KeyboardInterrupt
    # Nobody has the other end open any more.
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_a_guest_stays_where_its_worker_is() -> None:
    def where(number: int) -> set[int]:
        with parallel.on_own_processor():
            return os.sched_getaffinity(0)

    before, found = os.sched_getaffinity(0), list[set[int]]()
    parallel.each(where, range(8), found.append, beside=2)
    assert set.union(*found) <= before and {len(one) for one in found} == {1}
    with parallel.on_own_processor():
        assert os.sched_getaffinity(0) == before
