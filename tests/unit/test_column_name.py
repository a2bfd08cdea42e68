# SPDX-License-Identifier: LGPL-2.1-or-later
"""The names of columns: what is written is what is read."""

from __future__ import annotations

import pytest

from portzero import column_name
from portzero.column_name import ColumnName, default_release, parse
from portzero.project import Failure


def test_the_default_release_is_not_written() -> None:
    assert str(ColumnName(default_release(), "patched", "host")) == "patched/host"
    assert parse("patched/host") == ColumnName(default_release(), "patched", "host")


def test_another_release_is_written() -> None:
    name = ColumnName("another", "patched-accept", "linux-stock")
    assert str(name) == "another:patched-accept/linux-stock"
    assert parse(str(name)) == name
    assert parse(f"{default_release()}:distro/host") == parse("distro/host")


@pytest.mark.parametrize("text", [
    "", "distro", "/host", "distro/", "a/b/c", ":distro/host", "a:b:c/d", "../x/y", ".x/y",
    "distro/host\n", "distro /host"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(Failure, match="no column's name"):
        parse(text)


def test_the_host_s_release_counts_only_if_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(column_name, "RELEASES", column_name.ROOT / "no/such")
    assert column_name.default_release.__wrapped__() == column_name.FALLBACK
