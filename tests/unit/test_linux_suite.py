# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is made of what the kernel's selftest tells."""

from __future__ import annotations

import pytest

from portzero import linux_suite, releases
from portzero.linux_suite import Outcome, counts, read, sending, wrong
from portzero.project import Failure

TOLD = """TAP version 13
1..4
# Starting 4 tests from 7 test cases.
#  RUN           port_zero.ipv4.udp_name ...
# port_zero.c:233:udp_name:Expected 0 (0) == name_error(_metadata, fd, false) (107)
# udp_name: Test terminated by assertion
#          FAIL  port_zero.ipv4.udp_name
not ok 1 port_zero.ipv4.udp_name
#  RUN           port_zero.ipv4_control.udp_name ...
#            OK  port_zero.ipv4_control.udp_name
ok 2 port_zero.ipv4_control.udp_name
#  RUN           port_zero.mapped.ping_name ...
#      SKIP      ping sockets have no IPv4-mapped peers
#            OK  port_zero.mapped.ping_name
ok 3 port_zero.mapped.ping_name # SKIP ping sockets have no IPv4-mapped peers
#  RUN           l2tp_unused.control.name ...
#            OK  l2tp_unused.control.name
ok 4 l2tp_unused.control.name
# FAILED: 3 / 4 tests passed.
"""


def outcome(title: str, result: str) -> Outcome:
    variant, _, name = title.partition(".")
    return Outcome(variant, name, result != "fail", result == "skipped", "")


STOCK = [outcome("ipv4.udp_name", "fail"), outcome("ipv4.tcp_connect_fails", "pass"),
         outcome("ipv4_control.udp_name", "pass"), outcome("mapped.ping_name", "skipped")]
PATCHED = [outcome("ipv4.udp_name", "pass"), *STOCK[1:]]


def test_what_is_told_is_read() -> None:
    tests = read(TOLD)
    assert [(test.title, test.result, test.control) for test in tests] == [
        ("ipv4.udp_name", "fail", False), ("ipv4_control.udp_name", "pass", True),
        ("mapped.ping_name", "skipped", False), ("control.name", "pass", True)]
    assert tests[0].why == ("\n  port_zero.c:233:udp_name:Expected 0 (0) == "
                            "name_error(_metadata, fd, false) (107)")
    assert tests[1].why == ""
    assert counts(tests) == ["1", "2", "1"]


@pytest.mark.parametrize("told", ["", TOLD.replace("1..4", "1..5"), TOLD[:TOLD.index("ok 4")]])
def test_less_than_was_announced_is_told(told: str) -> None:
    with pytest.raises(Failure):
        read(told)


def test_nothing_is_wrong() -> None:
    assert wrong(STOCK, PATCHED) == []


@pytest.mark.parametrize("stock, patched, told", [
    (STOCK, STOCK, "ipv4.udp_name fails on linux-patched"),
    (PATCHED, PATCHED, "no test fails on linux-stock"),
    ([*STOCK[:2], outcome("ipv4_control.udp_name", "fail"), STOCK[3]], PATCHED,
     "ipv4_control.udp_name fails on linux-stock"),
    (STOCK, PATCHED[:3], "do not run the same tests"),
    (STOCK, [*PATCHED[:2], outcome("ipv4_control.udp_name", "skipped"), PATCHED[3]],
     "ipv4_control.udp_name is skipped on one kernel")])
def test_what_is_wrong(stock: list[Outcome], patched: list[Outcome], told: str) -> None:
    assert told in "\n".join(wrong(stock, patched))


@pytest.mark.parametrize("release", releases.names())
def test_the_tests_of_the_rfc_are_known(release: str) -> None:
    assert sending(release) == {"udp_send", "udp_send_refused"}


def test_each_release_is_compared(monkeypatch: pytest.MonkeyPatch,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(linux_suite, "_told", lambda release, kernel: (
        PATCHED if kernel == "linux-patched" and release != "trixie" else STOCK))
    monkeypatch.setattr(linux_suite, "_version", lambda release, kernel: f"{release} {kernel}")
    assert linux_suite.compare(["sid", "bookworm"]) == 0
    assert "no test fails on a patched kernel" in capsys.readouterr().out
    assert linux_suite.compare(["sid", "trixie"]) == 1
    assert "trixie: ipv4.udp_name fails on linux-patched" in capsys.readouterr().out
