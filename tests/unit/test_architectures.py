# SPDX-License-Identifier: LGPL-2.1-or-later
"""Libcs of other architectures than the host's: their names, their keys, and what
they can be used for."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from portzero import architectures, cli, column, column_name, glibc, judge, packages, program
from portzero.column import FOREIGN, names_of
from portzero.column_name import ColumnName, architectures as names, default_release, parse, split
from portzero.deviations import Deviation, speaks_of
from portzero.project import Failure

HERE = default_release()


def test_a_libc_s_name_begins_with_its_architecture() -> None:
    assert split("i386-patched-accept") == ("i386", "patched-accept")
    assert split("s390x-stock") == ("s390x", "stock")
    for libc in ("stock", "patched-accept", "i386", "i386-", "arm-stock"):
        assert split(libc) == ("", libc)
    assert FOREIGN == ("i386-distro", "i386-stock", "i386-patched", "i386-patched-accept",
                       "i386-preload")


def test_no_libc_of_the_host_is_taken_for_foreign() -> None:
    for libc in (*column.LIBCS, *column.SETTINGS):
        assert bool(split(libc)[0]) == (libc in FOREIGN), libc


@pytest.mark.parametrize("name", names())
def test_each_architecture_has_its_data(name: str) -> None:
    found = architectures.read(name)
    assert found.triplet.startswith(("i686" if name == "i386" else name) + "-")
    assert f"slibdir = {found.libraries[0]}\n" in found.parameters
    assert f"rtlddir = {found.loader.parent}\n" in found.parameters
    assert packages.needed(name)


def test_what_is_wrong_with_the_data_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (column_name.ARCHITECTURES / "i386.toml").read_text()
    monkeypatch.setattr(architectures, "ARCHITECTURES", tmp_path)
    for wrong, why in ((text.replace("true", "1"), "neither true nor false"),
                       (text.replace("loader =", "loder ="), "nothing knows the key 'loder'"),
                       (text.replace('triplet = "i686-linux-gnu"', ""), "'triplet' is missing")):
        (tmp_path / "i386.toml").write_text(wrong)
        with pytest.raises(Failure, match=why):
            architectures.read.__wrapped__("i386")


def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's do not depend on other architectures; each has its own, and
    another compiler makes another."""
    monkeypatch.setattr(architectures, "key", lambda name: name)
    key = glibc.key.__wrapped__
    before = [key("stock"), key("patched")]
    found = [key(libc) for libc in glibc.libcs("i386", "s390x")]
    assert found[:2] == before and len(set(found)) == 6
    monkeypatch.setattr(architectures, "key", lambda name: f"{name}, newer compiler")
    again = [key(libc) for libc in glibc.libcs("i386", "s390x")]
    assert again[:2] == before and not {*again[2:]} & {*found}


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "missing", lambda names: names[:1])
    with pytest.raises(Failure, match="gcc-i686-linux-gnu not installed; run ./portzero packages i386"):
        architectures.key.__wrapped__("i386")
    assert not architectures.is_known("i386")


def test_foreign_columns_must_be_asked_for() -> None:
    assert not {name.libc for name in names_of(HERE)} & {*FOREIGN}
    assert names_of(HERE, ["i386-stock"]) == [ColumnName(HERE, "i386-stock", "host")]
    assert [str(name) for name in cli._columns(HERE, ["stock", "i386-stock"], [])] == [
        "stock/host", "i386-stock/host", "stock/linux-stock", "stock/linux-patched"]


def test_the_host_s_kernel_need_not_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(packages, "install", lambda *groups: None)
    monkeypatch.setattr("portzero.matrix.run", lambda names, *more: asked.append(names) or 0)
    assert cli.main(["matrix", "--libc", "i386-stock"]) == 0
    assert cli.main(["matrix", "--libc", "i386-stock", "--kernel", "linux-stock"]) == 0
    assert [[str(name) for name in names] for names in asked] == [
        ["i386-stock/host"], ["i386-stock/linux-stock"]]


