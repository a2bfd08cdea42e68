# SPDX-License-Identifier: LGPL-2.1-or-later
"""Work in processes beside each other: all of it is done, or a failure told."""

from __future__ import annotations

import os
import signal

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
