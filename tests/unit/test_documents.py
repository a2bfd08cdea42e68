# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the documents name is there: files, commands, options, make targets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from portzero import compare, releases, usage
from portzero.cli import parser
from portzero.judge import Verdict
from portzero.project import ROOT, Failure
from portzero.report import between, experiment, readme

DOCUMENTS = [ROOT / name for name in subprocess.run(
    ["git", "ls-files", "*.md"], cwd=ROOT, text=True, capture_output=True,
    check=True).stdout.split()]
COMMANDS = usage.commands_of(parser())


def wrong_in(text: str, folder: Path) -> list[str]:
    """What a document names and is not there."""
    wrong = [f"link to {link}" for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
             if not (folder / link).exists()]
    for command, rest in re.findall(r"\./portzero (?!COMMAND)([a-z][a-z-]*)([^\n`|]*)", text):
        if command not in COMMANDS:
            wrong.append(f"command {command}")
            continue
        known = {word for action in COMMANDS[command]._actions for word in action.option_strings}
        own = rest.split(" -- ")[0].split("#")[0].split(";")[0]
        wrong += [f"option {option} of {command}"
                  for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", own) if option not in known]
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile.in").read_text(), re.MULTILINE)
    wrong += [f"target {target}" for target in re.findall(r"(?:^    |`)make ([a-z][a-z0-9-]*)", text,
                                                          re.MULTILINE) if target not in targets]
    return wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_it_names_is_there(path: Path) -> None:
    assert wrong_in(path.read_text(), path.parent) == []


@pytest.mark.parametrize("text", ["[x](no/such.md)", "`./portzero nothing`",
                                  "    ./portzero matrix --nothing", "`make nothing`"])
def test_what_is_not_there_is_found(text: str) -> None:
    assert len(wrong_in(text, ROOT)) == 1


def test_the_truth_stands_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert "**glibc never had that check.**" in text
    assert "!inet->inet_dport" in text


def test_readme_has_a_place_for_results() -> None:
    before, _, behind = readme.MARKS.parts((ROOT / "README.md").read_text())
    assert before.startswith("# Port Zero") and "## Licence" in behind
    with pytest.raises(Failure):
        readme.MARKS.parts("nothing")


def test_what_differs_between_releases_has_its_place() -> None:
    step = compare.Step("bookworm", "sid", 10)
    step.add("stock/host", {"question": ("a/b", "", "IPv4", "DCCP", "libc", "zero"),
                            "first": {"return": 0}, "second": {"skipped": "no DCCP over IPv4 here"}})
    step.add("stock/host", {"question": ("c/d", "e", "IPv4", "TCP", "libc", "zero"),
                            "first": {"return": 0}, "second": {"return": -1, "errno": "EPERM"}})
    text = between.made([step])
    assert "1 of 10 answers differ; 1 could be had on one of them only" in text
    assert "| bookworm | 1 | DCCP in a/b | no DCCP here |" in text
    assert "| `c/d` e (TCP) | 0 | EPERM | stock/host |" in text
    stands = between.MARKS.parts(between.MARKS.document.read_text())[1]
    assert [stands.count(f"**{releases.read(name).title} after ") for name in releases.names()] == [
        0, *[1] * (len(releases.names()) - 1)]


def test_what_is_made_is_of_the_kernels_that_are_made_here() -> None:
    found = [Verdict(case, "", column, "IPv4", "TCP", entry, kind, observed={"return": 0})
             for column in ("distro/host", "distro/linux-stock")
             for entry in ("libc", "syscall")
             for case, kind in (("accept/address", "deviates"), ("connect/peer", "conforms"))]
    assert [" ".join(line.split()) for line in readme.made(found).splitlines()] == [
        "A distro on linux-stock", "", "A", "calls: 1 more conforms everywhere",
        "accept ✗ ✗ kernel"]
    with pytest.raises(Failure):
        readme.made([verdict for verdict in found if verdict.column == "distro/host"])


def test_the_experiment_is_told_as_its_files_have_it() -> None:
    """What a run shows is what the files say, or the run fails: so the table
    can be checked without one."""
    programs = experiment.rows()
    assert [program.name for program in programs][:1] == ["experiment"]
    told = experiment.between(experiment.DOCUMENT.read_text(), "The table")[1]
    assert told == experiment.table(programs, experiment.expected(programs)), "run: make docs"
    with pytest.raises(Failure, match="was not run on"):
        experiment.table(programs, {})
    with pytest.raises(Failure, match="the marks around 'The table' are not there"):
        experiment.between("nothing", "The table")
    for name in experiment.SHOWN:
        assert f"(pictures/{name})" in experiment.DOCUMENT.read_text()
        assert (experiment.PICTURES / name).read_bytes().startswith(b"\x89PNG")


def test_transcripts_stand_beside_each_other() -> None:
    left = "kernel 6\n* Trying\n* errno 107\n* Connected to x ()\n< Date: now\n< HTTP/1.1 200 OK\n"
    right = "kernel 6\n* Trying\n* Connected to x (x)\n< Date: then\n< HTTP/1.1 200 OK\n"
    assert experiment.beside(left, right).splitlines()[2:] == [
        "| `* Trying` | `* Trying` |",
        "| `* errno 107` | `* Connected to x (x)` |",
        "| `* Connected to x ()` |  |",
        "| `< HTTP/1.1 200 OK` | `< HTTP/1.1 200 OK` |"]
