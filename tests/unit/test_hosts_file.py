# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files of hosts, and what hosts give back."""

from __future__ import annotations

import io
import json
import tarfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from portzero import hosts, results
from portzero.column_name import parse
from portzero.hosts import Host, Job
from portzero.project import ROOT, Failure
from portzero.results import Facts

DISTRO = parse("distro/host")
STOCK = parse("stock/host")


def packed(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def column(name: str, libc: str = "aa", kernel: str = "6.1") -> bytes:
    facts = Facts(name, {"libc": libc, "kernel": kernel})
    return (json.dumps({"column": asdict(facts)}) + "\n").encode() + b'{"suite": {}}\n'


def test_hosts_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text("# ours\n\none   # the fast one\nme@two.example:/srv/port zero\nthree:portzero\n")
    assert hosts.read(file) == [Host("one", str(ROOT)), Host("me@two.example", "/srv/port zero"),
                                Host("three", "portzero")]


@pytest.mark.parametrize("text, why", [
    ("one\n-oProxyCommand=x\n", "hosts:2: '-oProxyCommand=x' is no host"),
    ("4/one\n", "hosts:1: '4/one' is no host"), ("one,two\n", "is no host"),
    ("a@-b\n", "is no host"), ("ssh one\n", "is no host"), ("@one\n", "is no host"),
    ("one\none:x\n", "hosts:2: one is there already"), ("one:/a/{}/b\n", "{ and }"),
    ("# none\n", "it names no host"), ("", "it names no host"), ("\xff", "this is not UTF-8")])
def test_what_is_no_file_of_hosts(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "hosts").write_text(text, encoding="latin-1")
    with pytest.raises(Failure) as failure:
        hosts.read(tmp_path / "hosts")
    assert why in str(failure.value)


def test_no_file_of_hosts(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no such file or directory; name a file of hosts"):
        hosts.read(tmp_path / "none")


def test_what_is_packed_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "RESULTS", tmp_path / "there")
    work = tmp_path / "work"
    work.mkdir()
    (work / "observations.jsonl").write_text('{"suite": {}}\n')
    (work / "suite.ktap").write_text("ok 1\n")
    facts = Facts("distro/host", {"libc": "aa"}, when="then")
    results.keep(work, DISTRO, facts)
    with (tmp_path / "archive").open("wb") as out:
        results.pack(DISTRO, "columns", out)
    found = results.unpack(tmp_path / "archive", work, DISTRO)
    assert replace(found, digest="") == facts
    assert (work / "observations.jsonl").read_text() == '{"suite": {}}\n'
    assert (work / "suite.ktap").read_text() == "ok 1\n"


def test_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    archive = packed(tmp_path / "archive", ("../observations.jsonl", b"x"),
                     (f"{tmp_path}/console", b"x"), ("more", b"x"),
                     ("observations.jsonl", column("distro/host")))
    assert results.unpack(archive, work, DISTRO).broken == ""
    assert {path.name for path in tmp_path.iterdir()} == {"work", "archive"}
    assert [path.name for path in work.iterdir()] == ["observations.jsonl"]


@pytest.mark.parametrize("content", [b"", b"Welcome to this host!\n", None])
def test_what_is_no_archive(tmp_path: Path, content: bytes | None) -> None:
    archive = packed(tmp_path / "archive", ("observations.jsonl", column("distro/host")))
    archive.write_bytes(archive.read_bytes()[:-20] if content is None else content)
    facts = results.unpack(archive, tmp_path, DISTRO)
    assert facts.broken.startswith("what a host gave back is no whole column (")
    assert not (tmp_path / "observations.jsonl").exists()


@pytest.mark.parametrize("line", [b"", b"{}\n", b'{"column": {"x": 1}}\n', column("stock/host")])
def test_what_is_no_column(tmp_path: Path, line: bytes) -> None:
    archive = packed(tmp_path / "archive", ("observations.jsonl", line))
    assert "is no whole column" in results.unpack(archive, tmp_path, DISTRO).broken


def gathered(folder: Path, *answers: tuple[str, bytes], libc: str = "",
             monkeypatch: pytest.MonkeyPatch) -> list[Facts]:
    """What is kept of stock/host and distro/host that hosts gave back."""
    monkeypatch.setattr(results, "RESULTS", folder / "results")
    jobs = [Job(login, 0, packed(folder / login, ("observations.jsonl", content)), folder / "error")
            for login, content in answers]
    names = [parse(json.loads(content.splitlines()[0])["column"]["column"])
             for _, content in answers]
    hosts._gather(names, jobs, "partial", {name: libc for name in names})
    return [Facts(**json.loads((results.folder(name, "partial") / "observations.jsonl").read_text()
                               .splitlines()[0])["column"]) for name in names]


def test_a_libc_that_is_not_that_of_the_others(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gathered(tmp_path, ("one", column("stock/host", "aa")),
                    ("two", column("stock/linux-stock", "bb")), monkeypatch=monkeypatch)
    assert [facts.broken for facts in kept] == ["", "the libc of two is bb, not aa as one"]


def test_a_libc_that_is_not_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gathered(tmp_path, ("one", column("stock/host", "aa")), libc="cc",
                    monkeypatch=monkeypatch)
    assert [facts.broken for facts in kept] == ["the libc of one is aa, not cc as here"]


def test_kernels_that_differ_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    gathered(tmp_path, ("one", column("stock/host")), ("two", column("distro/host", "dd", "6.12")),
             monkeypatch=monkeypatch)
    assert capsys.readouterr().err == ("portzero: the columns on 'host' are on different kernels: "
                                       "one has 6.1, two has 6.12\n")
