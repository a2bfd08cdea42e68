# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the suite observed, as it wrote it: reads and checks the lines.

Whether all is there is proved from the lines themselves.  The first says how
many cases and variants were asked for, each case how many variants and
records it had, the last that it is the last."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from portzero.project import Failure

# As in tests/conformance/core/emit.c.
FORMAT = 2
RAN = ',"ran":'

Record = dict[str, Any]

_axes: Callable[[Record], tuple[str, ...]] = operator.itemgetter(
    "case", "family", "protocol", "entry", "port")


@dataclass
class Observations:
    """A run of the suite: what it was asked, and what it observed."""

    digest: str = ""  # Of all cases of the suite.
    pattern: str = "*"  # Of those that were asked.
    ran: dict[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    # The cases that came to their end, with the number of their variants.
    asked: dict[str, int] = field(default_factory=dict)
    # How many variants there are in all, and how many of them were asked for.
    all_variants: int = 0
    variants: int = 0
    # Why it is not all that was asked for; "" if it is.
    flaw: str = ""

    @property
    def partial(self) -> bool:
        """Whether only some cases were asked for."""
        return self.variants != self.all_variants


class _Reader:
    """Takes lines one after the other."""

    def __init__(self, name: str, advice: str) -> None:
        self.name, self.advice = name, advice
        self.number = 0
        self.found = Observations()
        self.begun = self.ended = False
        self.in_case: list[Record] = []
        self.total = 0
        self.end, self.ran = "", {}

    def failure(self, why: str, advice: str = "") -> Failure:
        return Failure(f"{self.name}:{self.number}", why, advice or self.advice)

    def flaw(self, why: str) -> None:
        self.found.flaw = self.found.flaw or f"line {self.number}: {why}"

    def take(self, line: str) -> None:
        self.number += 1
        if not line.endswith("\n"):
            raise self.failure("the line is cut off")
        try:
            record = self._record(line)
        except ValueError:
            raise self.failure("this is not JSON") from None
        try:
            if not isinstance(record, dict):
                raise self.failure("this is no record of the suite")
            if "suite" in record:
                self._begin(record)
            elif not self.begun:
                raise self.failure("the suite's first record is missing: these are observations "
                                   "of another version, or no observations")
            elif self.ended:
                raise self.failure("there is something after the suite's last record")
            elif "case" in record:
                self._observation(record)
            elif "ended" in record:
                self._end_of_case(record)
            elif "end" in record:
                self._end(record)
            else:
                raise self.failure("this is no record of the suite")
        except (KeyError, TypeError) as error:
            raise self.failure(f"this is no whole record of the suite ({error})") from None

    def _record(self, line: str) -> Any:
        """What a line says.  What ran is at the end of each, and the same in nearly
        all: it is read once, as that is a third of the work and half of the
        memory.  (No string holds RAN: a quote in one has a backslash before it.)"""
        where = line.rfind(RAN)
        if where < 0:
            return json.loads(line)
        if line[where:] == self.end:
            record = json.loads(line[:where] + "}")
            record["ran"] = self.ran
            return record
        record = json.loads(line)
        if isinstance(record, dict) and line[where + len(RAN):-2] == json.dumps(
                record.get("ran"), separators=(",", ":"), ensure_ascii=False):
            self.end, self.ran = line[where:], record["ran"]
        return record

    def _begin(self, record: Record) -> None:
        if self.begun:
            raise self.failure("a second run begins here", "give each run a file of its own")
        about = record["suite"]
        if about["format"] != FORMAT:
            raise self.failure("these are observations of another version of the suite (format "
                               f"{about['format']}, not {FORMAT})")
        self.begun = True
        self.found.digest, self.found.pattern = about["digest"], about["pattern"]
        self.found.variants, self.found.all_variants = about["variants"], about["all_variants"]
        self.found.ran = dict(record["ran"])
        if not 0 < self.found.variants <= self.found.all_variants:
            raise self.failure(f"{self.found.variants} of {self.found.all_variants} variants "
                               "cannot be")

    def _observation(self, record: Record) -> None:
        if set(map(type, _axes(record))) != {str}:
            raise TypeError("not text")
        if record["port"] not in ("zero", "control"):
            raise self.failure(f"the port is '{record['port']}', not zero or control")
        dict(record["ran"])
        if not ("broken" in record or "skipped" in record):
            dict(record["observed"])
            record["step"], dict(record["standard"] or {})
        self.found.records.append(record)
        self.in_case.append(record)
        self.total += 1

    def _end_of_case(self, record: Record) -> None:
        case, records, variants = record["ended"], record["records"], record["variants"]
        if case in self.found.asked:
            raise self.failure(f"case {case} ends a second time")
        own = [found for found in self.in_case if found["case"] == case]
        seen = set(map(_axes, own))
        if len(own) != len(self.in_case):
            self.flaw(f"records of other cases are among those of {case}")
        elif len(own) < records:
            self.flaw(f"case {case} has {len(own)} of {records} records")
        elif len(seen) != variants:
            self.flaw(f"case {case} has observed something on {len(seen)} of {variants} variants")
        self.found.asked[case] = variants
        self.in_case = []

    def _end(self, record: Record) -> None:
        about = record["end"]
        if (about["cases"] != len(self.found.asked) or self.in_case
                or about["variants"] != sum(self.found.asked.values())
                or about["variants"] != self.found.variants or self.total < about["records"]):
            self.flaw(f"there are {self.total} records of {len(self.found.asked)} cases, not "
                      f"{about['records']} of {about['cases']}")
        self.ended = True

    def finish(self) -> Observations:
        if not self.begun:
            self.number = max(self.number, 1)
            raise self.failure("it is empty")
        if not self.ended:
            self.flaw(f"it ends here, after {sum(self.found.asked.values())} of "
                      f"{self.found.variants} variants")
        return self.found


def parse(name: str, lines: Iterable[str], advice: str, before: int = 0) -> Observations:
    """Return what the lines of a file say, after the first `before` of it.

    Raises Failure with the file's name and line if they are not the suite's."""
    reader = _Reader(name, advice)
    reader.number = before
    for line in lines:
        reader.take(line)
    return reader.finish()
