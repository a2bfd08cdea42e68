# SPDX-License-Identifier: LGPL-2.1-or-later
"""The suite's cases, as the suite itself lists them."""

from __future__ import annotations

import fnmatch
import functools
import json
from typing import Any

from portzero import results
from portzero.column import ALL_LIBCS, KERNELS, open_column, suite
from portzero.column_name import ADDED, NATIVE, architectures, releases, split
from portzero.project import Failure, output_of


@functools.cache
def list_cases() -> list[dict[str, Any]]:
    """All cases: name, question, basis, needs, and on which families,
    protocols and entries they are asked."""
    return [json.loads(line)
            for line in output_of(suite(open_column("distro")), "--list").splitlines()]


@functools.cache
def digest() -> str:
    """The digest of all cases, which is in what they observe, too."""
    return output_of(suite(open_column("distro")), "--digest").strip()


def matching(pattern: str) -> list[dict[str, Any]]:
    """The cases whose names match.  Raises Failure if none does."""
    found = [case for case in list_cases() if fnmatch.fnmatchcase(case["case"], pattern)]
    if not found:
        raise Failure(f"case '{pattern}'", "no case matches it", "./portzero list names them all")
    return found


def known() -> dict[str, list[str]]:
    """What the patterns of the ledger can mean, by axis."""
    def all_of(axis: str) -> list[str]:
        return list(dict.fromkeys(value for case in list_cases() for value in case[axis]))

    kept = results.names()
    libcs = dict.fromkeys(split(libc)[1] for libc in (
        *ALL_LIBCS, *(name.libc for name in kept)))
    return {
        "case": [case["case"] for case in list_cases()],
        "family": all_of("families"), "protocol": all_of("protocols"), "release": releases(),
        "kernel": [*KERNELS, ADDED], "architecture": [NATIVE, *architectures()],
        "cell": [f"{libc}:{entry}" for libc in libcs for entry in all_of("entries")]}
