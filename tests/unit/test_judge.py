# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each verdict, from the smallest records that lead to it."""

from __future__ import annotations

from typing import Any

import pytest

from portzero.judge import (
    Deviation, Verdict, broken_column, dead, judge, read_deviations, repairs, responsible, worst)
from portzero.project import ROOT

RAN = {"libc": "abc", "kernel": "6.1"}
NAME = {"return": 0, "errno": "", "length": 16, "bytes": "0200", "touched": -1}
ENOTCONN = {"return": -1, "errno": "ENOTCONN", "length": 128, "touched": -1}
KNOWN = Deviation("known", "kernel", "a reason", "a source", (
    {"case": ["call/*"], "cell": ["*:syscall", "stock:libc"],
     "observed": {"return": -1, "errno": "ENOTCONN"}},))


def record(port: str, observed: dict[str, Any], standard: dict[str, Any] | None = NAME,
           entry: str = "libc", **more: Any) -> dict[str, Any]:
    return {"case": "call/case", "step": "", "family": "IPv4", "protocol": "TCP",
            "entry": entry, "port": port, "observed": observed, "standard": standard,
            "ran": RAN, **more}


def verdicts(*records: dict[str, Any], column: str = "stock/host",
             deviations: tuple[Deviation, ...] = ()) -> list[Verdict]:
    return judge(column, list(records), RAN, list(deviations))


def only(*records: dict[str, Any], **more: Any) -> Verdict:
    found = verdicts(*records, **more)
    assert len(found) == 1
    return found[0]


CONTROL = record("control", NAME)


def test_conforms() -> None:
    assert only(CONTROL, record("zero", NAME)).verdict == "conforms"


def test_unexpected() -> None:
    verdict = only(CONTROL, record("zero", ENOTCONN))
    assert (verdict.verdict, verdict.why) == ("unexpected", "ENOTCONN, not 0")


@pytest.mark.parametrize("field, value", [
    ("return", 1), ("errno", "EINVAL"), ("length", 15), ("bytes", "0201"), ("touched", 16)])
def test_every_value_counts(field: str, value: Any) -> None:
    assert only(CONTROL, record("zero", {**NAME, field: value})).verdict == "unexpected"


def test_known_deviation() -> None:
    verdict = only(CONTROL, record("zero", ENOTCONN), deviations=(KNOWN,))
    assert (verdict.verdict, verdict.responsible) == ("deviates", "kernel")


def test_deviation_of_another_kind_is_unexpected() -> None:
    other = {**ENOTCONN, "errno": "EINVAL"}
    assert only(CONTROL, record("zero", other), deviations=(KNOWN,)).verdict == "unexpected"


def test_deviation_does_not_hold_for_other_columns() -> None:
    assert only(CONTROL, record("zero", ENOTCONN), column="patched/host",
                deviations=(KNOWN,)).verdict == "unexpected"


def test_fixed() -> None:
    assert only(CONTROL, record("zero", NAME), deviations=(KNOWN,)).verdict == "fixed"


def test_control_that_does_not_conform_breaks_the_pair() -> None:
    verdict = only(record("control", ENOTCONN), record("zero", ENOTCONN), deviations=(KNOWN,))
    assert verdict.verdict == "broken"
    assert "control" in verdict.why


@pytest.mark.parametrize("port", ["zero", "control"])
def test_half_a_pair_is_broken(port: str) -> None:
    assert only(record(port, NAME)).verdict == "broken"


def test_unspecified_is_measured_by_the_control() -> None:
    control = record("control", ENOTCONN, None)
    assert only(control, record("zero", ENOTCONN, None)).verdict == "conforms"
    assert only(control, record("zero", NAME, None)).verdict == "differs"


def test_crash_is_told_once() -> None:
    crash = {**record("zero", {}), "broken": "killed by SIGSEGV"}
    del crash["observed"], crash["standard"]
    verdict = only(CONTROL, crash)
    assert (verdict.verdict, verdict.why) == ("broken", "killed by SIGSEGV")


def test_skipped_names_what_is_missing() -> None:
    absent = {**record("zero", {}), "skipped": "no MPTCP"}
    assert only(CONTROL, absent).why == "no MPTCP"


def test_a_crash_is_not_hidden_by_a_skip() -> None:
    absent = {**record("control", {}), "skipped": "no MPTCP"}
    crash = {**record("zero", {}), "broken": "killed by SIGSEGV"}
    assert {verdict.verdict for verdict in verdicts(absent, crash)} == {"skipped", "broken"}


def test_another_libc_than_should_have_run_is_broken() -> None:
    impostor = record("zero", NAME, ran={**RAN, "libc": "def"})
    found = verdicts(CONTROL, impostor)
    assert "broken" in {verdict.verdict for verdict in found}
    assert any("libc def ran, not abc" in verdict.why for verdict in found)


