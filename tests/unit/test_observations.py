# SPDX-License-Identifier: LGPL-2.1-or-later
"""A file of observations proves that it is whole, or says where it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from portzero.observations import FORMAT, parse
from portzero.project import Failure

Lines = list[str]


def line(record: dict[str, Any]) -> str:
    return json.dumps(record) + "\n"


def run(cases: int = 2, all_cases: int = 2, form: int = FORMAT) -> Lines:
    """What the suite writes of so many cases of two variants each."""
    ran = {"libc": "abc", "kernel": "1"}
    lines = [line({"suite": {"format": form, "digest": "d", "pattern": "*", "cases": cases,
                             "variants": 2 * cases, "all_cases": all_cases,
                             "all_variants": 2 * all_cases}, "ran": ran})]
    for number in range(cases):
        for port in ("control", "zero"):
            lines.append(line({"case": f"call/{number}", "family": "IPv4", "protocol": "TCP",
                               "entry": "libc", "port": port, "step": "", "observed": {"return": 0},
                               "standard": None, "ran": ran}))
        lines.append(line({"ended": f"call/{number}", "variants": 2, "records": 2}))
    lines.append(line({"end": {"cases": cases, "variants": 2 * cases, "records": 2 * cases}}))
    return lines


def test_a_whole_run() -> None:
    seen = parse("file", run(), "advice")
    assert (seen.flaw, seen.partial, len(seen.records)) == ("", False, 4)
    assert seen.asked == {"call/0": 2, "call/1": 2}


def test_a_partial_run() -> None:
    seen = parse("file", run(1, 2), "advice")
    assert (seen.flaw, seen.partial) == ("", True)


@pytest.mark.parametrize("count", range(1, 8))
def test_cut_at_a_line(count: int) -> None:
    assert f"line {count}: it ends here" in parse("file", run()[:count], "advice").flaw


def test_a_record_is_missing() -> None:
    """One of two of a variant: all variants still have one."""
    lines = run()
    lines[3] = line({"ended": "call/0", "variants": 2, "records": 3})
    assert "line 4: case call/0 has 2 of 3 records" in parse("file", lines, "advice").flaw


@pytest.mark.parametrize("number", range(1, 7))
def test_a_line_is_missing(number: int) -> None:
    lines = run()
    del lines[number]
    assert parse("file", lines, "advice").flaw


def test_a_variant_that_observed_nothing() -> None:
    lines = run()
    lines[2] = lines[1]
    assert "on 1 of 2 variants" in parse("file", lines, "advice").flaw


def changed(number: int, change: Callable[[dict[str, Any]], Any]) -> Lines:
    lines = run()
    record = json.loads(lines[number])
    change(record)
    lines[number] = line(record)
    return lines


@pytest.mark.parametrize("lines, number, why", [
    ([], 1, "it is empty"),
    (["\n"], 1, "not JSON"),
    (["ELF\n"], 1, "not JSON"),
    (["[]\n"], 1, "no record of the suite"),
    (['{"a": 1}\n'], 1, "first record is missing"),
    (run()[1:], 1, "first record is missing"),
    (run(form=1), 1, r"another version of the suite \(format 1, not 2\)"),
    ([*run()[:3], run()[3][:20]], 4, "cut off"),
    ([*run()[:3], run()[3][:20] + "\n"], 4, "not JSON"),
    ([*run(), run()[0]], 9, "a second run"),
    ([*run(), run()[1]], 9, "something after"),
    ([*run()[:4], run()[3]], 5, "a second time"),
    (changed(1, lambda record: record.pop("ran")), 2, r"no whole record .*ran"),
    (changed(1, lambda record: record.pop("family")), 2, r"no whole record .*family"),
    (changed(1, lambda record: record.pop("observed")), 2, r"no whole record .*observed"),
    (changed(1, lambda record: record.update(port="other")), 2, "the port is 'other'"),
    (changed(0, lambda record: record["suite"].update(variants=0)), 1, "cannot be"),
    (changed(2, lambda record: record.update(case=["x"])), 3, "no whole record"),
    ([*run()[:1], '{"more": 1}\n'], 2, "no record of the suite"),
])
def test_what_is_not_the_suites(lines: Lines, number: int, why: str) -> None:
    with pytest.raises(Failure, match=rf"file:{number}: .*{why}.*; advice|file:{number}: .*{why}"):
        parse("file", lines, "advice")
