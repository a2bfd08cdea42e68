# SPDX-License-Identifier: LGPL-2.1-or-later
"""Judges observations: the only module that knows expectations.

It reads files and writes one, so a run can be judged again, and elsewhere.
The verdict on one observation at port 0:

conforms    it is what the standard answers; or, where the standard leaves it
            open, what the control shows
deviates    it is not, and deviations.toml says so, with these very values
differs     the standard leaves it open, and it is not what the control shows
unexpected  it is not what the standard answers, and nothing says why
fixed       it is what the standard answers, and deviations.toml denies that
skipped     it could not be tried here; the reason names what is missing
broken      it says nothing about port 0: the control does not conform, the
            variant crashed or hung, or something else ran than should have
"""

from __future__ import annotations

import fnmatch
import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from portzero.column_name import parse

# From bad to good: of several, a cell shows the first.
VERDICTS = ("broken", "unexpected", "fixed", "deviates", "differs", "skipped", "conforms")
# With these, the run is as expected.
EXPECTED = {"conforms", "deviates", "differs", "skipped"}

# By what an entry of deviations.toml says where it holds.
AXES = ("case", "step", "family", "protocol", "release", "kernel", "cell")

Record = dict[str, Any]


@dataclass(frozen=True)
class Deviation:
    """An entry of deviations.toml: where something known deviates, and how."""

    key: str
    responsible: str
    reason: str
    source: str
    where: tuple[dict[str, Any], ...]

    def place(self, column: str, record: Record) -> int | None:
        """Return which of its places speaks of the record, or None."""
        name = parse(column)
        record = {**record, "release": name.release, "kernel": name.kernel,
                  "cell": f"{name.libc}:{record['entry']}"}
        for number, place in enumerate(self.where):
            if all(_fits(record[axis], place.get(axis, ["*"])) for axis in AXES):
                return number
        return None


@dataclass
class Verdict:
    """What is to say of one observation at port 0, and why."""

    case: str
    step: str
    column: str
    family: str
    protocol: str
    entry: str
    verdict: str
    why: str = ""
    deviation: str = ""
    place: int = 0
    responsible: str = ""
    observed: Record = field(default_factory=dict)
    standard: Record | None = None


