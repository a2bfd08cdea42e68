# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs told is kept, and taken again only where a run would be the
same."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import pytest

from portzero import tree
from portzero.column import Column
from portzero.programs import files, job, runs
from portzero.programs.files import Program
from portzero.programs.runs import Task

RIGHT = "kernel 6.1\nlibc LIBC  -\nserved from $port\n"


@dataclasses.dataclass(frozen=True)
class FakeColumn(Column):
    def identity(self) -> dict[str, str]:
        return {"libc": self.build_id, "kernel": "6.1", "tunables": ""}


class Sandbox:
    """Stands for the sandbox: says `told`, ends with `status`."""

    def __init__(self) -> None:
        self.told, self.status, self.count = RIGHT, 0, 0

    def run(self, column: Column, command: Sequence[str], stdout: IO[bytes], limit: int,
            console: IO[bytes] | None = None) -> int:
        self.count += 1
        port = "0" if "port=0 " in command[-1] else "8083"
        stdout.write(self.told.replace("$port", port).encode())
        return self.status


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    library = tmp_path / "libc"
    library.write_text("a libc")
    found = Sandbox()
    found.told = RIGHT.replace("LIBC", runs.hashlib.sha256(b"a libc").hexdigest())
    monkeypatch.setattr(tree, "run", found.run)
    monkeypatch.setattr(tree, "libc_of", lambda column: library)
    monkeypatch.setattr(runs, "_versions", lambda packages: "curl=1")
    monkeypatch.setattr(runs, "OUT", tmp_path)
    monkeypatch.setattr(job, "OUT", tmp_path)
    monkeypatch.setattr(runs, "TRANSCRIPTS", tmp_path / "transcripts")
    return found


def task(program: Program | None = None, build_id: str = "abc") -> Task:
    column = FakeColumn("distro", "host", {}, build_id)
    return Task(program or Program(
        name="server", what="a server", kind="server", language="C", filter="", packages=(),
        build="", setup="", serve="", run="ask.py x", right=("^served from $port$",), never=(),
        seen=(), cannot={}, harmed={}, seconds=5), column, "distro/host")


def test_the_same_is_not_run_again(sandbox: Sandbox) -> None:
    assert job.fill(task())["verdict"] == "conforms"
    assert sandbox.count == 2
    assert job.fill(task())["verdict"] == "conforms"
    assert sandbox.count == 2
    job.fill(task(), again=True)
    assert sandbox.count == 4


@pytest.mark.parametrize("change", [
    {"run": "ask.py y"}, {"serve": "true"}, {"setup": "true"}, {"build": "true"}, {"seconds": 6}])
def test_what_it_depends_on_counts(sandbox: Sandbox, change: dict[str, object]) -> None:
    job.fill(task())
    other = task(dataclasses.replace(task().program, **change))  # type: ignore[arg-type]
    assert runs.kept(other, False) is None
    assert runs.kept(task(build_id="def"), False) is None
    assert runs.kept(task(), False) is not None


def test_a_tool_counts_if_it_is_used(monkeypatch: pytest.MonkeyPatch, sandbox: Sandbox) -> None:
    before = runs.key(task(), False)
    tools = {path.name: path.read_text() for path in tree.TOOLS.iterdir() if path.is_file()}
    for name, same in (("ask.py", False), ("prelude.sh", False), ("reset.py", False),
                       ("connect.py", True)):
        monkeypatch.setattr(runs, "_tools", lambda name=name: tools | {name: "other"})
        assert (runs.key(task(), False) == before) is same, name


def test_another_judgement_needs_no_run(sandbox: Sandbox) -> None:
    job.fill(task())
    seen = files.Seen(("distro/host",), "deviates", ("x",), "why", "ends")
    known = task(dataclasses.replace(task().program, seen=(seen,)))
    assert runs.kept(known, False) is not None


def test_what_is_not_as_expected_is_run_again(sandbox: Sandbox) -> None:
    sandbox.told = sandbox.told.replace("$port", "8083")
    assert job.fill(task())["verdict"] == "unexpected"
    assert job.fill(task())["verdict"] == "unexpected"
    assert sandbox.count == 4


def test_a_run_that_was_cut_off_is_none(sandbox: Sandbox) -> None:
    job.fill(task())
    path = runs.path_of(task(), False)
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    assert runs.kept(task(), False) is None


def test_how_it_ended_is_told(sandbox: Sandbox) -> None:
    sandbox.status = 124
    assert "portzero: it ended with status 124 (after 5 s)" in runs.run(task(), True)


def test_pictures_are_kept_beside(sandbox: Sandbox) -> None:
    sandbox.told += f"picture page {base64.b64encode(b'PNG').decode()}\n"
    told = runs.run(task(), True)
    assert "picture page: transcripts/distro-host/server.zero.page.png" in told
    assert runs.path_of(task(), True).with_name("server.zero.page.png").read_bytes() == b"PNG"
    assert runs.kept(task(), True) == told


@pytest.mark.parametrize("line", ["kernel 6.1", "libc "])
def test_another_kernel_or_libc_is_broken(sandbox: Sandbox, line: str) -> None:
    sandbox.told = sandbox.told.replace(line, "other ")
    assert job.fill(task())["verdict"] == "broken"


def test_versions_are_those_of_all_that_a_package_needs(tmp_path: Path,
                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    status = tmp_path / "var/lib/dpkg/status"
    status.parent.mkdir(parents=True)
    known = (("curl", "1", "Depends: libcurl4 (= 1), mail-agent | none\n"
                           "Description: x\n Depends: other"),
             ("libcurl4", "2", "Pre-Depends: libz (>= 3)"), ("libz", "3", ""), ("other", "4", ""),
             ("exim", "5", "Provides: mail-agent, smtp (= 2)"))
    status.write_text("\n\n".join(f"Package: {name}\nVersion: {version}\n{more}"
                                  for name, version, more in known))
    monkeypatch.setattr(tree, "TREE", tmp_path)
    assert tree.versions(["curl"]) == "curl=1 exim=5 libcurl4=2 libz=3"
