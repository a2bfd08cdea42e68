# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whatever is wrong with its files, the command says so in one line: what,
where, and what to do; the status is 2, and earlier results are kept."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from portzero.column import open_column, suite
from portzero.project import OUT, ROOT

from conftest import PATIENCE

# What is built: the small is copied, so that other users may read it.
SMALL, LARGE = ("suite", "sandbox"), ("columns", "glibc", "linux", "ccache")
# An ordinary user, without any right over files of others.
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")


@dataclass
class Checkout:
    """A copy of this checkout, with the columns that are built, and results of
    its own: of the distribution's libc on the host's kernel."""

    root: Path

    @property
    def out(self) -> Path:
        return self.root / "out"

    @property
    def kept(self) -> Path:
        return next(self.out.glob("results/columns/*/distro/host/observations.jsonl"))

    def run(self, *arguments: str, prefix: tuple[str, ...] = (),
            **more: object) -> subprocess.CompletedProcess[str]:
        environment = {key: value for key, value in os.environ.items() if key != "PORTZERO_OUT"}
        return subprocess.run(  # type: ignore[call-overload]
            [*prefix, str(self.root / "portzero"), *arguments],
            **{"text": True, "capture_output": True, "timeout": PATIENCE, "env": environment, **more})


@pytest.fixture(scope="module")
def whole() -> Iterator[Checkout]:
    suite(open_column("distro"))
    suite(open_column("patched"))
    with tempfile.TemporaryDirectory() as folder:
        yield _copied(Path(folder))


