# SPDX-License-Identifier: LGPL-2.1-or-later
"""Help, manual page and completion: whole, and without a warning."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from portzero import manual, usage
from portzero.cli import parser

COMMANDS = usage.commands_of(parser())


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("man") / "portzero.1"
    path.write_text(manual.page())
    return path


def rendered(page: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["man", "--warnings", "--local-file", page], text=True,
                          capture_output=True, check=False,
                          env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})


def test_mandoc_finds_nothing(page: Path) -> None:
    found = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page], text=True,
                           capture_output=True, check=False)
    # Which other pages are installed is the system's affair: small ones have none.
    assert [line for line in found.stdout.splitlines()
            if "referenced manual not found" not in line] == []


def test_mandoc_would_find_something(page: Path, tmp_path: Path) -> None:
    spoilt = tmp_path / "portzero.1"
    spoilt.write_text(page.read_text().replace(".El\n", "", 1))
    assert subprocess.run(["mandoc", "-T", "lint", "-W", "style", spoilt], text=True,
                          capture_output=True, check=False).stdout


def test_it_is_rendered_without_a_warning_and_whole(page: Path) -> None:
    result = rendered(page)
    assert (result.returncode, result.stderr) == (0, "")
    text = result.stdout.replace("‐\n", "")
    for name, command in COMMANDS.items():
        # How far it is indented differs between versions of groff.
        assert re.search(rf"^ +{name}\s+portzero +{name}\b", text, re.MULTILINE), name
        for action in command._actions:
            if action.option_strings and action.dest != "help":
                assert action.option_strings[-1] in text
    for status in usage.STATUSES:
        assert re.search(rf"^ +{re.escape(status)} ", text, re.MULTILINE), status


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse_args([name, "--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    assert "exit status:" in text
    for line, _ in usage.EXAMPLES.get(name, []):
        assert line in text


@pytest.mark.parametrize("line", [line for lines in usage.EXAMPLES.values() for line, _ in lines])
def test_each_example_is_a_command_line(line: str) -> None:
    parser().parse_args(shlex.split(line)[1:])


def test_examples_are_of_commands() -> None:
    assert set(usage.EXAMPLES) <= set(COMMANDS)


@pytest.mark.parametrize("typed, offered", [
    ("portzero ma", ["matrix"]),
    ("portzero matrix --qui", ["--quiet"]),
    ("portzero run --libc pat", ["patched", "patched-accept"]),
    ("portzero run --libc i386-s", ["i386-stock"]),
    ("portzero run --libc patched -- ech", ["echo"]),
    ("portzero add alpine COPY", ["COPYING"])])
def test_completion(tmp_path: Path, typed: str, offered: list[str]) -> None:
    script = tmp_path / "portzero"
    script.write_text(manual.completion())
    (tmp_path / "COPYING").touch()
    words = typed.split()
    result = subprocess.run(
        ["bash", "-c", f"set -eu; source {script}; COMP_WORDS=({shlex.join(words)});"
         f"COMP_CWORD={len(words) - 1}; _portzero; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
        text=True, capture_output=True, check=False, cwd=tmp_path)
    assert (result.stderr, result.returncode) == ("", 0)
    assert sorted(set(result.stdout.split())) == offered


def test_completion_is_clean(tmp_path: Path) -> None:
    script = tmp_path / "portzero"
    script.write_text(manual.completion())
    assert subprocess.run(["shellcheck", "--shell", "bash", script], check=False).returncode == 0
