# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Ctrl-C and its like do: one line, the exit status 128 + N, and nothing
left behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from types import FrameType
from typing import Any

PR_SET_PDEATHSIG = 1
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """One of ENDING came."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def tell(self) -> int:
        """Tell the user, return the exit status."""
        try:
            print("portzero: interrupted; what was finished is kept, run it again to go on",
                  file=sys.stderr, flush=True)
        except OSError:
            pass  # The terminal has gone.
        return 128 + self.number


def _ignore(number: int, frame: FrameType | None) -> None:
    """One is enough: the cleaning up is not interrupted, too.  (A handler, as
    child processes would inherit that a signal is ignored.)"""


def _raise(number: int, frame: FrameType | None) -> None:
    for other in ENDING:
        signal.signal(other, _ignore)
    raise Interrupted(number)


def _again(unraisable: Any) -> None:
    """Where Python cannot raise (in a finalizer), raise a moment later."""
    if isinstance(unraisable.exc_value, Interrupted):
        number = unraisable.exc_value.number
        signal.signal(number, _raise)
        os.kill(os.getpid(), number)
    else:
        sys.__unraisablehook__(unraisable)


def arm() -> None:
    """From now on, signals that end us raise Interrupted, once.  Those that
    came before, held by the launcher, do so now."""
    sys.unraisablehook = _again
    for number in ENDING:
        # What the caller ignores (nohup) stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _raise)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)


def hold() -> None:
    """From now on, they wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)


def disarm(parent: int) -> None:
    """In a child process that has nothing to clean up: end as any does, and
    with `parent`, to whom alone the terminal's signals go."""
    os.setsid()
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGKILL)
