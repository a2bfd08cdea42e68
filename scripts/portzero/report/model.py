# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the page holds: all observations of all columns, each distinct one
once, and what is read off them for the top of the page.

The same answer is given thousands of times, so a column is a list of numbers
of outcomes, in the order of the questions; an outcome is made of numbers of
values.  No HTML here."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portzero.column_name import ADDED, ColumnName, parse
from portzero.judge import VERDICTS, Deviation, Record, Verdict, stable, worst
from portzero.programs.files import COLUMNS
from portzero.report.summary import ENTRIES

@dataclass
class Ran:
    """A column of a run: what it is, and what it answered."""

    name: str
    identity: dict[str, str]
    records: list[Record]
    verdicts: list[Verdict]
    run: str = ""  # The name of a saved run; "" is the last one.
    when: str = ""  # ISO 8601, UTC.
    seconds: float | None = None
    pattern: str = "*"  # Which cases were asked.

    @property
    def label(self) -> str:
        """What tells it from all other columns."""
        return f"{self.run}@{self.name}" if self.run else self.name

    @property
    def parts(self) -> ColumnName:
        """Its release, libc and kernel."""
        return parse(self.name)

    def command(self) -> str:
        """The command that runs one case on this column alone, without the
        case's name at its end; "" if it was observed elsewhere."""
        if self.parts.kernel == ADDED:
            return ""
        release = f" --release {self.parts.release}" if ":" in self.name else ""
        return (f"./portzero matrix{release} --libc {self.parts.libc} "
                f"--kernel {self.parts.kernel} --case")


class _Table:
    """Gives each distinct thing a number, in the order of arrival."""

    def __init__(self) -> None:
        self.numbers: dict[Hashable, int] = {}
        self.things: list[Any] = []

    def number(self, thing: Any, key: Hashable = None) -> int:
        """The number of a thing; `key` stands for it if it is not hashable."""
        key = thing if key is None else key
        number = self.numbers.get(key)
        if number is None:
            number = self.numbers[key] = len(self.things)
            self.things.append(thing)
        return number


def _ordered(records: Iterable[Record]) -> dict[tuple[str, ...], dict[str, Record]]:
    """The records by question, each with those at port 0 and at the control."""
    found: dict[tuple[str, ...], dict[str, Record]] = defaultdict(dict)
    for record in records:
        found[(record["case"], record.get("step", ""), record["family"], record["protocol"],
               record["entry"])][record["port"]] = record
    return found


# Of a transcript, how many characters of its start and end the page holds, and
# up to which size a picture (a browser's error page takes 50,000 bytes).
TRANSCRIPT_START, TRANSCRIPT_END = 3000, 2000
PICTURE_BYTES = 200_000
PNG = b"\x89PNG\r\n\x1a\n"
PICTURE = re.compile(r"^picture ([a-z0-9-]+): .*\n?", re.MULTILINE)
SEEN = re.compile(r"^text: (.+)$", re.MULTILINE)


def _pictures(file: Path, text: str) -> list[tuple[str, str, str]]:
    """The pictures that a transcript names, which lie beside it: of each its
    name, a PNG file in base64, and what the transcript says can be read on it.

    One that is too large, or gone, or no picture has the reason for its text,
    and no file."""
    found, start = [], 0
    for line in PICTURE.finditer(text):
        path = file.with_name(f"{file.name}.{line[1]}.png")
        picture = path.read_bytes() if path.exists() else b""
        words = " ".join(SEEN.findall(text[start:line.start()]))
        start = line.end()
        if not picture.startswith(PNG):
            found.append((line[1], "", f"{path.name} is gone"))
        elif len(picture) > PICTURE_BYTES:
            found.append((line[1], "", f"{path.name} is left off: it has {len(picture)} bytes"))
        else:
            found.append((line[1], base64.b64encode(picture).decode(), words))
    return found


