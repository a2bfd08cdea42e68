# SPDX-License-Identifier: LGPL-2.1-or-later
"""Copies of this checkout, for builds elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from portzero.project import ROOT, output_of


def copy_checkout(into: Path) -> None:
    """Copy the checkout as it is now: what git knows, and what is new."""
    for name in output_of("git", "-C", ROOT, "ls-files", "--cached", "--others",
                          "--exclude-standard").splitlines():
        if (ROOT / name).exists():  # Not deleted meanwhile.
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name, follow_symlinks=False)
