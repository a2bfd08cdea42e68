# SPDX-License-Identifier: LGPL-2.1-or-later
"""The grid in README is that of a run."""

from __future__ import annotations

import subprocess

from portzero.report import readme


def test_the_grid_in_readme_is_current(
        whole_matrix: subprocess.CompletedProcess[str]) -> None:
    assert whole_matrix.returncode == 0
    stands = readme.MARKS.parts(readme.README.read_text())[1]
    assert stands == readme.made(readme.last_verdicts()), "run: make docs"
