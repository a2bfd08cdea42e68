# SPDX-License-Identifier: LGPL-2.1-or-later
"""The tests, as a newcomer starts them: does its own set-up."""

from __future__ import annotations

import subprocess
from pathlib import Path

from portzero import packages
from portzero.project import ROOT, Failure


def require_checkout() -> None:
    """Raise Failure where the command is installed: the tests are not."""
    if not (ROOT / "configure.ac").exists():
        raise Failure("check", "only a checkout of the project has its tests",
                      "run it in a checkout")


def run() -> int:
    """Configure if need be, run `make check`, return its exit status."""
    require_checkout()
    packages.install("matrix", "check")
    steps = []
    configure = ROOT / "configure"
    makefile = ROOT / "Makefile"
    if not _newer(configure, ROOT / "configure.ac"):
        steps.append(["autoconf"])
    if steps or not _newer(makefile, ROOT / "Makefile.in"):
        steps.append(["./configure", "--quiet"])
    for step in steps:
        if subprocess.run(step, cwd=ROOT, check=False).returncode != 0:
            raise Failure(" ".join(step), "it failed (see above)", "correct that first")
    return subprocess.run(["make", "check"], cwd=ROOT, check=False).returncode


def _newer(product: Path, source: Path) -> bool:
    return product.exists() and product.stat().st_mtime >= source.stat().st_mtime
