# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows results: the only package that knows colours and HTML."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from portzero import parallel
from portzero.project import OUT
from portzero.report import junit, page
from portzero.report.model import Model, Ran, read_programs
from portzero.report.summary import Summary
from portzero.report.terminal import print_report

PAGE = OUT / "report/index.html"


@dataclass(frozen=True)
class Style:
    """How the user wants to be told."""

    everything: bool = False  # Each column and case its own place.
    quiet: bool = False  # Only what is not as expected, and the last line.
    json: bool = False  # One JSON object, for programs.
    calls: bool = False  # A row for each call instead of each case.


@contextlib.contextmanager
def publishing(model: Model, dead: list[str], junit_path: Path, page_path: Path = PAGE,
               more: Callable[[], object] = lambda: None) -> Iterator[Summary]:
    """Write the page and the JUnit file, and do what there is `more`, while the
    caller does something with the summary of the last run.

    `dead` are the places of deviations.toml that met nothing."""
    summary = Summary([column.name for column in model.last],
                      [verdict for column in model.last for verdict in column.verdicts], dead)
    model.complaints = summary.complaints

    def others() -> None:
        junit.write(summary, junit_path)
        more()

    with parallel.beside(lambda: page.write(model, page_path, summary), others):
        yield summary


def show(summary: Summary, style: Style = Style()) -> bool:
    """Tell the result of a run on standard output; return whether all is as
    expected."""
    if style.json:
        print(json.dumps(summary.as_json()))
        return summary.as_expected
    if style.calls:
        summary = summary.by_call()
    return print_report(summary, everything=style.everything, quiet=style.quiet)


__all__ = ["PAGE", "Model", "Ran", "Style", "Summary", "publishing", "read_programs",
           "show"]
