# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tells the user which step runs, how far it is, and how long it took."""

from __future__ import annotations

import sys
import time
from types import TracebackType


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

    def advance(self, detail: str) -> None:
        """Show how far it is: not more often than the eye can follow."""
        now = time.monotonic()
        if now - self.shown > 0.1:
            self.shown = now
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
        print(f"\r\x1b[2K{line}" if terminal else line, end=end, file=sys.stderr, flush=True)
