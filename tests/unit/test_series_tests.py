# SPDX-License-Identifier: LGPL-2.1-or-later
"""The run of the tests that the glibc series adds."""

from __future__ import annotations

import pytest

from portzero import releases, series_tests
from portzero.build import changes


@pytest.mark.parametrize("release", releases.names())
def test_all_tests_of_the_series_are_found(release: str) -> None:
    """Each new file that is a test, and nothing else."""
    series = releases.read(release).glibc.series
    files = {line.rpartition("/")[2].removesuffix(".c")
             for change in changes(series) for line in change.splitlines()
             if line.startswith("+++ b/") and "/tst-" in line and line.endswith(".c")}
    found = series_tests.tests(series)
    assert {name.partition("/")[2] for name in found} == files
    assert found["nss/tst-getaddrinfo-port"] == ""
    assert found["socket/tst-accept-port0"] == "GLIBC_TUNABLES=glibc.net.port0_peers=2"


@pytest.mark.parametrize("kind, status", [
    ("PASS", 0), ("FAIL: tst-accept-port0.c:80", 1), ("UNSUPPORTED: no namespaces", 1),
    ("missing", 1)])
def test_every_test_must_pass(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                              kind: str, status: int) -> None:
    monkeypatch.setattr(series_tests, "_in_the_build",
                        lambda release, libc, names: dict.fromkeys(names, "PASS"))
    monkeypatch.setattr(
        series_tests, "_on_column",
        lambda release, libc, kernel, settings: dict.fromkeys(settings, "PASS") | (
            {"socket/tst-accept-port0": kind} if kernel == "linux-patched" else {}))
    assert series_tests.run() == status
    told = capsys.readouterr().out
    assert (f"socket/tst-accept-port0, linux-patched: {kind}" in told) == (status == 1)


def test_another_architecture_has_the_host_s_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def on_column(release: str, libc: str, kernel: str, settings: dict[str, str]) -> dict[str, str]:
        asked.append((libc, kernel))
        return dict.fromkeys(settings, "PASS")

    monkeypatch.setattr(series_tests, "_in_the_build",
                        lambda release, libc, names: dict.fromkeys(names, "PASS"))
    monkeypatch.setattr(series_tests, "_on_column", on_column)
    assert series_tests.run(libc="i386-patched") == 0
    assert asked == [("i386-patched", "host")]
