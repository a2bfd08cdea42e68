# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages that the project needs.

Uses the standard library only: it runs before anything is installed."""

from __future__ import annotations

import os
import subprocess

from portzero import data_file
from portzero.project import OUT, ROOT, Failure


def needed(*groups: str) -> list[str]:
    """Return the packages of these groups of build/packages.toml."""
    file = data_file.read(ROOT / "build/packages.toml")
    for group in groups:
        if group not in file.table:
            raise Failure(f"group of packages '{group}'", "build/packages.toml has no such group",
                          f"use {', '.join(file.table)}")
        for part in file.table[group]:
            file.check_strings(file.table[group], part)
    return [name for group in groups for names in file.table[group].values() for name in names]


def missing(names: list[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    try:
        listing = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
            text=True, capture_output=True, check=False,
        ).stdout
    except FileNotFoundError:
        raise Failure("packages", "this is not Debian (no dpkg-query)",
                      "run on Debian 12, in a container if need be") from None
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def install(*groups: str) -> None:
    """Make sure that the packages of these groups are installed.

    Raises Failure, with the one command to run, if that takes root."""
    absent = missing(needed(*groups))
    if not absent:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *absent]
    if os.geteuid() != 0:
        raise Failure("packages", f"{len(absent)} are missing",
                      f"run: sudo apt-get update && sudo {' '.join(command)}")
    print(f"portzero: installing {' '.join(absent)}", flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    log = OUT / "packages.log"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("w") as out:
        for step in (["apt-get", "update"], command):
            if subprocess.run(step, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, env=environment, check=False).returncode:
                raise Failure("packages", f"{' '.join(step[:2])} failed", f"see {log}")
