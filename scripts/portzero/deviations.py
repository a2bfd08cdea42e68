# SPDX-License-Identifier: LGPL-2.1-or-later
"""The ledger of known exceptions, deviations.toml: its format, and its places.

Part of the judge: nothing else asks what is expected."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portzero import data_file
from portzero.column_name import NATIVE, ColumnName, split

# By what a place of the ledger says where it holds.  A cell is LIBC:ENTRY.
AXES = ("case", "step", "family", "protocol", "release", "kernel", "architecture", "cell")
# Who can be responsible.
RESPONSIBLE = ("kernel", "libc", "both")

Record = dict[str, Any]


@dataclass(frozen=True)
class Deviation:
    """An entry of the ledger: what deviates, why, and in which places."""

    key: str
    responsible: str
    reason: str
    source: str
    where: tuple[dict[str, Any], ...]


def fits(value: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for pattern in patterns)


def speaks_of(place: Mapping[str, Any], column: ColumnName, entry: str) -> bool:
    """Whether a place holds for what a column answers through an entry.  A
    libc is known by its name without the architecture, which is another axis."""
    architecture, libc = split(column.libc)
    return (fits(f"{libc}:{entry}", place.get("cell", ["*"]))
            and fits(architecture or NATIVE, place.get("architecture", ["*"]))
            and fits(column.kernel, place.get("kernel", ["*"]))
            and fits(column.release, place.get("release", ["*"])))


def covers(place: Mapping[str, Any], record: Record, axes: Iterable[str]) -> bool:
    """Whether a place holds for a record, as far as these axes go."""
    return all(fits(record[axis], place[axis]) for axis in axes if axis in place)


class Ledger:
    """Finds the place that speaks of a record."""

    def __init__(self, deviations: Iterable[Deviation]) -> None:
        self.deviations = list(deviations)
        self._candidates = functools.cache(self._of_case)

    def _of_case(self, column: ColumnName, entry: str,
                 case: str) -> list[tuple[Deviation, int, dict[str, Any]]]:
        return [(deviation, number, place)
                for deviation in self.deviations
                for number, place in enumerate(deviation.where)
                if fits(case, place.get("case", ["*"])) and speaks_of(place, column, entry)]

    def known(self, column: ColumnName, record: Record) -> tuple[Deviation, int] | None:
        """Return the first deviation, and the number of its place, that holds
        for a record of a column; None if there is none."""
        for deviation, number, place in self._candidates(column, record["entry"], record["case"]):
            if covers(place, record, ("step", "family", "protocol")):
                return deviation, number
        return None


def _check_place(file: data_file.DataFile, place: data_file.Table,
                 known: Mapping[str, Iterable[str]]) -> None:
    file.check_keys(place, ["observed"], AXES)
    observed = place["observed"]
    if not (isinstance(observed, dict) and observed
            and all(isinstance(value, (str, int)) for value in observed.values())):
        raise file.failure((*place.place, "observed"), "'observed' is no table of values",
                           'write observed = { return = -1, errno = "…" }')
    for axis in AXES:
        if axis not in place:
            continue
        for pattern in file.check_strings(place, axis):
            if axis in known and not any(fits(value, [pattern]) for value in known[axis]):
                values = list(known[axis])
                advice = (f"use {', '.join(values)}" if len(values) <= 12
                          else f"./portzero list names the {axis}s")
                raise file.failure((*place.place, axis), f"no {axis} matches '{pattern}'", advice)


def read_deviations(path: Path,
                    known: Mapping[str, Iterable[str]] | None = None) -> list[Deviation]:
    """Read and check the ledger.

    `known` has, for axes whose values can be known, all there are: a pattern
    must match one of them.  Raises Failure, with the line."""
    file = data_file.read(path)
    file.check_keys(file.table, ["deviation"])
    keys: set[str] = set()
    entries = file.table["deviation"]
    if not (isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries)):
        raise file.failure(("deviation",), "'deviation' is no array of tables",
                           "write [[deviation]]")
    for entry in entries:
        file.check_keys(entry, ["key", "responsible", "reason", "source", "where"])
        for name in ("key", "responsible", "reason", "source"):
            if not (isinstance(entry[name], str) and entry[name].strip()):
                raise file.failure((*entry.place, name), f"'{name}' is no text",
                                   f'write {name} = "…"')
        if entry["responsible"] not in RESPONSIBLE:
            raise file.failure((*entry.place, "responsible"),
                               f"nobody knows the responsible '{entry['responsible']}'",
                               f"use {', '.join(RESPONSIBLE)}")
        if entry["key"] in keys:
            raise file.failure((*entry.place, "key"), f"the key '{entry['key']}' is used twice",
                               "make it one entry, or choose another key")
        keys.add(entry["key"])
        places = entry["where"]
        if not (isinstance(places, list) and places
                and all(isinstance(place, dict) for place in places)):
            raise file.failure((*entry.place, "where"), "'where' is no array of tables",
                               "write [[deviation.where]]")
        for place in places:
            _check_place(file, place, known or {})
    return [Deviation(entry["key"], entry["responsible"], entry["reason"], entry["source"],
                      tuple(entry["where"])) for entry in entries]
