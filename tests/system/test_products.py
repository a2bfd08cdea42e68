# SPDX-License-Identifier: LGPL-2.1-or-later
"""The columns that all other tests are about are what was built."""

from __future__ import annotations

import pytest

from portzero import glibc, linux, seal


@pytest.mark.parametrize("kind", [*glibc.LIBCS, *linux.KERNELS])
def test_every_file_is_what_was_built(kind: str) -> None:
    """The contents, too, which are not looked at when a column is used."""
    module = glibc if kind in glibc.LIBCS else linux
    assert seal.intact(module.build(kind), fully=True)  # type: ignore[attr-defined]
