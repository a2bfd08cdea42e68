# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Linux series: it applies and is the same on all bases, its selftest finds
the fault and its end, and nothing but port 0 changes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import native
import pytest

from portzero import linux, releases, results
from portzero.build import read_series
from portzero.column import open_column
from portzero.column_name import default_release, parse
from portzero.judge import as_text, by_question, differences
from portzero.project import OUT, ROOT

# Upstream's head first, then older bases.
BASES = [releases.read(name).linux for name in reversed(releases.names())]
ALL = [patch for base in BASES for patch in read_series(base.series)]
SELFTEST = "tools/testing/selftests/net/port_zero.c"
# Where the selftests' harness lies is upstream's, not ours.
HARNESS = re.compile(r'^\+#include "(\.\./)?kselftest_harness\.h"$', re.MULTILINE)


def named(patch: Path) -> str:
    return str(patch.relative_to(ROOT / "patches"))


def unpacked(base: releases.Base) -> Path:
    """The source of a release, if the release is this host's or was built."""
    source = OUT / "linux" / f"source-{linux.key('linux-stock', base.release)}"
    if base.release == default_release():
        return linux.unpacked(OUT / "linux-stock.log")
    if not source.exists():
        pytest.skip(f"./portzero build --release {base.release} brings its source")
    return source


@pytest.mark.parametrize("base", BASES, ids=str)
def test_applies(base: releases.Base, tmp_path: Path) -> None:
    """By git am and by patch without fuzz, to the same end."""
    source, series = unpacked(base), read_series(base.series)
    tree, other = tmp_path / "tree", tmp_path / "other"
    for patch in series:
        for name in re.findall(r"^--- a/(.*)$", patch.read_text(), re.MULTILINE):
            if (source / name).exists():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source / name, tree / name)
    shutil.copytree(tree, other)
    git = ["git", "-C", str(tree), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "add", "--all", "--force"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message=base"], check=True)
    subprocess.run([*git, "am", "--quiet", *series], check=True)
    for patch in series:
        told = subprocess.run(["patch", "-p1", "-F0", "--no-backup-if-mismatch", f"--input={patch}"],
                              cwd=other, check=True, capture_output=True, text=True).stdout
        assert "offset" not in told
    subprocess.run(["diff", "--recursive", "--exclude=.git", tree, other], check=True)
    assert (tree / SELFTEST).exists()


@pytest.mark.parametrize("base", BASES, ids=str)
def test_checkpatch(base: releases.Base) -> None:
    """By the rules of each base, which grow in number."""
    source = unpacked(base)
    for patch in read_series(base.series):
        told = subprocess.run(
            ["perl", source / "scripts/checkpatch.pl", "--no-tree", "--strict",
             # MAINTAINERS names folders here, not files; and the commits that
             # we name are in the history of Linux, which is not here.
             "--ignore", "FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID", patch],
            capture_output=True, text=True, check=False, cwd=source)
        assert told.returncode == 0, told.stdout
        assert "has no obvious style problems" in told.stdout


@pytest.mark.parametrize("patch", ALL, ids=named)
def test_message_is_read_to_its_end(patch: Path) -> None:
    message = patch.read_text().partition("\n---\n")[0].partition("\n\n")[2]
    assert 1 < len(message.splitlines()) <= 28
    assert message.rstrip().endswith("Signed-off-by: Port Zero <portzero@example.org>")


def the_same_everywhere(patch: Path) -> str:
    """The words of a patch, and the lines that it adds and takes away, without
    those that say where."""
    text = patch.read_text()
    words, _, changes = text.partition("\n---\n")
    lines = [line for line in HARNESS.sub("+the harness", changes).splitlines()
             if line.startswith(("+", "-")) and not line.startswith(("+++", "---"))]
    # What an old base's list of options lacks, the series adds.
    lines = [line for line in lines if not re.fullmatch(r"\+CONFIG_(IP_SCTP|L2TP\w*)=[my]", line)]
    # The Makefile's list of programs has two forms.
    lines = [re.sub(r"^\+(TEST_GEN_PROGS \+= |\t)port_zero( \\)?$", "+the program", line)
             for line in lines]
    return "\n".join([words.partition("\nSubject: ")[2], *lines])


@pytest.mark.parametrize("base", BASES[1:], ids=str)
def test_same_text_on_all_bases(base: releases.Base) -> None:
    """No fix is forgotten in one of them: only their context differs."""
    head, other = read_series(BASES[0].series), read_series(base.series)
    assert [patch.name for patch in head] == [patch.name for patch in other]
    for ours, theirs in zip(head, other, strict=True):
        assert the_same_everywhere(ours) == the_same_everywhere(theirs)


@pytest.fixture(scope="session")
def selftest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    linux.build("linux-patched")
    patched = OUT / "linux" / f"source-linux-patched-{linux.key('linux-patched')}"
    program = tmp_path_factory.mktemp("kselftest") / "port_zero"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", f"-I{patched}/tools/testing/selftests", "-o",
                    program, patched / SELFTEST], check=True)
    return program


