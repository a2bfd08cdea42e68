# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells the user which step runs, how far it is, and how long it took."""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType


# Before that, the pace says nothing.
SECONDS_TO_TELL, SHARE_TO_TELL = 3.0, 0.02


def per_cent(share: float, seconds: float) -> str:
    """Return how far it is, and how long it will still take if it goes on as
    in the seconds until now: "41 %, about 3 min left"."""
    told = f"{min(99, int(100 * share))} %"
    if share < SHARE_TO_TELL or seconds < SECONDS_TO_TELL:
        return told
    left = seconds * (1 - min(share, 1)) / share
    if left >= 90:
        return f"{told}, about {round(left / 60)} min left"
    if left >= 1:
        return f"{told}, about {round(left)} s left"
    return told


class Step:
    """A step, as a context.  On a terminal the line is kept up to date;
    elsewhere there is one line when the step ends."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.done = ""
        self.start = time.monotonic()
        self.shown = 0.0

    def __enter__(self) -> Step:
        self._show("", "")
        return self

    def advance(self, detail: str, share: float | None = None) -> None:
        """Show how far it is: not more often than the eye can follow.

        `share` is the part that is done, from 0 to 1, if that is known; it is
        shown as per cent, with the time that is left at this pace."""
        now = time.monotonic()
        if now - self.shown > 0.1:
            self.shown = now
            if share is not None:
                detail = f"{detail} {per_cent(share, now - self.start)}".lstrip()
            self._show(detail, "")

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._show(self.done if kind is None else "stopped", "\n")

    def _show(self, detail: str, end: str) -> None:
        terminal = sys.stderr.isatty()
        if not terminal and not end:
            return
        seconds = time.monotonic() - self.start
        line = f"{self.title:<44}{seconds:7.1f} s  {detail}"
        if terminal:  # What is longer than a line could not be taken back.
            width = os.get_terminal_size(sys.stderr.fileno()).columns or 80
            line = line[:width - 1]
        print(f"\r\x1b[2K{line}" if terminal else line, end=end, file=sys.stderr, flush=True)