def _fits(value: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def read_deviations(path: Path) -> list[Deviation]:
    table = tomllib.loads(path.read_text())
    return [
        Deviation(entry["key"], entry["responsible"], entry["reason"], entry["source"],
                  tuple(entry["where"]))
        for entry in table["deviation"]
    ]


def read_records(path: Path) -> list[Record]:
    """Read the JSON lines that are about a test."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [record for record in records if "case" in record]


def _agrees(observed: Record, wanted: Record) -> bool:
    return all(observed.get(name) == value for name, value in wanted.items())


def _short(values: Record) -> str:
    if values.get("errno"):
        return values["errno"]
    if values.get("address"):
        return values["address"]
    return str(values.get("return"))


def _variant(record: Record) -> tuple[str, ...]:
    return tuple(record[axis] for axis in ("case", "family", "protocol", "entry"))


def _judge_one(column: str, zero: Record, control: Record | None,
               deviations: Iterable[Deviation]) -> Verdict:
    verdict = Verdict(zero["case"], zero["step"], column, zero["family"], zero["protocol"],
                      zero["entry"], "", observed=zero["observed"], standard=zero["standard"])
    observed, standard = zero["observed"], zero["standard"]
    if control is None:
        verdict.verdict, verdict.why = "broken", "the control did not get as far"
        return verdict
    if control["standard"] is not None and not _agrees(control["observed"], control["standard"]):
        verdict.verdict = "broken"
        verdict.why = (f"the control shows {_short(control['observed'])}, "
                       f"not {_short(control['standard'])}")
        return verdict

    known = None
    for deviation in deviations:
        place = deviation.place(column, zero)
        if place is not None:
            known = (deviation, place)
            break
    conforms = _agrees(observed, standard if standard is not None else control["observed"])
    if known:
        deviation, verdict.place = known
        announced = deviation.where[verdict.place]["observed"]
        verdict.deviation = deviation.key
        if conforms:
            verdict.verdict = "fixed"
            verdict.why = f"shows {_short(observed)}; take {deviation.key} off deviations.toml here"
        elif _agrees(observed, announced):
            verdict.verdict, verdict.responsible = "deviates", deviation.responsible
            verdict.why = deviation.reason
        else:
            verdict.verdict = "unexpected"
            verdict.why = f"{_short(observed)}, not {_short(announced)} as {deviation.key} says"
    elif conforms:
        verdict.verdict = "conforms"
    elif standard is None:
        verdict.verdict = "differs"
        verdict.why = f"{_short(observed)}, the control {_short(control['observed'])}"
    else:
        verdict.verdict = "unexpected"
        verdict.why = f"{_short(observed)}, not {_short(standard)}"
    return verdict


def _absent(column: str, record: Record) -> Verdict | None:
    """The verdict on a record that holds no observation, or None."""
    for kind in ("broken", "skipped"):
        if kind in record:
            port = "" if record["port"] == "zero" else "the control: "
            return Verdict(record["case"], "", column, record["family"], record["protocol"],
                           record["entry"], kind, port + record[kind])
    return None


def judge(column: str, records: list[Record], identity: dict[str, str],
          deviations: list[Deviation]) -> list[Verdict]:
    """Return the verdicts on a column's records.

    `identity` is what each record must prove to have run."""
    verdicts: list[Verdict] = []
    controls: dict[tuple[str, ...], Record] = {}
    silent: dict[tuple[str, ...], Verdict] = {}
    zeros: list[Record] = []
    for record in records:
        absence = _absent(column, record)
        if not _agrees(record["ran"], identity):
            what = next(name for name, value in identity.items()
                        if record["ran"].get(name) != value)
            verdicts.append(Verdict(record["case"], record.get("step", ""), column,
                                    record["family"], record["protocol"], record["entry"],
                                    "broken", f"{what} {record['ran'].get(what)} ran, "
                                    f"not {identity[what]}"))
        elif absence:
            # Once a variant, whether at port 0, at the control, or both.
            silent.setdefault((*_variant(record), absence.verdict), absence)
        elif record["port"] == "control":
            controls[(*_variant(record), record["step"])] = record
        else:
            zeros.append(record)
    verdicts += silent.values()
    explained = {key[:-1] for key in silent}
    for zero in zeros:
        control = controls.pop((*_variant(zero), zero["step"]), None)
        if control is not None or _variant(zero) not in explained:
            verdicts.append(_judge_one(column, zero, control, deviations))
    for key, control in controls.items():
        if _variant(control) not in explained:
            verdicts.append(Verdict(control["case"], control["step"], column, control["family"],
                                    control["protocol"], control["entry"], "broken",
                                    "only the control was observed"))
    return verdicts


def broken_column(column: str, why: str) -> Verdict:
    """The verdict on a column on which the suite did not come to its end."""
    return Verdict("(the suite)", "", column, "", "", "libc", "broken", why)


def by_question(records: list[Record]) -> dict[tuple[str, ...], Record]:
    """What was observed, by what was asked: case, step, variant, port."""
    return {(record["case"], record.get("step", ""), *_variant(record)[1:], record["port"]):
            record.get("observed", {kind: record[kind] for kind in ("broken", "skipped")
                                    if kind in record})
            for record in records}


def _stable(observed: Record | None) -> Record | None:
    """Without what differs from run to run: the ports that the system chose
    are in the bytes of a name."""
    return observed and {name: value for name, value in observed.items()
                         if name not in ("bytes", "address") or observed.get("address") is None}


def differences(first: dict[tuple[str, ...], Record],
                second: dict[tuple[str, ...], Record]) -> list[str]:
    """Return a line for each question that was not answered the same."""
    return [
        f"{' '.join(part for part in question if part)}: "
        f"{_short(first.get(question, {}))} -> {_short(second.get(question, {}))}"
        for question in sorted(first.keys() | second.keys())
        if _stable(first.get(question)) != _stable(second.get(question))
    ]


def dead(deviations: list[Deviation], verdicts: list[Verdict]) -> list[str]:
    """Return, as "KEY, CASE...", the places of deviations.toml that speak of
    columns in a complete run, but of nothing that was observed there."""
    met = {(verdict.deviation, verdict.place) for verdict in verdicts}
    cells = {(parse(verdict.column), verdict.entry) for verdict in verdicts}
    return [
        f"{deviation.key}, {' '.join(place.get('case', ['*']))}"
        for deviation in deviations
        for number, place in enumerate(deviation.where)
        if (deviation.key, number) not in met
        and any(_fits(f"{name.libc}:{entry}", place.get("cell", ["*"]))
                and _fits(name.kernel, place.get("kernel", ["*"]))
                and _fits(name.release, place.get("release", ["*"])) for name, entry in cells)
    ]


def worst(verdicts: Iterable[str]) -> str:
    """Of several verdicts, the one that a cell shows."""
    return min(verdicts, key=VERDICTS.index)


def responsible(verdicts: list[Verdict]) -> str:
    """Read off a case's verdicts on one column who is responsible: compare
    each variant through the libc's wrapper with the same past it.

    kernel  the system call deviates, and the wrapper no differently
    libc    only the wrapper does
    both    each does in its own way"""
    pairs: dict[tuple[str, ...], dict[str, Verdict]] = defaultdict(dict)
    for verdict in verdicts:
        if verdict.observed:
            pairs[(verdict.family, verdict.protocol, verdict.step)][verdict.entry] = verdict
    blamed = set()
    for pair in pairs.values():
        wrong = {entry for entry, verdict in pair.items()
                 if verdict.verdict in ("deviates", "unexpected")}
        if wrong == {"libc"}:
            blamed.add("libc")
        elif wrong == {"libc", "syscall"} and pair["libc"].observed != pair["syscall"].observed:
            blamed.add("both")
        elif wrong:
            blamed.add("kernel")
    if len(blamed) > 1:
        return "both"
    return blamed.pop() if blamed else ""


def write_verdicts(path: Path, verdicts: list[Verdict]) -> None:
    path.write_text("".join(json.dumps(asdict(verdict)) + "\n" for verdict in verdicts))
