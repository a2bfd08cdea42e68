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
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from portzero.column import Column
from portzero.project import OUT, ROOT, Failure, appearing, digest, exclusive, multiarch, output_of

TREE = OUT / "programs/tree"
# An empty folder to mount on: each sandbox sees its own mounts there.
PLACE = OUT / "programs/place"
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
    listing = output_of("dpkg-query", f"--admindir={TREE}/var/lib/dpkg", "--show",
                        "--showformat=${Package} ${db:Status-Status}\n")
    return {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}


def _paragraphs() -> dict[str, dict[str, str]]:
    """What dpkg knows of the tree's packages, by name."""
    found = {}
    for paragraph in (TREE / "var/lib/dpkg/status").read_text().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines()
                      if ": " in line and not line.startswith(" "))
        if "Package" in fields:
            found[fields["Package"]] = fields
    return found


def versions(packages: Iterable[str]) -> str:
    """The versions of these packages in the tree, and of all that they depend
    on and what every tree has: what a program there is made of."""
    known = _paragraphs()
    provided: dict[str, list[str]] = {}
    for name, fields in known.items():
        for word in re.findall(r"[a-z0-9][a-z0-9+.-]+(?= |,|$)", fields.get("Provides", "")):
            provided.setdefault(word, []).append(name)
    todo, seen = [*BASE, *packages], set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo += provided.get(name, [])
        fields = known.get(name, {})
        for field in ("Depends", "Pre-Depends", "Recommends"):
            todo += re.findall(r"(?:^|[,|] *)([a-z0-9][a-z0-9+.-]+)", fields.get(field, ""))
    return " ".join(f"{name}={known[name]['Version']}" for name in sorted(seen) if name in known)


def _inside(*command: str, tools: bool = False) -> list[str]:
    """A command that changes the tree: with the network, but without
    processes that stay; with our tools at /portzero, if wanted."""
    return ["bwrap", "--bind", str(TREE), "/", "--dev", "/dev", "--proc", "/proc",
            "--tmpfs", "/run", "--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf",
            *(["--ro-bind", str(TOOLS), "/portzero"] if tools else []),
            "--cap-add", "ALL", "--unshare-pid", "--unshare-uts", "--hostname", "localhost",
            "--die-with-parent", "--setenv", "DEBIAN_FRONTEND", "noninteractive", "--", *command]


def _apt(*words: str) -> list[str]:
    """apt-get in the tree."""
    return _inside(
            "apt-get", "-q", "-y", "-o", "APT::Sandbox::User=root", "-o", "DPkg::Lock::Timeout=600",
            "-o", "Dpkg::Options::=--force-unsafe-io", *words)


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


def _sources(name: str, packages: Sequence[str]) -> None:
    """Fetch these Debian source packages to /usr/src/NAME in the tree."""
    listed = (TREE / "etc/apt/sources.list").read_text().splitlines()
    # The release itself: a mirror of the updates may lack the sources.
    release = next(line for line in listed if line.startswith("deb "))
    (TREE / "etc/apt/sources.list.d/sources.list").write_text(
        f"deb-src {release.removeprefix('deb ')}\n")
    _logged(name, _apt("update"))
    fetch = shlex.join(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "source", *packages])
    _logged(name, _inside("sh", "-ec", f"cd /usr/src/{name}\n{fetch}"))


def _done(name: str, sources: Sequence[str], script: str) -> Path:
    tools = sorted(set(re.findall(r"/portzero/([a-z.-]+)", script)))
    key = digest(*sources, script, *(TOOLS / tool for tool in tools))
    return TREE / "usr/src" / name / f"done-{key}"


def is_built(name: str, sources: Sequence[str], script: str) -> bool:
    """Whether there is nothing to do for build()."""
    return not script or _done(name, sources, script).exists()


def build(name: str, sources: Sequence[str], script: str) -> str:
    """Run a script in /usr/src/NAME in the tree, beside these Debian source
    packages, unless that is done: what it builds there is the same for all
    columns.  Returns the name."""
    if is_built(name, sources, script):
        return name
    if sources:
        install(["build-essential", "dpkg-dev"])
    done = _done(name, sources, script)
    with exclusive("tree" if sources else f"tree-{name}"):
        shutil.rmtree(done.parent, ignore_errors=True)
        done.parent.mkdir()
        if sources:
            print(f"portzero: building in the tree: {name}", flush=True)
            _sources(name, sources)
        _logged(name, _inside("sh", "-ec", f"export HOME=/root\ncd /usr/src/{name}\n{script}",
                              tools=True))
        done.touch()
    return name


def libc_of(column: Column) -> Path:
    """The C library that programs of the tree must meet on this column."""
    system = (Path("/lib") / multiarch() / "libc.so.6").resolve()
    return column.files.get(system) or TREE / str(system).lstrip("/")


def run(column: Column, command: Sequence[str], stdout: IO[bytes], limit: int,
        console: IO[bytes] | None = None) -> int:
    """Run a command on this column with the tree as its root.  Returns its exit
    status.  What a guest's kernel has to say goes to `console`, if given."""
    PLACE.mkdir(exist_ok=True)
    files = [word for target, file in column.files.items()
             if (TREE / str(target).lstrip("/")).exists() for word in (str(target), str(file))]
    files += [str(column.preloaded)] * 2 if column.preloaded else []
    return column.run([str(ENTER), str(TREE), str(PLACE), str(TOOLS), *files, "--", *command],
                      stdout=stdout, console=console, writable=PLACE, limit=limit)
