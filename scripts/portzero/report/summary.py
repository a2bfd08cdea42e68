# SPDX-License-Identifier: LGPL-2.1-or-later
"""What there is to show of a run, whatever it is shown on: the cells of the
grid, columns that answer alike, what each column's number of cases is, and
what is not as expected.  It knows neither colours nor HTML."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from portzero.column_name import parse
from portzero.judge import EXPECTED, Verdict, repairs, responsible, worst

ENTRIES = ("libc", "syscall")


@dataclass(frozen=True)
class Cell:
    """What a cell shows: the worst verdict on its observations, on how many of
    them it holds, and how many there are."""

    verdict: str
    count: int
    told: int

    @property
    def partly(self) -> bool:
        """Whether the verdict does not hold on all observations."""
        return self.count != self.told


def cell(verdicts: Iterable[str]) -> Cell | None:
    """Return what a cell shows of these verdicts, or None if there are none.

    What was skipped counts only where nothing else was observed."""
    counts = Counter(verdicts)
    if not counts:
        return None
    told = {kind: count for kind, count in counts.items() if kind != "skipped"} or counts
    shown = worst(told)
    return Cell(shown, told[shown], sum(told.values()))


def described(columns: Iterable[str], with_release: bool) -> str:
    """Name several columns in few words: "distro, stock on host, linux-stock".

    Columns are put together only where every libc named has every kernel
    named, so the words say exactly which columns are meant."""
    kernels: dict[tuple[str, str], list[str]] = defaultdict(list)
    for name in map(parse, columns):
        kernels[(name.release if with_release else "", name.libc)].append(name.kernel)
    libcs: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (release, libc), found in kernels.items():
        libcs[(release, tuple(found))].append(libc)
    releases: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    for (release, found), names in libcs.items():
        releases[(tuple(names), found)].append(release)
    return "; ".join(
        f"{', '.join(filter(None, where))}{': ' if any(where) else ''}"
        f"{', '.join(names)} on {', '.join(found)}"
        for (names, found), where in releases.items())


class Summary:
    """A run's verdicts, put in order."""

    def __init__(self, columns: list[str], verdicts: list[Verdict], dead: list[str]) -> None:
        self.columns = columns
        self.verdicts = verdicts
        self.counts = Counter(verdict.verdict for verdict in verdicts)
        self.complaints = [*_complaints(verdicts), *(
            f"dead: {entry}: nothing of the kind was observed; take it off deviations.toml"
            for entry in dead)]
        if not columns or not verdicts:
            self.complaints.append("empty: there is no cell to show; run ./portzero matrix")
        self._asked: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
        for verdict in verdicts:
            self._asked[(verdict.case, verdict.column)].append(verdict)
        # In the order in which the cases stand in the suite, call by call.
        known = dict.fromkeys(verdict.case for verdict in verdicts)
        calls = dict.fromkeys(case.split("/")[0] for case in known)
        self.calls = {call: [case for case in known if case.split("/")[0] == call]
                      for call in calls}
        self.cells = {
            (case, column, entry): cell(verdict.verdict for verdict in found
                                        if verdict.entry == entry)
            for (case, column), found in self._asked.items() for entry in ENTRIES}
        self._blamed = {key: responsible(found) for key, found in self._asked.items()}

    @property
    def cases(self) -> list[str]:
        """All cases, in the order of the grid."""
        return [case for cases in self.calls.values() for case in cases]

    @property
    def many_releases(self) -> bool:
        """Whether the columns are of more than one release."""
        return len({parse(column).release for column in self.columns}) > 1

    @property
    def as_expected(self) -> bool:
        """Whether nothing is to be complained about."""
        return not self.complaints

    def pair(self, case: str, column: str) -> tuple[Cell | None, ...]:
        """What a column shows of a case: through the libc, by the system call."""
        return tuple(self.cells.get((case, column, entry)) for entry in ENTRIES)

    def responsible(self, case: str, columns: Iterable[str] | None = None) -> str:
        """Who is responsible for what a case shows on these columns (default:
        all): "kernel", "libc", "both", or "" if nobody is."""
        blamed = {self._blamed.get((case, column), "") for column in columns or self.columns}
        blamed -= {""}
        return "both" if len(blamed) > 1 else "".join(blamed)

    def repairs(self, case: str) -> str:
        """What alone makes conform what a case shows: "kernel" (no libc does),
        "opt-in" (of the libcs, only the one that was told to), or ""."""
        return repairs([verdict for column in self.columns
                        for verdict in self._asked.get((case, column), [])])

    def kind(self, case: str) -> str:
        """The worst verdict that a case shows on any column, as far as it could
        be tried."""
        seen = [shown.verdict for column in self.columns for shown in self.pair(case, column)
                if shown]
        return worst([verdict for verdict in seen if verdict != "skipped"] or ["skipped"])

    def plain(self, case: str) -> bool:
        """Whether a case conforms on every column, as far as it could be tried."""
        return self.kind(case) == "conforms"

    def alike(self) -> list[list[str]]:
        """Return the columns, those together that show the same in each cell."""
        groups: dict[tuple[object, ...], list[str]] = defaultdict(list)
        for column in self.columns:
            groups[tuple((shown and (shown.verdict, shown.partly))
                         for case in self.cases for shown in self.pair(case, column))
                   ].append(column)
        return list(groups.values())

    def tally(self, column: str) -> Counter[str]:
        """Return how many cases show what on a column, as an application sees
        it, through the libc; of deviations, who is responsible: "conforms",
        "deviates (kernel)", "unexpected", ..."""
        found: Counter[str] = Counter()
        for case in self.cases:
            shown = self.cells.get((case, column, "libc"))
            if shown is None:
                continue
            blamed = self._blamed.get((case, column), "")
            found[f"{shown.verdict} ({blamed})" if shown.verdict == "deviates" and blamed
                  else shown.verdict] += 1
        return found

    def deviations(self) -> dict[str, Verdict]:
        """Of each deviation that was seen, one verdict."""
        return {verdict.deviation: verdict for verdict in sorted(
            self.verdicts, key=lambda verdict: verdict.deviation)
            if verdict.verdict == "deviates"}

    def by_call(self) -> Summary:
        """The same with one row a call instead of one a case."""
        found = [replace(verdict, case=f"calls/{verdict.case.partition('/')[0]}")
                 for verdict in self.verdicts]
        summary = Summary(self.columns, found, [])
        summary.complaints = self.complaints
        return summary

    def as_json(self) -> dict[str, object]:
        """The result for programs: {"as_expected": bool, "complaints": [text],
        "columns": {name: {"cases": number of each of tally()}}, "verdicts":
        number of each, "cases": {case: {column: {"libc": verdict, "syscall":
        verdict, "responsible": who}}}, "repaired_by": {case: what
        alone does it}, "deviations": {key: ...}}."""
        return {
            "as_expected": self.as_expected, "complaints": self.complaints,
            "columns": {column: {"cases": dict(self.tally(column))} for column in self.columns},
            "verdicts": dict(self.counts),
            "cases": {case: {column: {
                **{entry: shown and shown.verdict
                   for entry, shown in zip(ENTRIES, self.pair(case, column), strict=True)},
                "responsible": self.responsible(case, [column])}
                for column in self.columns} for case in self.cases},
            "repaired_by": {case: found for case in self.cases if (found := self.repairs(case))},
            "deviations": {key: {"responsible": verdict.responsible, "reason": verdict.why}
                           for key, verdict in self.deviations().items()},
        }

    def missing(self) -> Counter[str]:
        """What was skipped for want of what, and how often."""
        return Counter(verdict.why for verdict in self.verdicts if verdict.verdict == "skipped")


def _complaints(verdicts: list[Verdict]) -> list[str]:
    """What is not as expected, the same thing told once."""
    places: dict[tuple[str, str, str], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.verdict not in EXPECTED:
            places[(verdict.verdict, verdict.case, verdict.why)].append(verdict)
    lines = []
    for (kind, case, why), found in sorted(places.items()):
        first = found[0]
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        step = f" ({first.step})" if first.step else ""
        lines.append(f"{kind}: {case}{step}: {why} [{first.column}, {first.family}, "
                     f"{first.protocol}, {first.entry}{more}]")
    return lines