def read_programs(path: Path) -> list[dict[str, Any]]:
    """Return what real programs showed: the records of portzero.programs, with
    their transcripts' texts ("zero", "control") and pictures ("zero pictures",
    "control pictures") beside the paths.

    An empty list if none were run."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        for port, name in record.get("transcripts", {}).items():
            # Its name is told from the folder above that of the results.
            file = path.parent.parent / name
            text = file.read_text(errors="replace") if file.exists() else f"{name} is gone"
            record[f"{port} pictures"] = _pictures(file, text)
            text = PICTURE.sub("", text)
            left_off = len(text) - TRANSCRIPT_START - TRANSCRIPT_END
            if left_off > 0:
                text = (f"{text[:TRANSCRIPT_START]}\n[{left_off} characters left off; all are in "
                        f"{name}]\n{text[-TRANSCRIPT_END:]}")
            record[port] = text
        found.append(record)
    # Columns in the order in which the terminal has them.
    places = {column: place for place, column in enumerate(COLUMNS)}
    return sorted(found, key=lambda record: places.get(record["column"], len(places)))


@dataclass
class Model:
    """All that the page shows."""

    columns: list[Ran]
    declarations: dict[str, dict[str, Any]]  # Of each case, what the suite's --list says.
    deviations: list[Deviation]
    complaints: list[str] = field(default_factory=list)
    programs: list[dict[str, Any]] = field(default_factory=list)

    def data(self) -> dict[str, Any]:
        """All of it, to be embedded as JSON; read by page/data.js."""
        cases, steps, families, protocols = _Table(), _Table(), _Table(), _Table()
        texts, calls, values, steady, outcomes = (_Table() for _ in range(5))
        texts.number("")
        questions = _Table()
        sames: list[int] = []

        def value(found: Record | None) -> int:
            if found is None:
                return -1
            key: Hashable = tuple(found.items())
            try:  # Most have been met before: by far the quickest key.
                number = values.number(found, key)
            except TypeError:  # What no suite of ours writes: a list in it.
                number = values.number(found, json.dumps(found, sort_keys=True))
            if number == len(sames):
                plain = stable(found)
                sames.append(steady.number(plain, json.dumps(plain, sort_keys=True)))
            return number

        columns = []
        for column in self.columns:
            judged: dict[tuple[str, ...], Verdict] = {}
            for verdict in column.verdicts:  # Of several on one question, the first tells most.
                judged.setdefault(_question(verdict), verdict)
            asked = _ordered(column.records)
            answers: dict[int, int] = {}
            for key, verdict in judged.items():
                case, step, family, protocol, entry = key
                pair = asked.get(key, {})
                zero, control = pair.get("zero", {}), pair.get("control", {})
                number = questions.number((cases.number(case), steps.number(step),
                                           families.number(family), protocols.number(protocol),
                                           ENTRIES.index(entry)))
                answers[number] = outcomes.number((
                    value(zero.get("observed")), value(control.get("observed")),
                    value(zero.get("standard")), value(control.get("standard")),
                    VERDICTS.index(verdict.verdict), texts.number(verdict.why),
                    texts.number(verdict.deviation), texts.number(verdict.responsible),
                    calls.number(zero.get("observed_call", ""))))
            columns.append({
                "name": column.label, "run": column.run, "release": column.parts.release,
                "libc": column.parts.libc, "kernel": column.parts.kernel,
                "command": column.command(), "answers": answers})
        for column_data in columns:
            answers = column_data["answers"]
            column_data["answers"] = [answers.get(number, -1)
                                      for number in range(len(questions.things))]
        transcripts, pictures = _Table(), _Table()
        pictures.number("")
        programs = [{**{key: record.get(key, "") for key in
                        ("program", "what", "kind", "column", "verdict", "why")},
                     **{port: transcripts.number(record[port]) for port in ("zero", "control")
                        if port in record},
                     # A browser shows much the same on all columns: each picture once.
                     **{f"{port}Pictures": [
                         (name, pictures.number(picture), words) for name, picture, words
                         in record.get(f"{port} pictures", [])] for port in ("zero", "control")}}
                    for record in self.programs]
        return {
            "programs": programs, "transcripts": transcripts.things,
            "pictures": pictures.things,
            "cases": [[case, self.declarations.get(case, {}).get("question", ""),
                       self.declarations.get(case, {}).get("basis", "")] for case in cases.things],
            "steps": steps.things, "families": families.things, "protocols": protocols.things,
            "entries": ENTRIES, "verdicts": VERDICTS,
            "questions": [list(axis) for axis in zip(*questions.things, strict=True)],
            "values": values.things, "stable": sames, "texts": texts.things,
            "calls": calls.things, "outcomes": [list(outcome) for outcome in outcomes.things],
            "deviations": {deviation.key: [deviation.responsible, deviation.reason,
                                           deviation.source] for deviation in self.deviations},
            "columns": columns,
        }

    @property
    def last(self) -> list[Ran]:
        """The columns of the last run."""
        return [column for column in self.columns if not column.run]

    def repairs(self) -> list[Repair]:
        """What each patched libc and kernel repairs, deviation by deviation."""
        by_name = {column.parts: column for column in self.last}
        found: dict[tuple[str, str], Repair] = {}
        for column in self.last:
            release, libc, kernel = column.parts.release, column.parts.libc, column.parts.kernel
            pairs = []
            if libc.startswith(("patched", "preload")):
                pairs.append((libc, "libc", ColumnName(release, "stock", kernel)))
            if kernel == "linux-patched":
                pairs.append((kernel, "kernel", ColumnName(release, libc, "linux-stock")))
            for what, axis, before in pairs:
                # Either one alone: not what the other has repaired already.
                other = kernel if axis == "libc" else libc
                if before in by_name and "patched" not in other and other != "preload":
                    repair = found.setdefault((axis, what), Repair(axis, what))
                    repair.count(by_name[before], column)
        return list(found.values())


@dataclass
class Repair:
    """What a patched libc or kernel does about each deviation, as counts of
    questions asked through the libc: (those that deviate without it, those of
    them that conform with it), and what conforms without it only."""

    axis: str
    name: str
    before: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    harmed: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def count(self, without: Ran, having: Ran) -> None:
        """Count one pair of columns."""
        self.pairs.append((without.name, having.name))
        after = {_question(verdict): verdict for verdict in having.verdicts}
        for verdict in without.verdicts:
            now = after.get(_question(verdict))
            if now is None or verdict.entry != "libc":
                continue
            if verdict.verdict == "deviates":
                self.before[verdict.deviation] += 1
                self.mended[verdict.deviation] += now.verdict == "conforms"
            elif verdict.verdict == "conforms" and now.verdict in ("deviates", "unexpected"):
                self.harmed += 1

    def where(self) -> str:
        """On which kernels, or with which libcs, that was counted."""
        names = dict.fromkeys(parse(having).kernel if self.axis == "libc" else parse(having).libc
                              for _, having in self.pairs)
        return f"{'on' if self.axis == 'libc' else 'with'} {', '.join(names)}"

    def of(self, key: str) -> str:
        """In words: "all", "none", "212 of 340"."""
        before, mended = self.before[key], self.mended[key]
        if not before:
            return "not seen"
        return {0: "none", before: "all"}.get(mended, f"{mended} of {before}")


def _question(verdict: Verdict) -> tuple[str, ...]:
    return (verdict.case, verdict.step, verdict.family, verdict.protocol, verdict.entry)


def worst_of(counts: Counter[str]) -> str:
    """Of a column's number of cases by verdict (Summary.tally()), the worst."""
    return worst(kind.split(" ")[0] for kind in counts)
