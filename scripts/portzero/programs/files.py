# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs' files: tests/programs/*.toml, one a program, and known.toml,
what more than one of them show."""

from __future__ import annotations

import functools
import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from portzero.project import ROOT, Failure

FOLDER = ROOT / "tests/programs"
KNOWN = "known.toml"
EFFECTS = "effects.toml"
COLUMNS = ("distro/host", "patched/host", "patched-accept/host", "preload/host",
           "distro/linux-patched")
VERDICTS = ("deviates", "refuses")


class _Tables:
    """The type of a list of tables, [[…]]."""


_KINDS = {str: "a text", int: "a number", dict: "a table", list: "a list of texts",
          _Tables: "a list of tables"}


@dataclass(frozen=True)
class Seen:
    """What a program showed at port 0 that it does not show at another port."""

    columns: tuple[str, ...]
    verdict: str
    shows: tuple[str, ...]
    why: str
    effect: str = ""  # What kind of harm it is, if it deviates: a key of effects.toml.

    def holds_for(self, column: str) -> bool:
        return any(fnmatchcase(column, pattern) for pattern in self.columns)


@dataclass(frozen=True)
class Effect:
    """A kind of harm, as docs/impact.md tells of it."""

    title: str
    text: str


@dataclass(frozen=True)
class Cannot:
    """That a program cannot be right on a column at any port: what it shows there at
    the control's, and why."""

    shows: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Program:
    """One file.  `right` and `never` are regular expressions for what it tells,
    in which $port is the port; `filter` names what it forbids itself system
    calls with, if it does; `cannot` says, by column, where it cannot run, `harmed`
    where the column itself breaks it."""

    name: str
    what: str
    kind: str
    language: str
    filter: str
    packages: tuple[str, ...]
    build: str
    setup: str
    serve: str
    run: str
    right: tuple[str, ...]
    never: tuple[str, ...]
    seen: tuple[Seen, ...]
    cannot: dict[str, Cannot]
    harmed: dict[str, Cannot]
    seconds: int

    def entry(self, column: str) -> Seen | None:
        """What it is known to show at port 0 on this column, or None."""
        return next((entry for entry in self.seen if entry.holds_for(column)), None)


def _fail(path: Path, why: str) -> Failure:
    return Failure(str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path), why,
                   "see tests/programs/README.md")


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise _fail(path, str(error)) from None


def _take(path: Path, table: dict[str, Any], wanted: dict[str, tuple[type, Any]]) -> dict[str, Any]:
    """Return what `table` has under the names in `wanted` (type, default or
    None if it must be there), and refuse other names and other types."""
    if unknown := sorted(set(table) - set(wanted)):
        raise _fail(path, f"there is no key '{unknown[0]}'")
    taken = {}
    for name, (kind, default) in wanted.items():
        value = table.get(name, default)
        if value is None:
            raise _fail(path, f"the key '{name}' is missing")
        part = dict if kind is _Tables else str
        if kind in (list, _Tables):
            right = isinstance(value, list) and all(isinstance(one, part) for one in value)
        else:
            right = isinstance(value, kind)
        if not right:
            raise _fail(path, f"'{name}' is not {_KINDS[kind]}")
        taken[name] = value
    return taken


def _expressions(path: Path, texts: list[str]) -> tuple[str, ...]:
    for text in texts:
        try:
            re.compile(text.replace("$port", "0"))
        except re.error as error:
            raise _fail(path, f"'{text}' is not a regular expression ({error})") from None
    return tuple(texts)


@functools.cache
def effects() -> dict[str, Effect]:
    """The entries of effects.toml by their keys, the worst first."""
    path = FOLDER / EFFECTS
    found = {}
    for key, table in _table(path).items():
        entry = _take(path, table, {"title": (str, None), "text": (str, None)})
        found[key] = Effect(entry["title"], entry["text"].strip())
    return found