def test_a_guest_runs_none() -> None:
    with pytest.raises(Failure, match="user-mode Linux runs no programs of i386; use --kernel host"):
        column.open_column("i386-patched", "linux-stock")


def test_a_system_that_runs_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pretend(loader: Path) -> None:
        found = architectures.read("i386")
        monkeypatch.setattr(architectures, "read", lambda name: architectures.Architecture(
            name, found.triplet, True, loader, (), Path(), ""))

    pretend(tmp_path / "ld-linux.so.2")
    with pytest.raises(Failure, match="has no .*ld-linux.so.2; run ./portzero packages i386"):
        architectures.check_runs.__wrapped__("i386")
    foreign = tmp_path / "foreign"
    foreign.write_bytes(struct.pack("<16sHHI", b"\x7fELF\1\2\1", 3, 22, 1) + bytes(100))
    foreign.chmod(0o755)
    pretend(foreign)
    with pytest.raises(Failure, match="this kernel does not run its programs"):
        architectures.check_runs.__wrapped__("i386")


def elf(path: Path, wide: bool, machine: int, loader: bytes) -> Path:
    """A program with nothing but the name of its loader."""
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1])
    size, entry = (64, 56) if wide else (52, 32)
    at = size + entry
    if wide:
        head = struct.pack("<16sHHIQQQIHHHHHH", ident, 3, machine, 1, 0, size, 0, 0, size, entry, 1,
                           0, 0, 0)
        segment = struct.pack("<IIQQQQQQ", 3, 4, at, 0, 0, len(loader) + 1, len(loader) + 1, 1)
    else:
        head = struct.pack("<16sHHIIIIIHHHHHH", ident, 3, machine, 1, 0, size, 0, 0, size, entry, 1,
                           0, 0, 0)
        segment = struct.pack("<IIIIIIII", 3, at, 0, 0, len(loader) + 1, len(loader) + 1, 4, 1)
    path.write_bytes(head + segment + loader + b"\0")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("wide, machine, loader, native, i386", [
    (False, 3, b"/lib/ld-linux.so.2", "it is a 32-bit program", ""),
    (False, 40, b"/lib/ld-linux.so.3", "it is a 32-bit program", "it is no program of i386"),
    (False, 3, b"", "it is a 32-bit program", "it is statically linked"),
    (False, 3, b"/lib/ld-musl-i386.so.1", "it is a 32-bit program", "it is linked to musl"),
    (True, 62, b"/lib64/ld-linux-x86-64.so.2", "", "it is a 64-bit program"),
])
def test_which_programs_use_a_column_s_libc(tmp_path: Path, wide: bool, machine: int, loader: bytes,
                                            native: str, i386: str) -> None:
    path = str(elf(tmp_path / "program", wide, machine, loader))
    assert program.outside_column(path) == native
    assert program.outside_column(path, "i386") == i386


def test_the_ledger_knows_a_libc_without_its_architecture() -> None:
    place = {"cell": ["stock:libc"]}
    assert speaks_of(place, parse("stock/host"), "libc")
    assert speaks_of(place, parse("i386-stock/host"), "libc")
    assert not speaks_of(place, parse("i386-patched/host"), "libc")
    only = {"architecture": ["native"]}
    assert speaks_of(only, parse("stock/host"), "libc")
    assert not speaks_of(only, parse("i386-stock/host"), "libc")
    assert speaks_of({"architecture": ["i386"]}, parse("i386-stock/host"), "libc")


def test_a_deviation_of_one_architecture() -> None:
    """It is known there, and unexpected elsewhere."""
    known = Deviation("known", "libc", "a reason", "a source", (
        {"architecture": ["native"], "observed": {"return": 0}},))
    records = [{"case": "call/case", "step": "", "family": "-", "protocol": "-", "entry": "libc",
                "port": port, "observed": {"return": value}, "standard": {"return": -1}, "ran": {}}
               for port, value in (("control", -1), ("zero", 0))]
    for name, wanted in (("stock/host", "deviates"), ("i386-stock/host", "unexpected")):
        assert [verdict.verdict for verdict in judge.judge(name, records, {}, [known])] == [wanted]
