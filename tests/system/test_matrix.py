# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: every cell of the matrix is as expected."""

from __future__ import annotations

import json
import subprocess

from portzero.column import KERNELS, LIBCS
from portzero.results import RESULTS

from conftest import peers_named, portzero


def test_matrix_is_as_expected(whole_matrix: subprocess.CompletedProcess[str]) -> None:
    result = whole_matrix
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr
    assert "All as expected." in result.stdout
    verdicts = [json.loads(line) for line in (RESULTS / "verdicts.jsonl").read_text().splitlines()]
    # What the project is about, said once more without the judge: on each
    # column, how often getpeername/connected names the peer, by entry.
    named, tried = peers_named(verdicts)
    assert tried > 0
    assert named == {
        **{(f"{libc}/{kernel}", "libc"): tried for libc in ("patched", "patched-accept", "preload")
           for kernel in ("host", "linux-stock")},
        **{(f"{libc}/linux-patched", entry): tried
           for libc in LIBCS for entry in ("libc", "syscall")}}
    assert {verdict["column"] for verdict in verdicts} == {
        f"{libc}/{kernel}" for libc in LIBCS for kernel in KERNELS}


def test_results_can_be_judged_again() -> None:
    first = portzero("matrix", "--libc", "distro", "--kernel", "host")
    again = portzero("judge")
    assert (first.returncode, again.returncode) == (0, 0)


def test_no_case_matches() -> None:
    result = portzero("matrix", "--libc", "distro", "--kernel", "host", "--case", "no/such")
    assert result.returncode == 2
    assert result.stderr == ("portzero: case 'no/such': no case matches it; "
                             "./portzero list names them all\n")
    assert [path for path in (RESULTS / ".work").iterdir() if path.is_dir()] == []
