# SPDX-License-Identifier: LGPL-2.1-or-later
"""Data files in TOML: read them, and say where in them something is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from portzero.project import ROOT, Failure

# What can hold brackets or signs of equality that mean nothing.
_OPAQUE = re.compile(r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*',
                     re.DOTALL)
_HEADER = re.compile(r"\s*(\[\[?)\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*([\w-]+)\s*(?:\.[\w.-]+\s*)?=")
# A path in the file's tables: keys, and numbers of tables in arrays.
Place = tuple[str | int, ...]


def shown(path: Path) -> str:
    """The path as users know it: from the checkout on."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def _lines(text: str) -> dict[Place, int]:
    """In which line each table and each key of a (valid) file begins."""
    plain = _OPAQUE.sub(lambda match: re.sub(r"[^\n]", "_", match[0]), text)
    lines: dict[Place, int] = {}
    counts: dict[Place, int] = {}
    table: Place = ()
    depth = 0
    for number, line in enumerate(plain.split("\n"), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if depth == 0 and header:
            *parents, last = header[2].split(".")
            table = ()
            for name in parents:  # An array of tables means its last one.
                table += (name,)
                if table in counts:
                    table += (counts[table] - 1,)
            table += (last,)
            if header[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table += (counts[table] - 1,)
            lines[table] = number
            continue
        if depth == 0 and key:
            lines.setdefault((*table, key[1]), number)
        depth += sum(line.count(sign) for sign in "[{") - sum(line.count(sign) for sign in "]}")
    return lines


class Table(dict[str, Any]):
    """A table of a data file, in which a key that is missing is a Failure."""

    def __init__(self, file: DataFile, place: Place, content: Mapping[str, Any]) -> None:
        super().__init__((key, file.wrapped((*place, key), value))
                         for key, value in content.items())
        self.file, self.place = file, place

    def __missing__(self, key: str) -> Any:
        name = ".".join(str(part) for part in (*self.place, key) if isinstance(part, str))
        raise self.file.failure(self.place, f"the key '{name}' is missing", "add it")


class DataFile:
    """A data file: its `table`, and where in the file is what."""

    def __init__(self, path: Path, text: str, content: Mapping[str, Any]) -> None:
        self.path = path
        self._lines = _lines(text)
        self.table = Table(self, (), content)

    def wrapped(self, place: Place, value: Any) -> Any:
        if isinstance(value, dict):
            return Table(self, place, value)
        if isinstance(value, list):
            return [self.wrapped((*place, number), part) for number, part in enumerate(value)]
        return value

    def line(self, place: Place) -> int:
        """The line in which a table or key begins, or else what holds it."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place, 1)

    def failure(self, place: Place, why: str, advice: str) -> Failure:
        return Failure(f"{shown(self.path)}:{self.line(place)}", why, advice)

    def check_keys(self, table: Table, required: Iterable[str], optional: Iterable[str] = ()) -> None:
        """Raise Failure if a table has not all required keys, or others than
        these."""
        known = [*required, *optional]
        for key in table:
            if key not in known:
                raise self.failure((*table.place, key), f"nothing knows the key '{key}'",
                                   f"use {', '.join(known)}")
        for key in required:
            table[key]  # noqa: B018  (fails if it is missing)

    def check_strings(self, table: Table, key: str) -> list[str]:
        """Return the strings of a list, which must not be empty."""
        value = table[key]
        if not (isinstance(value, list) and value and all(isinstance(part, str) for part in value)):
            raise self.failure((*table.place, key), f"'{key}' is no list of strings",
                               f'write {key} = ["…", …]')
        return value


def read_text(path: Path) -> str:
    """Return what is in a text file of the project.  Raises Failure."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[:error.start].count(b"\n") + 1
        raise Failure(f"{shown(path)}:{line}", "this is not UTF-8", "correct that line") from None
    except OSError as error:
        raise Failure(shown(path), str(error.strerror).lower(),
                      "restore it (git checkout)") from None


def read(path: Path) -> DataFile:
    """Read a data file.  Raises Failure, with the line, if it is none."""
    text = read_text(path)
    try:
        return DataFile(path, text, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        match = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = match[2] if match and match[2] else str(text.count("\n") + 1)
        raise Failure(f"{shown(path)}:{line}", (match[1] if match else str(error)).lower(),
                      "correct that line") from None
