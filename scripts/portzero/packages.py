# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Debian packages that the project needs: those of build/packages.toml,
and the sources of the release that runs here.

Uses the standard library only: it runs before anything is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TextIO

from portzero import data_file, releases
from portzero.project import OUT, ROOT, Failure

# The part of a group whose packages are needed only if there is no command of the name.
COMMANDS = "commands"


def needed(*groups: str) -> list[str]:
    """Return the packages of these groups of build/packages.toml."""
    file = data_file.read(ROOT / "build/packages.toml")
    for group in groups:
        if group not in file.table:
            raise Failure(f"group of packages '{group}'", "build/packages.toml has no such group",
                          f"use {', '.join(file.table)}")
        for part in file.table[group]:
            file.check_strings(file.table[group], part)
    found = [name for group in groups for part, names in file.table[group].items()
             for name in names if part != COMMANDS or shutil.which(name) is None]
    if "matrix" in groups and releases.is_host(releases.default().name):
        found += [releases.default().glibc.package, releases.default().linux.package]
    return list(dict.fromkeys(found))


def missing(names: list[str]) -> list[str]:
    """Return those of the packages that are not installed."""
    try:
        listing = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *names],
            text=True, capture_output=True, check=False,
        ).stdout
    except FileNotFoundError:
        raise Failure("packages", "this is not Debian (no dpkg-query)",
                      f"run on {releases.default().title}, in a container if need be") from None
    installed = {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}
    return [name for name in names if name not in installed]


def install(*groups: str) -> None:
    """Make sure that the packages of these groups are installed.

    Raises Failure, with the one command to run, if that takes root."""
    absent = missing(needed(*groups))
    if not absent:
        return
    # Another apt may run: wait for it.
    command = ["apt-get", "-oDPkg::Lock::Timeout=600", "install", "--yes",
               "--no-install-recommends", *absent]
    if os.geteuid() != 0:
        raise Failure("packages", f"{len(absent)} are missing",
                      f"run: sudo apt-get update && sudo {' '.join(command)}")
    print(f"portzero: installing {' '.join(absent)}", file=sys.stderr, flush=True)
    OUT.mkdir(parents=True, exist_ok=True)
    log = OUT / "packages.log"
    with log.open("w") as out:
        _apt(out, ["apt-get", "-oDPkg::Lock::Timeout=600", "update"])
        _check_names(absent)
        _apt(out, command)


def _apt(out: TextIO, command: list[str]) -> None:
    begin = out.tell()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                      env=environment, check=False).returncode:
        lines = Path(out.name).read_text(errors="replace")[begin:].splitlines()
        told = [line.removeprefix("E: ") for line in lines if line.startswith("E: ")]
        raise Failure("packages", f"apt-get {command[2]} failed ({(told or lines[-1:] or ['?'])[0]})",
                      f"see {out.name}")


def _check_names(names: list[str]) -> None:
    """Raise Failure if apt has no package of one of these names: it would
    take the name for a pattern and install what happens to fit."""
    for name in names:
        if subprocess.run(["apt-cache", "show", name], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode:
            raise Failure("packages", f"there is no package {name} for this system",
                          f"the project is made for {releases.default().title}: correct "
                          "build/packages.toml or /etc/apt/sources.list")
