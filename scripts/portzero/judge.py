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

import json
import operator
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from portzero.column_name import ColumnName, parse, split
from portzero.deviations import Deviation, Ledger, covers, fits, speaks_of
from portzero.deviations import read_deviations as read_deviations

# From bad to good: of several, a cell shows the first.
VERDICTS = ("broken", "unexpected", "fixed", "deviates", "differs", "skipped", "conforms")
# With these, the run is as expected.
EXPECTED = {"conforms", "deviates", "differs", "skipped"}
# The kernel gives such ports to those who ask for none (Linux's default
# net.ipv4.ip_local_port_range); they differ from run to run.
EPHEMERAL = range(32768, 61000)
# What stands for the case where a whole column says nothing.
WHOLE = "(the suite)"

Record = dict[str, Any]


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


def read_records(path: Path) -> list[Record]:
    """Read those of the suite's lines that are about a test."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [record for record in records if "case" in record]


def _agrees(observed: Record, wanted: Record) -> bool:
    # (A loop: all() of a generator takes twice as long, a million times.)
    for name, value in wanted.items():
        if observed.get(name) != value:
            return False
    return True


def short(values: Record) -> str:
    """The values of an observation in one word."""
    if values.get("errno"):
        return values["errno"]
    if values.get("address"):
        return values["address"]
    return str(values.get("return"))


_variant: Callable[[Record], tuple[str, ...]] = operator.itemgetter(
    "case", "family", "protocol", "entry")
_question: Callable[[Record], tuple[str, ...]] = operator.itemgetter(
    "family", "protocol", "entry", "port")


def _judge_one(column: str, like: ColumnName, zero: Record, control: Record | None,
               ledger: Ledger) -> Verdict:
    verdict = Verdict(zero["case"], zero["step"], column, zero["family"], zero["protocol"],
                      zero["entry"], "", observed=zero["observed"], standard=zero["standard"])
    observed, standard = zero["observed"], zero["standard"]
    if control is None:
        verdict.verdict, verdict.why = "broken", "the control did not get as far"
        return verdict
    if control["standard"] is not None and not _agrees(control["observed"], control["standard"]):
        verdict.verdict = "broken"
        verdict.why = (f"the control shows {short(control['observed'])}, "
                       f"not {short(control['standard'])}")
        return verdict

    known = ledger.known(like, zero)
    conforms = _agrees(observed, standard if standard is not None else control["observed"])
    if known:
        deviation, verdict.place = known
        announced = deviation.where[verdict.place]["observed"]
        verdict.deviation = deviation.key
        if conforms:
            verdict.verdict = "fixed"
            advice = (f"take {deviation.key} off deviations.toml here" if str(like) == column else
                      f"{deviation.key}, known of {like}, does not hold here")
            verdict.why = f"shows {short(observed)}; {advice}"
        elif _agrees(observed, announced):
            verdict.verdict, verdict.responsible = "deviates", deviation.responsible
            verdict.why = deviation.reason
        else:
            verdict.verdict = "unexpected"
            verdict.why = f"{short(observed)}, not {short(announced)} as {deviation.key} says"
    elif conforms:
        verdict.verdict = "conforms"
    elif standard is None:
        verdict.verdict = "differs"
        verdict.why = f"{short(observed)}, the control {short(control['observed'])}"
    else:
        verdict.verdict = "unexpected"
        verdict.why = f"{short(observed)}, not {short(standard)}"
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
          deviations: list[Deviation], like: str = "") -> list[Verdict]:
    """Return the verdicts on a column's records.

    `identity` is what each record must prove to have run; what is known of
    the column `like` is also known of this one."""
    ledger = Ledger(deviations)
    kind = parse(like or column)
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
            verdicts.append(_judge_one(column, kind, zero, control, ledger))
    for key, control in controls.items():
        if _variant(control) not in explained:
            verdicts.append(Verdict(control["case"], control["step"], column, control["family"],
                                    control["protocol"], control["entry"], "broken",
                                    "only the control was observed"))
    # In the order of the suite, whatever could not be tried.
    order = {case: number for number, case in enumerate(
        dict.fromkeys(record["case"] for record in records))}
    return sorted(verdicts, key=lambda verdict: order[verdict.case])


def broken_column(column: str, why: str) -> Verdict:
    """The verdict on a column on which the suite did not come to its end."""
    return Verdict(WHOLE, "", column, "", "", "libc", "broken", why)


def by_question(records: Iterable[Record]) -> dict[tuple[str, ...], Record]:
    """What was observed, by what was asked: case, step, variant, port."""
    return {(record["case"], record.get("step", ""), *_question(record)):
            record.get("observed", {kind: record[kind] for kind in ("broken", "skipped")
                                    if kind in record})
            for record in records}


def stable(value: Record) -> Record:
    """An observed value without what differs from run to run: the ports that
    the kernel chose."""
    address = value.get("address")
    text = address.rpartition(":")[2] if address else ""
    if not text.isdecimal() or int(text) not in EPHEMERAL:
        return value
    data = value.get("bytes", "")
    return {**value, "address": f"{address.rpartition(':')[0]}:*",
            "bytes": f"{data[:4]}****{data[8:]}"}


def differences(first: dict[tuple[str, ...], Record],
                second: dict[tuple[str, ...], Record]) -> list[dict[str, Any]]:
    """Return each question that was not answered the same, with both answers
    (None where it was not asked)."""
    differing = [question for question in first.keys() | second.keys()
                 if not _same(first.get(question), second.get(question))]
    return [{"question": question, "first": first.get(question), "second": second.get(question)}
            for question in sorted(differing)]


def _same(first: Record | None, second: Record | None) -> bool:
    if first is None or second is None:
        return first is second
    return first == second or stable(first) == stable(second)


def as_text(difference: dict[str, Any]) -> str:
    """A difference as a line."""
    question = " ".join(part for part in difference["question"] if part)
    return f"{question}: {' -> '.join(answers(difference))}"


def answers(difference: dict[str, Any]) -> tuple[str, str]:
    """Both answers in words that are not the same."""
    first, second = difference["first"], difference["second"]
    told = _answer(first), _answer(second)
    if told[0] != told[1] or first is None or second is None:
        return told
    names = [name for name in sorted(first.keys() | second.keys())
             if stable(first).get(name) != stable(second).get(name)]
    return (", ".join(f"{name} {first.get(name)}" for name in names),
            ", ".join(f"{name} {second.get(name)}" for name in names))


def _answer(observed: Record | None) -> str:
    if observed is None:
        return "not asked"
    for kind in ("broken", "skipped"):
        if kind in observed:
            return f"{kind} ({observed[kind]})"
    return short(observed)


def dead(deviations: list[Deviation], verdicts: list[Verdict]) -> list[str]:
    """Return, as "KEY, CASE...", the places of the ledger that speak of columns
    and cases in a complete run, but of nothing that was observed there.  Where something
    that one could speak of could not be observed, nobody can tell."""
    met = {(verdict.deviation, verdict.place) for verdict in verdicts if verdict.deviation}
    lost = {verdict.column for verdict in verdicts if verdict.case == WHOLE}
    of_column: dict[str, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.column not in lost:
            of_column[verdict.column].append(verdict)
    cells = [(parse(column), entry, column, {verdict.case for verdict in own})
             for column, own in of_column.items() for entry in {verdict.entry for verdict in own}]
    found = []
    for deviation in deviations:
        for number, place in enumerate(deviation.where):
            if (deviation.key, number) in met:
                continue
            speaks = [(entry, column) for name, entry, column, cases in cells
                      if speaks_of(place, name, entry)
                      and any(fits(case, place.get("case", ["*"])) for case in cases)]
            if not speaks:
                continue
            silent = any(
                verdict.entry == entry and verdict.verdict in ("skipped", "broken")
                and covers(place, vars(verdict), ("case", "family", "protocol"))
                for entry, column in speaks for verdict in of_column[column])
            if not silent:
                found.append(f"{deviation.key}, {' '.join(place.get('case', ['*']))}")
    return found


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


def repairs(verdicts: list[Verdict]) -> str:
    """Read off a case's verdicts on all columns what it takes to make conform
    what deviates through the libc: "kernel" if a kernel does it and no libc,
    not even patched-accept, "opt-in" if patched-accept does and patched does
    not; else, and where these were not asked, ""."""
    wrong: dict[tuple[str, ...], set[ColumnName]] = defaultdict(set)
    right: dict[tuple[str, ...], set[ColumnName]] = defaultdict(set)
    for verdict in verdicts:
        if verdict.observed and verdict.entry == "libc":
            question = (verdict.family, verdict.protocol, verdict.step)
            side = wrong if verdict.verdict in ("deviates", "unexpected") else right
            side[question].add(parse(verdict.column))
    libcs: set[str] = set()
    kernels: set[str] = set()
    for question, names in wrong.items():
        here = {(name.release, name.kernel) for name in names}
        for name in right[question]:
            if (name.release, name.kernel) in here:
                libcs.add(split(name.libc)[1])
            elif name.release in {release for release, _ in here}:
                kernels.add(name.kernel)
    failed = {split(name.libc)[1] for names in wrong.values() for name in names}
    if libcs == {"patched-accept"} and "patched" in failed:
        return "opt-in"
    return "kernel" if kernels and not libcs and "patched-accept" in failed else ""


def as_lines(verdicts: list[Verdict]) -> str:
    """The verdicts as JSON lines."""
    return "".join(json.dumps(vars(verdict)) + "\n" for verdict in verdicts)