def test_dead_entry() -> None:
    assert dead([KNOWN], verdicts(CONTROL, record("zero", NAME))) == ["known, call/*"]
    assert dead([KNOWN], verdicts(CONTROL, record("zero", ENOTCONN), deviations=(KNOWN,))) == []
    # It speaks of no cell of this run.
    assert dead([KNOWN], verdicts(CONTROL, record("zero", NAME), column="patched/host")) == []


def blame(libc: dict[str, Any], syscall: dict[str, Any]) -> str:
    return responsible(verdicts(
        CONTROL, record("zero", libc),
        record("control", NAME, entry="syscall"), record("zero", syscall, entry="syscall")))


def test_responsible() -> None:
    other = {**ENOTCONN, "errno": "EINVAL"}
    assert blame(NAME, NAME) == ""
    assert blame(ENOTCONN, NAME) == "libc"
    assert blame(ENOTCONN, ENOTCONN) == "kernel"
    assert blame(NAME, ENOTCONN) == "kernel"
    assert blame(other, ENOTCONN) == "both"


def test_a_cell_shows_the_worst() -> None:
    assert worst(["conforms", "skipped", "deviates"]) == "deviates"
    assert worst(["deviates", "fixed", "unexpected", "broken"]) == "broken"


def test_ledger_can_be_read_and_says_who_and_why() -> None:
    for deviation in read_deviations(ROOT / "tests/conformance/deviations.toml"):
        assert deviation.responsible in ("libc", "kernel", "both")
        assert deviation.reason and deviation.source and deviation.where


def test_a_place_can_be_of_one_release() -> None:
    place = {**KNOWN.where[0], "release": ["other"]}
    elsewhere = Deviation("elsewhere", "kernel", "a reason", "a source", (place,))
    pair = (CONTROL, record("zero", ENOTCONN))
    assert only(*pair, deviations=(elsewhere,)).verdict == "unexpected"
    found = verdicts(*pair, column="other:stock/host", deviations=(elsewhere,))
    assert [verdict.verdict for verdict in found] == ["deviates"]
    # It is not dead for columns of which it does not speak.
    assert dead([elsewhere], verdicts(CONTROL, record("zero", NAME))) == []


def shown(column: str, libc: dict[str, Any]) -> list[Verdict]:
    known = Deviation("known", "kernel", "a reason", "a source",
                      ({"observed": {"errno": "ENOTCONN"}},))
    return verdicts(CONTROL, record("zero", libc), column=column,
                    deviations=(known,) if libc is ENOTCONN else ())


@pytest.mark.parametrize("patched, accept, kernel, what", [
    (ENOTCONN, ENOTCONN, NAME, "kernel"),
    (ENOTCONN, NAME, NAME, "opt-in"),
    (NAME, NAME, NAME, ""),
    (ENOTCONN, ENOTCONN, ENOTCONN, ""),
])
def test_what_alone_repairs(patched: dict[str, Any], accept: dict[str, Any],
                            kernel: dict[str, Any], what: str) -> None:
    assert repairs([*shown("distro/linux-stock", ENOTCONN), *shown("patched/linux-stock", patched),
                    *shown("patched-accept/linux-stock", accept),
                    *shown("distro/linux-patched", kernel)]) == what


def test_dead_only_where_it_could_be_seen() -> None:
    pair = (CONTROL, record("zero", NAME))
    assert dead([KNOWN], verdicts(*pair)) == ["known, call/*"]
    # It could not be tried; the control failed; the guest died.
    absent = {**record("zero", {}), "skipped": "no steering"}
    assert dead([KNOWN], verdicts(CONTROL, absent)) == []
    assert dead([KNOWN], verdicts(record("control", ENOTCONN), record("zero", NAME))) == []
    assert dead([KNOWN], [*verdicts(*pair), broken_column("stock/host", "it died")]) == []
    # Another case of the same column was skipped: that says nothing.
    other = {**absent, "case": "other/case"}
    assert dead([KNOWN], verdicts(*pair, other)) == ["known, call/*"]


def test_what_was_added_is_judged_like_a_column() -> None:
    pair = [CONTROL, record("zero", ENOTCONN)]
    found = judge("other/added", pair, RAN, [KNOWN], "stock/host")
    assert [verdict.verdict for verdict in found] == ["deviates"]
    found = judge("other/added", [CONTROL, record("zero", NAME)], RAN, [KNOWN], "stock/host")
    assert found[0].verdict == "fixed" and "known of stock/host" in found[0].why


def test_no_libc_repairs_it_only_if_one_was_tried() -> None:
    assert repairs([*shown("distro/linux-stock", ENOTCONN), *shown("patched/linux-stock", ENOTCONN),
                    *shown("distro/linux-patched", NAME)]) == ""
