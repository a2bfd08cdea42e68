# SPDX-License-Identifier: LGPL-2.1-or-later
"""Documents that have a part which is made of results, between two marks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from portzero.project import Failure


@dataclass(frozen=True)
class Marks:
    """The lines of a document around what is made."""

    document: Path
    begin: str
    end: str

    def parts(self, text: str) -> tuple[str, str, str]:
        """Return what stands before, between and behind the marks.

        Raises Failure if they are not there, once each."""
        if (text.count(self.begin) != 1 or text.count(self.end) != 1
                or text.index(self.begin) > text.index(self.end)):
            raise Failure(str(self.document),
                          "the marks around what is made are not there, once each",
                          "restore them (git log -p shows them)")
        before, _, rest = text.partition(self.begin)
        between, _, behind = rest.partition(self.end)
        return before, between, behind

    def put(self, made: str) -> None:
        """Write what was made into the document."""
        before, _, behind = self.parts(self.document.read_text())
        self.document.write_text(before + self.begin + made + self.end + behind)
