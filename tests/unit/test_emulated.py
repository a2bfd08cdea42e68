# SPDX-License-Identifier: LGPL-2.1-or-later
"""The emulated machine: what its kernel is made of, what it is given to do, and
what is made of what it leaves."""

from __future__ import annotations

import importlib.util
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from portzero import clean, emulated, glibc, linux, packages, sandbox, series_tests
from portzero.project import ROOT, Failure


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The program of make check-s390x."""
    spec = importlib.util.spec_from_file_location("s390x_job", ROOT / "tests/builds/s390x.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_configuration_is_that_of_the_other_kernels() -> None:
    """But for what they are told apart by: no protocol gets lost on the way."""
    ours, theirs = set(emulated.configuration()), set(linux.configuration())
    how = emulated._how()["config"]
    assert {line.partition("=")[0] for line in theirs - ours} == set(how["lacks"])
    assert ours - theirs == set(how["options"])


def test_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kernel has its own, and none has that of user-mode Linux."""
    monkeypatch.setattr(emulated.architectures, "key", lambda name: name)
    found = [emulated.key(kernel) for kernel in emulated.KERNELS]
    assert len({*found, *map(linux.key, linux.KERNELS)}) == 4
    monkeypatch.setattr(emulated.architectures, "key", lambda name: "newer compiler")
    assert not {emulated.key(kernel) for kernel in emulated.KERNELS} & {*found}


def test_clean_knows_what_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "0" * 16
    names = [f"columns/s390x-linux-stock-{key}", f"linux/objects-s390x-linux-patched-{key}",
             f"linux/source-s390x-linux-patched-{key}", f"columns/s390x-patched-{key}",
             f"glibc/objects-i386-stock-{key}", f"glibc/series-objects-s390x-patched-{key}"]
    for name in names:
        folder, _, file = name.partition("/")
        assert clean.re.fullmatch(clean.BUILT[folder], file), name
        assert not clean.re.fullmatch(clean.BUILT[folder], file.replace("s390x", "vax").replace(
            "i386", "vax"))
    monkeypatch.setattr(packages, "missing", lambda names: names)
    assert emulated.present_keys() == set()


def test_what_the_machine_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = tmp_path / "built"
    (built / "lib").mkdir(parents=True)
    (built / "lib/libc.so.6").write_text("patched")
    for name in emulated.tests():
        (built / name).parent.mkdir(exist_ok=True)
        (built / name).write_text(name)
    (built / "suite").write_text("suite")
    monkeypatch.setattr(glibc, "build", lambda libc: built if libc == "s390x-patched" else None)
    monkeypatch.setattr(series_tests, "programs", lambda release, libc, names: built)
    monkeypatch.setattr(emulated, "suite", lambda: built / "suite")
    (built / "libportzero.so").write_text("library")
    monkeypatch.setattr(emulated.preload, "build", lambda release, name: built / "libportzero.so")
    root = tmp_path / "root"
    root.mkdir()
    emulated.fill(root)
    listed = (root / "job/tests/list").read_text().splitlines()
    assert "tst-accept-port0 TIMEOUTFACTOR=20 GLIBC_TUNABLES=glibc.net.port0_peers=2" in listed
    assert {line.split()[0] for line in listed} == {
        path.name for path in (root / "job/tests").iterdir()} - {"list"}
    assert (root / "job/rules").read_text() == sandbox.steering(8080)
    assert (root / "job/patched/libc.so.6").read_text() == "patched"
    assert (root / "init").stat().st_mode & 0o111
    assert (root / "init").read_text().startswith("#!/bin/busybox sh\n# SPDX")


def left_by(folder: Path, failing: str = "", missing: str = "") -> Path:
    """What the machine leaves, when a test fails or did not run."""
    for libc in ("distro", "preload", "patched"):
        (folder / f"{libc}.status").write_text("0 7\n")
        (folder / f"{libc}.jsonl").write_text("{}\n")
    names = [Path(name).name for name in emulated.tests() if Path(name).name != missing]
    (folder / "tests").write_text("".join(f"{name} {int(name == failing)}\n" for name in names))
    return folder


def test_what_is_made_of_it(job: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                            capsys: pytest.CaptureFixture[str]) -> None:
    added = []

    def add(name: str, path: Path, like: str, style: object) -> int:
        added.append((name, like))
        return 0

    monkeypatch.setattr(job.matrix, "add", add)
    assert job.judge("linux-stock", left_by(tmp_path))
    assert added == [("s390x-distro-linux-stock", "distro/linux-stock"),
                     ("s390x-preload-linux-stock", "preload/linux-stock"),
                     ("s390x-patched-linux-stock", "patched/linux-stock")]
    assert capsys.readouterr().out.count("PASS: ") == len(emulated.tests())
    assert not job.judge("linux-stock", left_by(tmp_path, failing="tst-accept-port0"))
    assert "FAIL: socket/tst-accept-port0\n" in capsys.readouterr().out
    assert not job.judge("linux-stock", left_by(tmp_path, missing="tst-accept-port0"))
    assert "missing: socket/tst-accept-port0\n" in capsys.readouterr().out
    monkeypatch.setattr(job.matrix, "add", lambda *arguments: 1)
    assert not job.judge("linux-stock", left_by(tmp_path))


@pytest.mark.parametrize("script, limit, why", [
    ("exit 0", 600, "it left no results"), ("exec sleep 600", 1, "it did not end in 1 s")])
def test_a_machine_that_does_not_do_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str,
                                       limit: int, why: str) -> None:
    how = emulated._how()
    how["machine"] = {**how["machine"], "command": ["sh", "-c", script], "limit": limit}
    monkeypatch.setattr(emulated, "_how", lambda: how)
    monkeypatch.setattr(emulated, "kernel_image", lambda kernel: tmp_path / "linux")
    monkeypatch.setattr(emulated, "OUT", tmp_path)
    with pytest.raises(Failure, match=why):
        emulated.start("linux-stock", tmp_path, tmp_path / "initrd")


def test_what_a_machine_left_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tar archive at the beginning of a disk."""
    (tmp_path / "tests").write_text("tst-a 0\n")
    with tarfile.open(tmp_path / "archive", "w") as archive:
        archive.add(tmp_path / "tests", "./tests")
    how = emulated._how()
    how["machine"] = {**how["machine"], "limit": 60, "command": [
        "sh", "-c", f"dd if={tmp_path}/archive of={tmp_path}/disk conv=notrunc status=none"]}
    monkeypatch.setattr(emulated, "_how", lambda: how)
    monkeypatch.setattr(emulated, "kernel_image", lambda kernel: tmp_path / "linux")
    monkeypatch.setattr(emulated, "OUT", tmp_path)
    left = emulated.start("linux-stock", tmp_path, tmp_path / "initrd")
    assert (left / "tests").read_text() == "tst-a 0\n"
