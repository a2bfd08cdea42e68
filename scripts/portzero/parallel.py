# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does things beside each other, in processes of their own: what waits for a
sandbox waits for signals, which threads would take from each other."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from portzero.project import Failure, failure_of

Result = TypeVar("Result")
# The processor of this worker, if it is one.
_own: int | None = None


@contextlib.contextmanager
def on_own_processor() -> Iterator[None]:
    """Keep what a worker starts on one processor: for a guest, whose kernel and
    processes take turns at every system call.  Each processor has as many
    workers."""
    before = os.sched_getaffinity(0)
    if _own is not None:
        os.sched_setaffinity(0, {_own})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _work(connection: Connection, processor: int | None, work: Callable[[int], Result]) -> None:
    """A worker: does what the numbers that come stand for, until -1.  It ends
    without a word at a signal: the user hears of it from whom we work for."""
    global _own
    _own = processor
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    while (number := connection.recv()) >= 0:
        try:
            connection.send(work(number))
        except Failure as failure:
            connection.send(failure)
            return
        except OSError as error:
            connection.send(failure_of(error))
            return


@contextlib.contextmanager
def beside(*works: Callable[[], object]) -> Iterator[None]:
    """Do these things in processes of their own while the caller goes on, and wait
    for their ends.  Raises Failure if one fails, after what the caller did."""
    context = multiprocessing.get_context("fork")
    children = []
    try:
        for work in works:
            ours, theirs = context.Pipe()
            child = context.Process(target=_work, daemon=True, args=(
                theirs, None, lambda _, work=work: work() and None))
            child.start()
            theirs.close()
            ours.send(0)
            ours.send(-1)
            children.append((child, ours))
        yield
        for _, connection in children:
            if isinstance(answer := _answer(connection), Failure):
                raise answer
    finally:
        for child, _ in children:
            child.kill()
            child.join()


def _answer(connection: Connection) -> object:
    try:
        return connection.recv()
    except (EOFError, ConnectionResetError):
        raise Failure("a worker", "it ended without an answer", "run it again") from None


def each(work: Callable[[int], Result], numbers: Sequence[int],
         tell: Callable[[Result], None], beside: int = 1) -> None:
    """Do `work` for these numbers, `beside` at a time for each processor, and
    `tell` each result as it comes.

    If one raises Failure, or we are interrupted, all are killed; what runs in
    sandboxes ends with the process that made them.  Raises Failure also if a
    worker ends before it has done what it was given."""
    context = multiprocessing.get_context("fork")
    left = iter(numbers)
    workers = []
    waiting: list[Connection] = []
    try:
        processors = sorted(os.sched_getaffinity(0))
        for worker_number in range(min(beside * len(processors), len(numbers))):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, daemon=True, args=(
                theirs, processors[worker_number % len(processors)], work))
            worker.start()
            theirs.close()
            workers.append(worker)
            waiting.append(ours)
            ours.send(next(left))
        while waiting:
            for connection in wait(waiting):
                assert isinstance(connection, Connection)
                answer: Any = _answer(connection)
                if isinstance(answer, Failure):
                    raise answer
                tell(answer)
                if (number := next(left, -1)) < 0:
                    waiting.remove(connection)
                connection.send(number)
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