@pytest.mark.parametrize("kernel", linux.KERNELS)
def test_selftest(selftest: Path, tmp_path: Path, kernel: str) -> None:
    """On stock, each test fails at port 0, but for one that nothing is wrong
    with; on patched, none.  No control fails, and nothing is skipped that the
    machine could do."""
    status, told = native.run(open_column("distro", kernel), tmp_path, str(selftest))
    tests = re.findall(r"^# +RUN +\w+\.(\w+)\.(\w+) \.\.\.$.*?^(ok|not ok) \d+(.*?)$", told,
                       re.MULTILINE | re.DOTALL)
    assert f"1..{len(tests)}\n" in told
    failed = {f"{variant}.{test}" for variant, test, result, _ in tests if result == "not ok"}
    skipped = {f"{variant}.{test}" for variant, test, _, more in tests if "SKIP" in more}
    assert skipped == {f"{variant}.{test}" for variant in ("mapped", "mapped_control")
                       for test in ("ping_name", "udp_receive_multicast")}
    at_port_0 = {f"{variant}.{test}" for variant, test, _, _ in tests
                 if not variant.endswith("control")}
    assert len(at_port_0) == len(tests) / 2 >= 30
    if kernel == "linux-stock":
        assert status == 1
        assert failed == {name for name in at_port_0 - skipped
                          if not name.endswith(".tcp_connect_fails")}
    else:
        assert status == 0
        assert not failed


def test_no_skip_hides_a_failure(selftest: Path, tmp_path: Path) -> None:
    """The harness takes SKIP for the result, whatever failed before.  Without
    nft, on the kernel where most would fail, what is skipped has found nothing
    yet."""
    (tmp_path / "ip").symlink_to(shutil.which("ip") or "/sbin/ip")
    _, told = native.run(open_column("distro", "linux-stock"), tmp_path, "/bin/sh", "-c",
                         f"PATH={tmp_path} exec {selftest} 2>&1")
    tests = re.findall(r"^# +RUN +\w+\.(\w+\.\w+) \.\.\.$(.*?)^(?:ok|not ok) \d+(.*?)$", told,
                       re.MULTILINE | re.DOTALL)
    assert f"1..{len(tests)}\n" in told
    without_nft = {name: found for name, found, more in tests if "nft is needed" in found + more}
    assert {name.partition(".")[2] for name in without_nft} == {
        "accept", "accept_after_reset", "sctp_name", "udp_receive", "udp_send"}
    assert "udp_name:Expected " in told, "what an EXPECT that fails says is not here"
    assert not {name for name, found in without_nft.items() if ":Expected " in found}


@pytest.mark.usefixtures("whole_matrix")
def test_only_port_0_changes() -> None:
    """The complete difference of the two kernels, through every libc."""
    for libc in ("distro", "stock", "patched"):
        found = [by_question(results.read(parse(f"{libc}/{kernel}")).seen.records)
                 for kernel in linux.KERNELS]
        # Of sequences there are observations only where a port answers otherwise.
        lines = [line for line in (as_text(difference) for difference in differences(*found))
                 if not (line.startswith("sequences/") and "not asked" in line)]
        assert lines
        assert not [line for line in lines if " control:" in line]