def _seen(path: Path, table: dict[str, Any]) -> Seen:
    entry = _take(path, table, {"columns": (list, None), "verdict": (str, "deviates"),
                                "shows": (list, None), "why": (str, None),
                                "effect": (str, "")})
    if entry["effect"] and entry["effect"] not in effects():
        raise _fail(path, f"{EFFECTS} has no entry '{entry['effect']}'")
    if entry["verdict"] not in VERDICTS:
        raise _fail(path, f"the verdict '{entry['verdict']}' is not one of {', '.join(VERDICTS)}")
    for pattern in entry["columns"]:
        if not any(fnmatchcase(column, pattern) for column in COLUMNS):
            raise _fail(path, f"no column is called '{pattern}'")
    if not entry["shows"] or not entry["columns"]:
        raise _fail(path, "an entry needs something in 'columns' and in 'shows'")
    return Seen(tuple(entry["columns"]), entry["verdict"], _expressions(path, entry["shows"]),
                entry["why"].strip(), entry["effect"])


def _cannot(path: Path, column: str, table: object) -> Cannot:
    if column not in COLUMNS:
        raise _fail(path, f"no column is called '{column}'")
    if not isinstance(table, dict):
        raise _fail(path, f"what is said of {column} is not a table")
    entry = _take(path, table, {"shows": (list, None), "why": (str, None)})
    if not entry["shows"]:
        raise _fail(path, "an entry needs something in 'shows'")
    return Cannot(_expressions(path, entry["shows"]), entry["why"].strip())


def known(folder: Path = FOLDER) -> dict[str, Seen]:
    """The entries of known.toml by their keys."""
    path = folder / KNOWN
    return {key: _seen(path, entry) for key, entry in _table(path).items()}


def load(path: Path, shared: dict[str, Seen]) -> Program:
    """Read a program's file.  Raises Failure if something in it is not right."""
    entry = _take(path, _table(path), {
        "what": (str, None), "kind": (str, None), "language": (str, None),
        "filter": (str, ""), "packages": (list, []), "build": (str, ""),
        "setup": (str, ""), "serve": (str, ""),
        "run": (str, None), "right": (list, None), "never": (list, []), "known": (list, []),
        "seen": (_Tables, []), "cannot": (dict, {}), "harmed": (dict, {}), "seconds": (int, 60)})
    if entry["kind"] not in ("client", "server"):
        raise _fail(path, f"the kind '{entry['kind']}' is neither client nor server")
    if not entry["right"]:
        raise _fail(path, "'right' is empty: anything would be right")
    if missing := sorted(set(entry["known"]) - set(shared)):
        raise _fail(path, f"{KNOWN} has no entry '{missing[0]}'")
    cannot, harmed = ({column: _cannot(path, column, one) for column, one in entry[key].items()}
                      for key in ("cannot", "harmed"))
    seen = tuple(_seen(path, one) for one in entry["seen"]) + tuple(
        shared[key] for key in entry["known"])
    for column in COLUMNS:
        if sum(one.holds_for(column) for one in seen) > 1:
            raise _fail(path, f"more than one entry holds for {column}")
    return Program(path.stem, entry["what"], entry["kind"], entry["language"], entry["filter"],
                   tuple(entry["packages"]), entry["build"], entry["setup"],
                   entry["serve"], entry["run"],
                   _expressions(path, entry["right"]), _expressions(path, entry["never"]),
                   seen, cannot, harmed, entry["seconds"])


def load_all(names: list[str], folder: Path = FOLDER) -> list[Program]:
    """The programs of these names (shell patterns), or all; in order of
    name."""
    shared = known(folder)
    programs = [load(path, shared) for path in sorted(folder.glob("*.toml"))
                if path.name not in (KNOWN, EFFECTS)]
    if not programs:
        raise Failure(str(folder), "there is no program's file in it", "restore the checkout")
    for name in names:
        if not any(fnmatchcase(program.name, name) for program in programs):
            raise Failure(f"program '{name}'", "there is no such file in tests/programs",
                          "use ./portzero programs --list")
    return [program for program in programs if not names
            or any(fnmatchcase(program.name, name) for name in names)]
