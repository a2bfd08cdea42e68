# SPDX-License-Identifier: LGPL-2.1-or-later
"""A Debian tree beside the system: programs are installed there, with what
their packages do at installation, and the user's system stays as it is.

mmdebstrap makes it, of the release that this system is; a package that is
asked for later is added.  Inside a sandbox it becomes the root of a command
(sandbox/tree.sh)."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from portzero.column import Column
from portzero.project import OUT, ROOT, Failure, appearing, exclusive, multiarch

TREE = OUT / "programs/tree"
LOG = OUT / "programs/tree.log"
ENTER = ROOT / "sandbox/tree.sh"
TOOLS = ROOT / "tests/programs/tools"
# What every tree has: the tools, and what steers port 0 inside.
BASE = ("ca-certificates", "iproute2", "nftables", "openssl", "python3")
# Says to the packages' scripts that no service is to be started.
POLICY = "#!/bin/sh\nexit 101\n"


def _logged(what: str, command: Sequence[str]) -> None:
    """Run a command, its output to LOG.  Raises Failure with its last error."""
    with LOG.open("ab") as log:
        start = log.tell()
        status = subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                check=False).returncode
    if status != 0:
        told = LOG.read_bytes()[start:].decode(errors="replace").splitlines()
        errors = [line for line in told if line.startswith(("E:", "dpkg: error"))] or told
        raise Failure(what, errors[-1] if errors else f"exit status {status}", f"see {LOG}")


def _make() -> None:
    if os.geteuid() != 0:
        raise Failure("programs", "only root can install packages in a tree of their own",
                      "run it as root")
    if shutil.which("mmdebstrap") is None:
        raise Failure("programs", "mmdebstrap not found", "run ./portzero packages programs")
    release = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    print(f"portzero: making a tree of {release} for programs", flush=True)
    with appearing(TREE) as partial:
        _logged("programs", ["mmdebstrap", "--variant=apt", "--skip=cleanup/apt",
                             f"--include={','.join(BASE)}", release, str(partial)])
        policy = partial / "usr/sbin/policy-rc.d"
        policy.write_text(POLICY)
        policy.chmod(0o755)


def _present() -> set[str]:
    """The packages that are installed in the tree."""
    status = (TREE / "var/lib/dpkg/status").read_text()
    return set(re.findall(r"^Package: (\S+)\nStatus: install ok installed", status, re.MULTILINE))


def _apt(*words: str) -> list[str]:
    """apt-get in the tree, with the network but without processes that stay."""
    return ["bwrap", "--bind", str(TREE), "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/run", "--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf",
            "--cap-add", "ALL", "--unshare-pid", "--unshare-uts", "--hostname", "localhost",
            "--die-with-parent", "--setenv", "DEBIAN_FRONTEND", "noninteractive", "--",
            "apt-get", "-q", "-y", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=600",
            "-o", "Dpkg::Options::=--force-unsafe-io", *words]


def install(packages: Iterable[str]) -> None:
    """Make the tree, if there is none, and install what it lacks of these.

    Raises Failure with apt's own words."""
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with exclusive("tree"):
        if not TREE.exists():
            _make()
        missing = sorted(set(packages) - _present())
        if not missing:
            return
        print(f"portzero: installing in the tree: {' '.join(missing)}", flush=True)
        words = ["install", "--no-install-recommends", "--no-remove", *missing]
        try:
            _logged("programs", _apt(*words))
        except Failure:
            # The list of packages may be older than what the mirror has.
            _logged("programs", _apt("update"))
            _logged("programs", _apt(*words))


def libc_of(column: Column) -> Path:
    """The C library that programs of the tree must meet on this column."""
    system = (Path("/lib") / multiarch() / "libc.so.6").resolve()
    return column.files.get(system) or TREE / str(system).lstrip("/")


def run(column: Column, command: Sequence[str], place: Path, stdout: IO[bytes],
        limit: int) -> int:
    """Run a command on this column with the tree as its root.  `place` is an
    empty folder of the caller's, for mounts.  Returns its exit status."""
    files = [word for target, file in column.files.items()
             if (TREE / str(target).lstrip("/")).exists() for word in (str(target), str(file))]
    return column.run([str(ENTER), str(TREE), str(place), str(TOOLS), *files, "--", *command],
                      stdout=stdout, writable=place, limit=limit)
