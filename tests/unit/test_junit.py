# SPDX-License-Identifier: LGPL-2.1-or-later
"""The JUnit file: each verdict becomes what continuous integration must see."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from portzero.judge import VERDICTS, Verdict
from portzero.report import Summary, junit

KINDS = {"unexpected": "failure", "fixed": "failure", "broken": "error", "skipped": "skipped"}


def written(folder: Path, verdicts: list[Verdict], columns: list[str]) -> ElementTree.Element:
    junit.write(Summary(columns, verdicts, []), folder / "junit.xml")
    return ElementTree.parse(folder / "junit.xml").getroot()


def verdict(kind: str, case: str = "connect/peer", why: str = "a reason") -> Verdict:
    return Verdict(case, "", "distro/host", "IPv4", "TCP", "libc", kind, why)


@pytest.mark.parametrize("kind", VERDICTS)
def test_each_verdict(tmp_path: Path, kind: str) -> None:
    root = written(tmp_path, [verdict(kind), verdict("conforms", "connect/other")],
                   ["distro/host"])
    element = root.find("testsuite[@name='distro/host']/testcase[@name='peer']")
    assert element is not None and element.get("classname") == "connect"
    assert [child.tag for child in element if child.tag != "system-out"] == (
        [KINDS[kind]] if kind in KINDS else [])
    total = {tag: root.get(name) for tag, name in (("failure", "failures"), ("error", "errors"),
                                                   ("skipped", "skipped"))}
    assert total == {tag: str(int(KINDS.get(kind) == tag)) for tag in total}
    assert root.get("tests") == "2"
    if kind in KINDS:
        assert "a reason" in str(element[0].get("message"))


def test_a_column_without_cells_is_an_error(tmp_path: Path) -> None:
    root = written(tmp_path, [verdict("conforms")], ["distro/host", "stock/host"])
    assert (root.get("tests"), root.get("errors")) == ("2", "1")


def test_any_text_gives_xml(tmp_path: Path) -> None:
    root = written(tmp_path, [verdict("broken", why="\x00\x1b]<&\"'\ud800\U0001f4a5")],
                   ["distro/host"])
    assert "<&\"'" in str(root.findall(".//error")[0].get("message"))
