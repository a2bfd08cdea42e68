# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Linux series: it applies and is the same on all bases, its selftest finds
the fault and its end, and nothing but port 0 changes."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import native
import pytest

from portzero import linux, linux_suite, releases, results
from portzero.build import read_series
from portzero.column_name import default_release, parse
from portzero.judge import as_text, by_question, differences
from portzero.linux_suite import SELFTEST, Outcome
from portzero.project import OUT, ROOT

# Upstream's head first, then older bases.
BASES = [releases.read(name).linux for name in reversed(releases.names())]
ALL = [patch for base in BASES for patch in read_series(base.series)]
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
    applied = subprocess.run([*git, "am", "--quiet", *series], check=True, capture_output=True)
    assert applied.stdout + applied.stderr == b"", "it warns"
    for patch in series:
        told = subprocess.run(["patch", "-p1", "-F0", "--no-backup-if-mismatch", f"--input={patch}"],
                              cwd=other, check=True, capture_output=True, text=True).stdout
        assert "offset" not in told
    subprocess.run(["diff", "--recursive", "--exclude=.git", tree, other], check=True)
    assert (tree / SELFTEST).exists()


@pytest.mark.parametrize("base", BASES, ids=str)
def test_checkpatch(base: releases.Base) -> None:
    """By the rules of each base, which grow in number, with lines as short as
    netdev wants them.  It reports two things only: that a file is added, in a
    folder that MAINTAINERS names, and that the commits of Fixes: are not here,
    as Linux's history is not."""
    source = unpacked(base)
    for patch in read_series(base.series):
        told = subprocess.run(
            ["perl", source / "scripts/checkpatch.pl", "--no-tree", "--strict", "--show-types",
             "--max-line-length=80", patch],
            capture_output=True, text=True, check=False, cwd=source).stdout
        assert re.search(r"^total: \d+ errors, \d+ warnings, \d+ checks, [1-9]", told, re.MULTILINE)
        text = patch.read_text()
        known = {name for name, reason in (("UNKNOWN_COMMIT_ID", "\nFixes: "),
                                           ("FILE_PATH_CHANGES", "\nnew file mode")) if reason in text}
        assert set(re.findall(r"^(?:ERROR|WARNING|CHECK):(\w+):", told, re.MULTILINE)) <= known, told


def test_recipients() -> None:
    """docs/upstreaming.md names all whom get_maintainer.pl of upstream's head
    names, without its guesses from a history."""
    source, page = unpacked(BASES[0]), (ROOT / "docs/upstreaming.md").read_text()
    for patch in read_series(BASES[0].series):
        told = subprocess.run(
            ["perl", source / "scripts/get_maintainer.pl", "--no-tree", "--no-git",
             "--no-git-fallback", "--no-rolestats", patch],
            capture_output=True, text=True, check=True, cwd=source).stdout
        addresses = re.findall(r"[\w.-]+@[\w.-]+", told)
        assert "netdev@vger.kernel.org" in addresses
        assert not [address for address in addresses if address not in page]


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


@functools.cache
def told(release: str, kernel: str) -> list[Outcome]:
    """What the selftest tells on a kernel of a release: run once."""
    native.needs_kernel(release, kernel)
    selftest = linux_suite.program(release)
    status, text = linux_suite.run(release, kernel, selftest.parent, str(selftest))
    tests = linux_suite.read(text)
    assert (status == 0) == all(test.ok for test in tests)
    return tests


def titles(tests: Iterable[Outcome]) -> set[str]:
    return {test.title for test in tests}


@pytest.mark.parametrize("kernel", linux.KERNELS)
@pytest.mark.parametrize("release", releases.names())
def test_selftest(release: str, kernel: str) -> None:
    """On stock, each test fails at port 0, but for one that nothing is wrong
    with; on patched, none.  No control fails, and nothing is skipped that the
    machine could do."""
    native.needs_kernel(release, "linux-patched")
    tests = told(release, kernel)
    skipped = titles(test for test in tests if test.skipped)
    assert skipped == {f"{variant}.{test}" for variant in ("mapped", "mapped_control")
                       for test in ("ping_name", "udp_receive_multicast")}
    at_port_0 = titles(test for test in tests if not test.control)
    assert len(at_port_0) == len(tests) / 2 >= 30
    assert titles(test for test in tests if not test.ok) == (set() if kernel == "linux-patched" else {
        name for name in at_port_0 - skipped if not name.endswith(".tcp_connect_fails")})
    assert not linux_suite.wrong(told(release, "linux-stock"), told(release, "linux-patched"))


def test_figures_of_the_messages() -> None:
    """What the patches of the selftest say of themselves."""
    series, later = read_series(BASES[0].series), linux_suite.sending(BASES[0].release)
    stock = told(default_release(), "linux-stock")
    fix = [test for test in stock if test.name not in later]
    message = " ".join(series[3].read_text().partition("\n---\n")[0].split())
    assert f"{sum(not test.ok for test in fix)} of the {len(fix)} tests fail" in message
    assert sum(test.skipped for test in fix) == 4
    assert "Four are skipped" in message
    rfc = [test for test in stock if test.name in later]
    assert sum(not test.ok for test in rfc) == 6
    assert "the six tests at port 0 fail" in series[5].read_text()


@pytest.mark.parametrize("release", releases.names())
def test_no_skip_hides_a_failure(release: str, tmp_path: Path) -> None:
    """The harness takes SKIP for the result, whatever failed before.  Without
    nft, on the kernel where most would fail, what is skipped has found nothing
    yet."""
    (tmp_path / "ip").symlink_to(shutil.which("ip") or "/sbin/ip")
    native.needs_kernel(release, "linux-patched")
    _, text = native.run_on_kernel(release, "linux-stock", tmp_path, "/bin/sh", "-c",
                                   f"PATH={tmp_path} exec {linux_suite.program(release)}")
    tests = linux_suite.read(text)
    without_nft = [test for test in tests if "nft is needed" in test.told]
    assert {test.name for test in without_nft} == {
        "accept", "accept_after_reset", "sctp_name", "udp_receive", "udp_send"}
    assert "udp_name:Expected " in text, "what an EXPECT that fails says is not here"
    assert not titles(test for test in without_nft if ":Expected " in test.told)


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
