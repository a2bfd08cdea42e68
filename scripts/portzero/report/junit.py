# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a run as JUnit XML, as continuous integration reads it: a test suite
a column, a test case a case.

What is not as expected is a failure, or an error if it says nothing about
port 0; a known deviation passes, with its reason as the output."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

from portzero.judge import EXPECTED, Verdict
from portzero.report.summary import Summary, cell

# What XML 1.0 cannot hold, however written (section 2.2, production Char).
FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
KINDS = {"unexpected": "failure", "fixed": "failure", "broken": "error", "skipped": "skipped"}


def _text(text: str) -> str:
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _line(verdict: Verdict) -> str:
    where = " ".join(filter(None, (verdict.family, verdict.protocol, verdict.entry, verdict.step)))
    key = f" ({verdict.deviation})" if verdict.deviation else ""
    return _text(f"{verdict.verdict}: {where}: {verdict.why}{key}")


def _test_case(suite: ElementTree.Element, case: str, verdicts: list[Verdict]) -> str:
    """Add the element of a case on a column; return what kind of end it has."""
    call, _, name = case.partition("/")
    element = ElementTree.SubElement(suite, "testcase", classname=_text(call),
                                     name=_text(name or call), assertions=str(len(verdicts)))
    shown = cell(verdict.verdict for verdict in verdicts)
    kind = KINDS.get(shown.verdict, "") if shown else "error"
    told = [_line(verdict) for verdict in verdicts if verdict.verdict not in EXPECTED
            or (kind == "skipped" and verdict.verdict == "skipped")]
    if kind:
        result = ElementTree.SubElement(element, kind, message=told[0] if told else "nothing")
        if kind != "skipped":
            result.set("type", shown.verdict if shown else "empty")
            result.text = "\n".join(told)
    known = Counter(f"{verdict.verdict}: {verdict.deviation or verdict.step}: {verdict.why}"
                    for verdict in verdicts if verdict.verdict in ("deviates", "differs"))
    if known:
        ElementTree.SubElement(element, "system-out").text = _text("\n".join(
            f"{line} ({count} of {len(verdicts)} observations)"
            for line, count in known.most_common()))
    return kind


def write(summary: Summary, path: Path) -> None:
    """Write the run to `path`, whole or not at all."""
    found: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for verdict in summary.verdicts:
        found[(verdict.column, verdict.case)].append(verdict)
    root = ElementTree.Element("testsuites", name="Port Zero")
    totals: Counter[str] = Counter()
    for column in summary.columns:
        suite = ElementTree.SubElement(root, "testsuite", name=_text(column))
        counts: Counter[str] = Counter()
        for case in summary.cases:
            if (column, case) in found:
                counts["tests"] += 1
                counts[_test_case(suite, case, found[(column, case)])] += 1
        if not counts["tests"]:
            ElementTree.SubElement(ElementTree.SubElement(
                suite, "testcase", classname="suite", name="ran"), "error",
                message="nothing was observed on this column", type="empty")
            counts["tests"] = counts["error"] = 1
        _count(suite, counts)
        totals += counts
    _count(root, totals)
    ElementTree.indent(root)
    partial = path.with_suffix(".partial")
    ElementTree.ElementTree(root).write(partial, encoding="utf-8", xml_declaration=True)
    partial.rename(path)


def _count(element: ElementTree.Element, counts: Counter[str]) -> None:
    for attribute, kind in (("tests", "tests"), ("failures", "failure"), ("errors", "error"),
                            ("skipped", "skipped")):
        element.set(attribute, str(counts[kind]))
