# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the suite under wrong implementations, and says which cases find them.

As a program, it asks all cases of all mutations and writes docs/mutations.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from portzero import judge
from portzero.cases import list_cases
from portzero.column import SUITE, Column, open_column, suite
from portzero.deviations import read_deviations
from portzero.project import ROOT

SELFTEST = ROOT / "tests/selftest"
DOCUMENT = ROOT / "docs/mutations.md"
# The libc that names peers at port 0, and the clients it accepts.
COLUMN = "patched-accept"


@dataclass(frozen=True)
class Mutation:
    """A wrong implementation, and a case that must find it."""

    way: str
    case: str

    @property
    def call(self) -> str:
        return self.way.split(":")[0]

    @property
    def hangs(self) -> bool:
        return self.way.endswith("hang")


def mutations() -> list[Mutation]:
    table = tomllib.loads((SELFTEST / "mutations.toml").read_text())
    return [Mutation(entry["way"], entry["case"]) for entry in table["mutation"]]


def wrong_library(folder: Path) -> Path:
    """Compile the wrong implementations to a library to preload."""
    library = folder / "wrong.so"
    subprocess.run(["gcc", "-std=gnu17", "-Wall", "-Wextra", "-Werror", "-O2", "-fPIC", "-shared",
                    "-o", library, *sorted(SELFTEST.glob("wrong_*.c"))], check=True)
    return library


def verdicts(column: Column, results: Path, case: str, *prefix: str,
             time_limit: int = 15) -> list[judge.Verdict]:
    """Run some cases on a column, after a prefix of words, and judge them.

    What hangs takes three times the limit a case; what takes longer because
    the machine is busy counts as if it hung."""
    results.unlink(missing_ok=True)
    with results.with_suffix(".ktap").open("wb") as ktap:
        column.run([*prefix, str(suite(column)), "--output", str(results), "--case", case,
                    "--time-limit", str(time_limit)], stdout=ktap)
    return judge.judge(column.name, judge.read_records(results), column.identity(),
                       read_deviations(SUITE / "deviations.toml"))


def under(mutation: Mutation, library: Path) -> list[str]:
    return ["env", f"LD_PRELOAD={library}", f"WRONG={mutation.way}"]


def finders(found: Iterable[judge.Verdict]) -> set[str]:
    """The cases that find something wrong with the libc."""
    return {verdict.case for verdict in found
            if verdict.verdict not in judge.EXPECTED and verdict.entry == "libc"}


def ask_all(folder: Path) -> dict[Mutation, set[str]]:
    """Return which cases find which mutation."""
    column = open_column(COLUMN)
    suite(column)
    library = wrong_library(folder)

    def ask(number: int, mutation: Mutation) -> set[str]:
        names = finders(verdicts(column, folder / f"observations{number}", "*",
                                 *under(mutation, library), time_limit=5))
        print(f"{mutation.way}: {len(names)}", file=sys.stderr, flush=True)
        return names

    # Much of this is waiting for what hangs.
    with ThreadPoolExecutor((os.cpu_count() or 1) * 2) as pool:
        asked = mutations()
        return dict(zip(asked, pool.map(ask, range(len(asked)), asked), strict=True))


def document(found: dict[Mutation, set[str]], cases: list[str]) -> str:
    """Return the text of docs/mutations.md."""
    lines = [
        "# Mutations", "",
        f"{len(found)} deliberately wrong implementations (`tests/selftest`), each preloaded over",
        f"the libc of column `{COLUMN}/host`, with all cases asked.  Made by `make mutations`.", "",
        "| wrong implementation | found by | first of them |", "|---|---|---|",
    ]
    by_case: dict[str, int] = defaultdict(int)
    for mutation, names in found.items():
        for name in names:
            by_case[name] += 1
        first = [name for name in cases if name in names][:3]
        lines.append(f"| {mutation.way} | {len(names)} | {', '.join(first) or 'none'} |")
    alone = sorted({next(iter(names)) for mutation, names in found.items()
                    if len(names) == 1})
    lines += ["", "## Cases that alone find some mutation", "",
              ", ".join(alone) or "None.", "",
              "## How many each case finds", "", "| case | mutations |", "|---|---|"]
    lines += [f"| {name} | {by_case[name]} |" for name in cases if by_case[name]]
    lines += ["", "## Cases that no mutation needs", "",
              "They find none of these.  Most ask a kernel, not a libc: the mutations are of six",
              "functions of the libc.", ""]
    lines += [f"- {name}" for name in cases if not by_case[name]]
    return "\n".join(lines) + "\n"


def stale(text: str, ways: list[str], cases: list[str]) -> list[str]:
    """What the document does not know, or names though it is gone."""
    told = set(re.findall(r"^\| (\w+: [^|]*?) \|", text, re.MULTILINE))
    named = set(re.findall(r"^(?:\| |- )(\w+/\w+)(?: \||$)", text, re.MULTILINE))
    return sorted((told ^ set(ways)) | (named ^ set(cases)))


def list_names() -> list[str]:
    return [str(case["case"]) for case in list_cases()]


def check() -> None:
    """End with an error if the document is not of these mutations and cases."""
    known = stale(DOCUMENT.read_text(), [mutation.way for mutation in mutations()], list_names())
    if known:
        sys.exit(f"docs/mutations.md: stale about {', '.join(known)}; run make mutations")


def main() -> None:
    if sys.argv[1:] == ["--check"]:
        check()
        return
    with tempfile.TemporaryDirectory() as folder:
        found = ask_all(Path(folder))
    DOCUMENT.write_text(document(found, list_names()))
    missed = [mutation.way for mutation, names in found.items() if not names]
    if missed:
        sys.exit(f"no case finds: {', '.join(missed)}")


if __name__ == "__main__":
    main()
