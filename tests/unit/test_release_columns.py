# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which columns a release has, in which order they are made, and what is told
of several releases."""

from __future__ import annotations

from pathlib import Path

import pytest

from portzero import cli, column, compare, matrix, releases
from portzero.column import names_of
from portzero.column_name import ColumnName, default_release
from portzero.observations import Observations
from portzero.project import Failure
from portzero.results import Facts, Kept

HERE = default_release()
OTHER = next(name for name in reversed(releases.names()) if name != HERE)


def text(names: list[ColumnName]) -> list[str]:
    return [str(name) for name in names]


def test_distro_is_of_this_system_alone() -> None:
    assert text(names_of(HERE, (), ["host"])) == [
        "distro/host", "stock/host", "patched/host", "patched-accept/host", "preload/host"]
    assert text(names_of(OTHER, (), ["host"])) == [
        f"{OTHER}:{libc}/host" for libc in ("stock", "patched", "patched-accept")]
    with pytest.raises(Failure, match="use --libc stock or --libc patched"):
        column.open_column("distro", "host", OTHER)


def test_all_begins_with_what_runs_here(monkeypatch: pytest.MonkeyPatch,
                                        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(releases, "host_libc", lambda: (2, 0))
    names = cli._columns(cli.ALL, ["distro", "stock"], ["host"])
    assert text(names)[:2] == ["distro/host", "stock/host"]
    assert {name.release for name in names} == set(releases.names()) and len(names) == 4
    # On a system whose libc is newer than all but the last.
    newest = releases.upstream(releases.read(releases.names()[-1]).glibc.version)
    monkeypatch.setattr(releases, "host_libc", lambda: newest)
    capsys.readouterr()
    assert {name.release for name in cli._columns(cli.ALL, ["stock"], ["host"])} == {
        releases.names()[-1]}
    assert capsys.readouterr().err.count("is left out: its libc is older") == 2


def test_a_libc_that_is_too_old_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releases, "host_libc", lambda: (99, 0))
    with pytest.raises(Failure, match="is older than this system's"):
        column.open_column("stock")


@pytest.mark.parametrize("built, stages", [
    (set(), [5, 10, 3, 6]),  # Host, kernels; then the other release's.
    ({"host"}, [5, 10, 3, 6]),
    ({HERE}, [15, 3, 6]),
    ({HERE, OTHER}, [24]),
])
def test_the_host_s_columns_are_shown_first(monkeypatch: pytest.MonkeyPatch, built: set[str],
                                            stages: list[int]) -> None:
    monkeypatch.setattr(matrix, "is_built", lambda name: name.release in built)
    found = matrix._stages([*names_of(HERE), *names_of(OTHER)])
    assert list(map(len, found)) == stages
    assert all(name.kernel == "host" for name in found[0][:3])


def test_what_differs_between_releases() -> None:
    older, newer = sorted((HERE, OTHER), key=releases.names().index)

    def kept(name: ColumnName) -> Kept:
        old = name.release == older
        records = [{"case": case, "family": "IPv4", "protocol": "UDP", "entry": "libc",
                    "port": "zero", "step": "", "observed": observed}
                   for case, observed in (
                       ("a/same", {"return": 0, "errno": ""}),
                       ("a/chosen", {"return": 0, "address": f"127.0.0.1:{40000 + old}"}),
                       ("a/length", {"return": 0, "errno": "", "length": 16 if old else 28}),
                       ("a/other", {"return": 0, "errno": "EINVAL" if old else ""}))]
        records.append({**records[0], "case": "a/gone", "protocol": "DCCP"})
        if not old:
            del records[-1]["observed"]
            records[-1]["skipped"] = "the control: no DCCP"
        return Kept(Path(), name, Facts(str(name), {}), Observations(
            records=records, asked={record["case"]: 1 for record in records}))

    columns = [kept(ColumnName(release, libc, "host")) for release in (HERE, OTHER)
               for libc in ("stock", "patched")]
    assert compare.between_releases(columns) == [
        f"{newer} after {older}: 4 of 10 answers differ, 2 could be had on one of them only",
        f"  2 not on {newer} (DCCP in a/gone): no DCCP",
        "  a/length (UDP): length 16 -> length 28 on stock/host, patched/host",
        "  a/other (UDP): EINVAL -> 0 on stock/host, patched/host",
        f"  ./portzero diff {older}:LIBC/KERNEL {newer}:LIBC/KERNEL lists them"]
    assert compare.between_releases(columns[:2]) == []