def _copied(folder: Path) -> Checkout:
    folder.chmod(0o755)  # Other users may look into it.
    root = folder / "checkout"
    for name in subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, text=True, check=True,
                               capture_output=True).stdout.split("\0"):
        if name and (ROOT / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    (root / "out").mkdir()
    for name in SMALL:
        shutil.copytree(OUT / name, root / "out" / name)
    for name in LARGE:
        if (OUT / name).exists():
            (root / "out" / name).symlink_to(OUT / name)
    programs = sorted(path.name for path in (root / "out/suite").iterdir())
    found = Checkout(root)
    result = found.run("matrix", "--libc", "distro", "--kernel", "host")
    assert result.returncode == 0, result.stdout + result.stderr
    # Nothing was compiled again: it does not depend on where the checkout is.
    assert programs == sorted(path.name for path in (root / "out/suite").iterdir())
    return found


@pytest.fixture
def checkout(whole: Checkout, tmp_path: Path) -> Iterator[Checkout]:
    """The copy, to be damaged: it is as it was afterwards."""
    before = tmp_path / "before"
    subprocess.run(["cp", "-a", whole.root, before], check=True)
    yield whole
    shutil.rmtree(whole.root)
    subprocess.run(["mv", before, whole.root], check=True)


Damage = Callable[[Checkout], object]


def put(name: str, content: str | bytes) -> Damage:
    """Give a file another content."""
    data = content if isinstance(content, bytes) else content.encode()
    return lambda checkout: (checkout.root / name).write_bytes(data)


def instead(name: str, old: str, new: str | bytes) -> Damage:
    """Put something else in the place of the first OLD in a file."""
    def damage(checkout: Checkout) -> None:
        path = checkout.root / name
        data = path.read_bytes()
        assert old.encode() in data
        path.write_bytes(data.replace(old.encode(), new if isinstance(new, bytes) else new.encode(), 1))
    return damage


def lines(change: Callable[[list[bytes]], list[bytes]]) -> Damage:
    """Change the lines of the observations."""
    return lambda checkout: checkout.kept.write_bytes(
        b"".join(change(checkout.kept.read_bytes().splitlines(keepends=True))))


def a_file(name: str) -> Damage:
    """A file where a folder should be."""
    def damage(checkout: Checkout) -> None:
        path = checkout.root / name
        shutil.rmtree(path)
        path.write_text("a file\n")
    return damage


def a_folder(name: str) -> Damage:
    def damage(checkout: Checkout) -> None:
        path = next(checkout.root.glob(name))
        path.unlink()
        (path / "folder").mkdir(parents=True)
    return damage


def gone(name: str) -> Damage:
    def damage(checkout: Checkout) -> None:
        path = next(checkout.root.glob(name))
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return damage


def nothing(checkout: Checkout) -> None:
    pass


LEDGER = "tests/conformance/deviations.toml"
SERIES = "patches/backports/bookworm/glibc"
KEPT = r"observations\.jsonl"
JUDGE = ("judge",)
MATRIX = ("matrix", "--libc", "patched", "--kernel", "host")

KINDS: dict[str, tuple[Damage, tuple[str, ...], str]] = {
    # Results.
    "observations: empty": (lines(lambda all_: []), JUDGE, KEPT + ":1: it is empty; run "),
    "observations: cut within a line": (
        lines(lambda all_: [*all_[:99], all_[99][:50]]), JUDGE, KEPT + ":100: the line is cut off; run "),
    "observations: a line damaged": (
        lines(lambda all_: [*all_[:99], b'{"case":\n', *all_[100:]]), JUDGE, KEPT + ":100: this is not JSON; run "),
    "observations: not UTF-8": (
        lines(lambda all_: [*all_[:99], b"\xff\n", *all_[100:]]), JUDGE, KEPT + ": this is not UTF-8; "),
    "observations: a program": (
        lambda checkout: shutil.copy("/bin/true", checkout.kept), JUDGE, KEPT + ".*; "),
    "observations: another line of JSON": (
        lines(lambda all_: [*all_[:99], b'{"a": 1}\n', *all_[100:]]), JUDGE,
        KEPT + ":100: this is no record of the suite; run "),
    "observations: an incomplete record": (
        lines(lambda all_: [*all_[:5], b'{"case": "accept/address"}\n', *all_[6:]]), JUDGE,
        KEPT + ":6: this is no whole record of the suite"),
    "observations: of another version": (
        lines(lambda all_: [all_[0], all_[1].replace(b'"format":2', b'"format":1'), *all_[2:]]), JUDGE,
        KEPT + ":2: these are observations of another version of the suite .*; run "),
    "observations: no first record": (
        lines(lambda all_: [all_[0], *all_[2:]]), JUDGE, KEPT + ":2: the suite's first record is missing"),
    "observations: of an unknown column": (
        lines(lambda all_: all_[1:]), JUDGE, KEPT + ":1: this does not say which column it is of; run "),
    "observations: two runs": (
        lines(lambda all_: [*all_, *all_[1:]]), JUDGE, KEPT + r":\d+: a second run begins here; "),
    "observations: a folder": (
        a_folder("out/results/columns/*/distro/host/observations.jsonl"), JUDGE, KEPT + ": is a directory; "),
    "results: none": (gone("out/results"), JUDGE, "judge: there are no results; run "),
    "results: a file": (a_file("out/results"), MATRIX, "out/results.*: .*; "),
    "results: columns a file": (a_file("out/results/columns"), MATRIX, "columns.*: .*; "),
    "results: verdicts a folder": (
        a_folder("out/results/verdicts.jsonl"), JUDGE, "verdicts.jsonl.*: .*; "),
    "out: a file": (a_file("out"), MATRIX, "out.*: .*; "),
    # Data files: before anything runs.
    "ledger: missing": (gone(LEDGER), MATRIX, LEDGER + ": no such file or directory; restore it"),
    "ledger: empty": (put(LEDGER, ""), MATRIX, LEDGER + ":1: the key 'deviation' is missing; add it"),
    "ledger: syntax": (instead(LEDGER, "responsible =", "responsible"), MATRIX,
                       LEDGER + r":\d+: .*; correct that line"),
    "ledger: not UTF-8": (instead(LEDGER, "reason = \"", b"reason = \"\xff"), MATRIX,
                          LEDGER + r":\d+: this is not UTF-8; correct"),
    "ledger: key missing": (instead(LEDGER, "responsible =", "# responsible ="), MATRIX,
                            LEDGER + r":\d+: the key 'deviation.responsible' is missing; add"),
    "ledger: key misspelt": (instead(LEDGER, "kernel = [", "kernal = ["), MATRIX,
                             LEDGER + r":\d+: nothing knows the key 'kernal'; use observed, case"),
    "ledger: key twice": (instead(LEDGER, "key = ", 'key = "a"\nkey = '), MATRIX,
                          LEDGER + r":\d+: cannot overwrite a value; correct"),
    "ledger: entry twice": (
        instead(LEDGER, 'key = "linux-udp-sendto-port-0"', 'key = "linux-getname-port-0"'), MATRIX,
        LEDGER + r":\d+: the key 'linux-getname-port-0' is used twice; "),
    "ledger: unknown responsible": (
        instead(LEDGER, 'responsible = "kernel"', 'responsible = "kernal"'), MATRIX,
        LEDGER + r":\d+: nobody knows the responsible 'kernal'; use kernel, libc, both"),
    "ledger: unknown kernel": (instead(LEDGER, '"linux-stock"', '"linux-stok"'), MATRIX,
                               LEDGER + r":\d+: no kernel matches 'linux-stok'; use host, "),
    "ledger: unknown libc": (instead(LEDGER, '"distro:libc"', '"distr:libc"'), MATRIX,
                             LEDGER + r":\d+: no cell matches 'distr:libc'; "),
    "ledger: unknown case": (
        instead(LEDGER, '"getpeername/connected"', '"getpeername/conected"'), MATRIX,
        LEDGER + r":\d+: no case matches 'getpeername/conected'; ./portzero list names the cases"),
    "ledger: unknown protocol": (instead(LEDGER, 'protocol = ["UDP"', 'protocol = ["UPD"'), MATRIX,
                                 LEDGER + r":\d+: no protocol matches 'UPD'; use TCP, "),
    "ledger: no list": (instead(LEDGER, 'step = ["back"]', 'step = "back"'), MATRIX,
                        LEDGER + r":\d+: 'step' is no list of strings; write step = "),
    "ledger: nothing observed": (
        instead(LEDGER, "observed = {", "observed = {}\n# {"), MATRIX,
        LEDGER + r":\d+: 'observed' is no table of values; write observed = "),
    "series: missing": (gone(SERIES + "/series"), MATRIX, "glibc/series: no such file or directory; restore"),
    "series: a patch is missing": (gone(SERIES + "/0001-*.patch"), MATRIX,
                                   r"glibc/series:\d+: there is no patch '0001-.*'; restore it"),
    "series: not UTF-8": (put(SERIES + "/series", b"\xff\n"), MATRIX, "glibc/series:1: this is not UTF-8; "),
    "packages: syntax": (put("build/packages.toml", "[matrix\n"), MATRIX,
                         "build/packages.toml:1: .*; correct that line"),
    "packages: no such group": (nothing, ("packages", "matrx"),
                                "group of packages 'matrx': .* has no such group; use .*matrix, "),
    "packages: no list": (put("build/packages.toml", "[matrix]\na = 1\n"), MATRIX,
                          "build/packages.toml:2: 'a' is no list of strings; write "),
    "packages: missing": (gone("build/packages.toml"), MATRIX,
                          "build/packages.toml: no such file or directory; restore"),
    # Words on the command line.
    "case: none matches": (nothing, ("matrix", "--case", "no/such"),
                           "case 'no/such': no case matches it; ./portzero list names them all"),
    "explain: no such case": (nothing, ("explain", "nosuch"),
                              "case 'nosuch': no case matches it; ./portzero list names them all"),
    "diff: no such column": (nothing, ("diff", "distro/host", "distro/guest"),
                             "column 'distro/guest': there are no results of it; run "),
    "diff: no such name": (nothing, ("diff", "before", "last"),
                           "'before': nothing was saved or added under this name; use "),
    "diff: no name": (nothing, ("diff", "a/b/c", "last"), "column 'a/b/c': that is no column's name; "),
    "save: no results": (gone("out/results"), ("save", "before"), "save: there are no results; run "),
    "save: a bad name": (nothing, ("save", "a/b"), "name 'a/b': it must be .*; choose another name"),
    "save: a name with a meaning": (nothing, ("save", "last"), "name 'last': .*; choose another name"),
    "add: no file": (nothing, ("add", "other", "no/such"), "no/such: no such file or directory; give"),
    "add: not observations": (nothing, ("add", "other", "/etc/passwd"), "/etc/passwd:1: this is not JSON; "),
}


@pytest.mark.parametrize("kind", KINDS)
def test_one_line(checkout: Checkout, kind: str) -> None:
    damage, arguments, told = KINDS[kind]
    damage(checkout)
    result = checkout.run(*arguments)
    assert re.fullmatch(f"portzero: .*{told}.*\n", result.stderr), result.stderr
    assert (result.returncode, result.stdout) == (2, "")


def test_deleted_folder(whole: Checkout, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    result = whole.run(prefix=("sh", "-c", f'mkdir {folder}; cd {folder}; rmdir {folder}; exec "$0" run '
                               '--libc distro true'))
    own = [line for line in result.stderr.splitlines() if "getcwd" not in line]  # The shell's.
    assert result.returncode == 2
    assert len(own) == 1 and "change to a folder that exists" in own[0], result.stderr


@pytest.mark.parametrize("arguments", [("list",), JUDGE, ("diff", "distro/host", "distro/host")])
def test_full_device(whole: Checkout, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        result = whole.run(*arguments, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert result.returncode == 2
    assert re.fullmatch("portzero: files: no space left in what standard output goes to; "
                        "free some, and run it again\n", result.stderr), result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="the checkout of another user takes root to make")
@pytest.mark.parametrize("arguments, status", [
    (JUDGE, 2), (("matrix", "--libc", "distro", "--kernel", "host"), 2), (("save", "mine"), 2),
    (("list",), 0), (("run", "--libc", "distro", "true"), 0),
    (("diff", "distro/host", "distro/host"), 0)])
def test_another_users_checkout(whole: Checkout, arguments: tuple[str, ...], status: int) -> None:
    """What need not write works."""
    subprocess.run(["chmod", "-R", "go+rX", whole.root], check=True)
    result = whole.run(*arguments, prefix=NOBODY, cwd="/")
    assert result.returncode == status, result.stderr
    if status:
        assert re.fullmatch("portzero: .*: (permission denied|read-only file system); .*\n",
                            result.stderr), result.stderr


def test_fallen_short_is_broken(checkout: Checkout) -> None:
    """Cut at a line, it is what the suite wrote, but not all."""
    for count in (1, 2, 500, 1700):
        if count == 1:
            continue  # Not even the suite's first line: that is another test.
        everything = checkout.kept.read_bytes().splitlines(keepends=True)
        checkout.kept.write_bytes(b"".join(everything[:count]))
        result = checkout.run("judge")
        assert result.returncode == 1, result.stderr
        assert f"line {count}: it ends here" in result.stdout
        assert "All as expected" not in result.stdout
        checkout.kept.write_bytes(b"".join(everything))


def test_results_of_another_version_are_told(checkout: Checkout) -> None:
    assert "another version" not in checkout.run("judge").stderr
    changed = re.sub(rb'"digest":"[0-9a-f]+"', b'"digest":"0123456789abcdef"',
                     checkout.kept.read_bytes(), count=1)
    checkout.kept.write_bytes(changed)
    told = checkout.run("judge").stderr
    assert "distro/host: asked by another version of the suite; run ./portzero matrix" in told


def test_a_partial_run_is_kept_beside(checkout: Checkout) -> None:
    before = checkout.kept.read_bytes()
    result = checkout.run("matrix", "--libc", "distro", "--kernel", "host", "--case", "accept/*")
    assert result.returncode == 0, result.stderr
    assert "distro/host is partial: only --case 'accept/*'" in result.stderr
    assert checkout.kept.read_bytes() == before
    judged = checkout.run("judge", "--json")
    assert len(json.loads(judged.stdout)["cases"]) > 10


def test_only_what_both_were_asked_is_compared(checkout: Checkout) -> None:
    assert checkout.run("save", "before").returncode == 0
    everything = checkout.kept.read_bytes().splitlines(keepends=True)
    end = next(number for number, line in enumerate(everything) if line.startswith(b'{"ended"'))
    about = json.loads(everything[end])
    first = json.loads(everything[1])
    first["suite"].update(pattern="one", cases=1, variants=about["variants"])
    last = {"end": {"cases": 1, "variants": about["variants"], "records": about["records"]}}
    checkout.kept.write_bytes(b"".join([everything[0], json.dumps(first).encode() + b"\n",
                                        *everything[2:end + 1], json.dumps(last).encode() + b"\n"]))
    result = checkout.run("diff", "before", "last")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "cases were asked on one side only and are not compared" in result.stderr
    told = checkout.run("judge")
    assert "distro/host is partial" in told.stderr


def test_saved_runs(checkout: Checkout) -> None:
    assert checkout.run("save", "before").stdout == "1 columns are saved as before\n"
    again = checkout.run("save", "before")
    assert again.returncode == 2 and "a run is saved under it" in again.stderr
    assert checkout.run("diff", "before", "last").returncode == 0
    changed = checkout.kept.read_bytes().replace(b'"errno":"ECONNREFUSED"', b'"errno":"ECONNRESET"', 1)
    checkout.kept.write_bytes(changed)
    result = checkout.run("diff", "before:distro/host", "distro/host")
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].startswith("1 of ")
    assert "ECONNREFUSED -> ECONNRESET" in result.stdout
    as_json = json.loads(checkout.run("diff", "before", "last", "--json").stdout)
    assert [one["column"] for one in as_json["differences"]] == ["distro/host"]
