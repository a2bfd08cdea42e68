# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does what README says on bare minimal systems: a tree of each release that
does not roll, as debootstrap would make it, entered as a container with its
own root, into which this checkout is copied.

    hosts.py [--full] [--again] [--only COMMAND] [RELEASE...]

It runs `./portzero matrix --kernel host`, with --full also the kernels and the
tests.  Prints how each ended and how long it took; 0 if all are as expected.
With --again, in the systems of the last time, with what was installed and built
there; --only runs another command of the checkout there instead."""

from __future__ import annotations

import argparse
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

from checkout import copy_checkout
from portzero import packages, releases, sources
from portzero.project import OUT, Failure, appearing, output_of

HOSTS = OUT / "hosts"
# Where the checkout is inside.
INSIDE = "/root/port-zero"


def tree(release: releases.Release) -> Path:
    """Return a bare system of a release, made once."""
    path = HOSTS / release.name / "bare"
    if not path.exists():
        line = sources.line_of(release)
        with appearing(path) as partial:
            print(f"hosts: making a bare system of {release.title}", flush=True)
            output_of("mmdebstrap", "--quiet", "--variant=minbase", release.suite, partial, line)
            # What is signed by a key of ours is that inside, too.
            (partial / "etc/apt/sources.list").write_text(line)
            for stray in (partial / "etc/apt/sources.list.d").glob("*"):
                stray.unlink()
    return path


def used(release: releases.Release, again: bool) -> Path:
    """Return a new copy of the bare system, or (again) that of the last time,
    with this checkout as it is now."""
    path = HOSTS / release.name / "used"
    checkout = path / INSIDE.lstrip("/")
    if again and checkout.exists():
        for old in checkout.iterdir():
            if old.name == "out":  # What was built and found out.
                continue
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()
    else:
        bare = tree(release)
        if path.exists():
            shutil.rmtree(path)
        subprocess.run(["cp", "-a", bare, path], check=True)
    # A mirror that stands still says of itself that it is out of date; whoever uses one
    # has told apt here.
    settings = [line for line in output_of("apt-config", "dump").splitlines()
                if line.startswith("Acquire::Check-Valid-Until ")]
    (path / "etc/apt/apt.conf.d/90mirror").write_text("".join(f"{line}\n" for line in settings))
    copy_checkout(checkout)
    # A clone, as README has it: tests ask git what belongs to the project.
    for command in (["init", "--quiet"], ["add", "--all"],
                    ["-c", "user.name=hosts", "-c", "user.email=hosts@localhost",
                     "commit", "--quiet", "--message", "The checkout that is tried"]):
        output_of("git", "-C", checkout, *command)
    return path


def run(root: Path, *command: str) -> int:
    """Run a command of the checkout as root of a container whose root this
    is.  Only its own files, the network and the kernel are the host's."""
    return subprocess.run(
        ["bwrap", "--bind", str(root), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run",
         "--perms", "1777", "--tmpfs", "/tmp",  # noqa: S108
         "--ro-bind", "/etc/resolv.conf", "/etc/resolv.conf",
         "--cap-add", "ALL", "--unshare-pid", "--unshare-ipc", "--die-with-parent", "--clearenv",
         "--setenv", "PATH", "/usr/sbin:/usr/bin:/sbin:/bin", "--setenv", "HOME", "/root",
         "--chdir", INSIDE, "--", *command], check=False, stdin=subprocess.DEVNULL).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--only", metavar="COMMAND")
    parser.add_argument("release", nargs="*", default=[
        name for name in releases.names() if not releases.read(name).rolling])
    arguments = parser.parse_args()
    packages.install("hosts")
    if not arguments.release:
        raise Failure("hosts", "build/releases has none that does not roll", "name one")
    ended = {}
    for name in arguments.release:
        root = used(releases.read(name), arguments.again)
        jobs = [["./portzero", "matrix", "--kernel", "host"]]
        if arguments.only:
            jobs = [shlex.split(arguments.only)]
        elif arguments.full:
            jobs = [["./portzero", "matrix"], ["./portzero", "check"]]
        for job in jobs:
            began = time.monotonic()
            print(f"hosts: {name}: {' '.join(job)}", flush=True)
            status = run(root, *job)
            ended[f"{name}: {' '.join(job)}"] = status
            print(f"hosts: {name}: {' '.join(job)}: status {status}, "
                  f"{time.monotonic() - began:.0f} s", flush=True)
    return 1 if any(ended.values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        print(f"hosts: {failure}", file=sys.stderr)
        sys.exit(2)
