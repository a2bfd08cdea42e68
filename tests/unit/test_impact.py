# SPDX-License-Identifier: LGPL-2.1-or-later
"""What docs/impact.md says of programs is what their files say, and that is
what a run showed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from portzero.programs import files
from portzero.programs.files import Program
from portzero.project import Failure
from portzero.report import impact

ALL = files.load_all([])


def programs(folder: Path, **texts: str) -> list[Program]:
    (folder / files.KNOWN).write_text("")
    for name, text in texts.items():
        (folder / f"{name}.toml").write_text(
            f'what = "x"\nkind = "client"\nlanguage = "C"\nrun = "x"\nright = ["x"]\n{text}')
    return files.load_all([], folder)


def seen(columns: str, effect: str, why: str) -> str:
    return (f"[[seen]]\ncolumns = {columns}\neffect = '{effect}'\nshows = ['x']\n"
            f"why = '{why}'\n")


def test_the_document_is_made_of_the_files() -> None:
    """Of those that it names: a new one gets in with the next run."""
    _, between, _ = impact.parts(impact.IMPACT.read_text())
    named = {name for line in re.findall(r"\./portzero programs ([^`]*)`", between)
             for name in line.split()}
    assert len(named) > 150
    assert impact.made([program for program in ALL if program.name in named],
                       files.effects()) == between


def test_each_harm_is_of_a_kind() -> None:
    assert [program.name for program in ALL for entry in program.seen
            if entry.verdict == "deviates" and not entry.effect
            and not program.name.startswith(impact.ELSEWHERE)] == []


def test_what_is_repaired_is_marked(tmp_path: Path) -> None:
    found = programs(
        tmp_path, server=seen('["distro/host", "patched/host"]', "unserved", "it drops it"),
        silent=seen('["patched-accept/host"]', "admits", "it lets it in"),
        fine="", no='[[seen]]\ncolumns = ["*/*"]\nverdict = "refuses"\nshows = ["x"]\nwhy = "no"\n')
    text = impact.made(found, files.effects())
    assert "| it drops it | `./portzero programs server` |  | ✓ | ✓ | ✓ |" in text
    assert "| it lets it in | `./portzero programs silent` | opt-in |" in text
    assert "| no | `./portzero programs no` |" in text
    assert "1 are right on all columns: `./portzero programs fine`" in text


@pytest.mark.parametrize("verdict, wrong", [("deviates", []),
                                            ("conforms", ["server on distro/host"])])
def test_a_run_that_shows_something_else_is_noticed(tmp_path: Path, verdict: str,
                                                    wrong: list[str]) -> None:
    found = programs(tmp_path, server=seen('["distro/host"]', "ends", "it ends"))
    records = [{"program": "server", "column": column,
                "verdict": verdict if column == "distro/host" else "conforms"}
               for column in files.COLUMNS]
    assert impact.contradictions(found, records) == wrong
    assert len(impact.contradictions(found, [])) == len(files.COLUMNS)


def test_the_marks_must_be_there() -> None:
    with pytest.raises(Failure, match="marks"):
        impact.parts("nothing")
