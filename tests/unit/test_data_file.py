# SPDX-License-Identifier: LGPL-2.1-or-later
"""Data files: what is wrong in one is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero import data_file
from portzero.project import Failure

TEXT = '''# [[not.a.table]]
title = "a [ in a string"   # and ] in a comment

[one]
list = [
  "a",
  "b = c",
]
long = """
key = 1
[[two]]
"""
after = { inner = 1 }

[[two]]
name = "first"
[[two.part]]
name = "first of first"
[[two]]
name = "second"
[[two.part]]
name = "first of second"
[[two.part]]
name = "second of second"
'''


def read(folder: Path, content: str | bytes) -> data_file.DataFile:
    path = folder / "data.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return data_file.read(path)


def test_lines(tmp_path: Path) -> None:
    file = read(tmp_path, TEXT)
    lines = TEXT.splitlines()
    for place, line in {
            ("title",): 2, ("one",): 4, ("one", "list"): 5, ("one", "long"): 9,
            ("one", "after"): 13, ("one", "after", "inner"): 13, ("one", "none"): 4,
            ("two", 0, "name"): 16, ("two", 0, "part", 0, "name"): 18, ("two", 1): 19,
            ("two", 1, "part", 0, "name"): 22, ("two", 1, "part", 1, "name"): 24}.items():
        assert file.line(place) == line, place
        if place[-1] in ("list", "long", "name"):
            assert lines[line - 1].startswith(str(place[-1]))


@pytest.mark.parametrize("content, line, what", [
    ("a = 1\nb = \n", 2, "invalid value"),
    ("a = 1\nb = [1\n", 3, "unclosed array"),
    ("a = 1\n\na = 2\n", 3, "cannot overwrite a value"),
    ("a = 1\nb = \"x\n", 2, "illegal character"),
    (b"a = 1\nb = 1\nc = \"\xff\"\n", 3, "not UTF-8"),
    ("[t]\na = 1\n[t]\n", 3, "cannot declare"),
])
def test_what_is_no_data_file(tmp_path: Path, content: str | bytes, line: int, what: str) -> None:
    with pytest.raises(Failure, match=rf"data.toml:{line}: .*{what}"):
        read(tmp_path, content)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no such file"):
        data_file.read(tmp_path / "none.toml")


def test_a_missing_key_is_a_failure(tmp_path: Path) -> None:
    file = read(tmp_path, "[make]\nvariables = []\n")
    with pytest.raises(Failure, match=r"data.toml:1: the key 'make.targets' is missing"):
        file.table["make"]["targets"]
    with pytest.raises(Failure, match=r"data.toml:1: the key 'source' is missing"):
        file.table["source"]["package"]


def test_an_unknown_key_is_a_failure(tmp_path: Path) -> None:
    file = read(tmp_path, "[make]\nvariables = []\ntarget = 1\n")
    with pytest.raises(Failure, match=r"data.toml:3: nothing knows the key 'target'"):
        file.check_keys(file.table["make"], ["variables"], ["targets"])


@pytest.mark.parametrize("value", ["[]", '"a"', "[1]"])
def test_lists_of_strings(tmp_path: Path, value: str) -> None:
    file = read(tmp_path, f"\nkey = {value}\n")
    with pytest.raises(Failure, match=r"data.toml:2: 'key' is no list of strings"):
        file.check_strings(file.table, "key")
