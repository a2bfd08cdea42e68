# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sending to port 0: BPF programs are obeyed as before, and so is the cache of
routes of a socket with an IPv4-mapped peer."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import native
import pytest

from portzero import build, linux, releases, sandbox
from portzero.build import run_step
from portzero.project import OUT, digest

WINDOW = native.HERE / "udpv6_window.patch"
CHANGED = "net/ipv6/udp.c"
OTHER = 4242
FAMILIES = ("IPv4", "IPv6", "IPv4-mapped")
PROGRAMS = ("none", "elsewhere", "allow", "deny", "into-0", "from-0")


def outcome(kernel: str, program: str, family: str, how: str, port: int) -> str:
    """What the rule says: the programs run for each message that has an address
    of its own, which IPv4-mapped peers always become."""
    addressed = how == "sendto" or family == "IPv4-mapped"
    if addressed and port == 0 and kernel == "linux-stock":
        return "EINVAL"
    if not addressed or program in ("none", "elsewhere", "allow"):
        return str(port)
    if program == "deny":
        return "EPERM"
    if program == "into-0":
        return "EINVAL" if port == OTHER else "0"
    return str(OTHER)


@pytest.mark.parametrize("kernel", linux.KERNELS)
@pytest.mark.parametrize("release", releases.names())
def test_bpf_programs_are_obeyed(tmp_path: Path, release: str, kernel: str) -> None:
    """They can refuse and redirect, and only who turns a port into 0 is
    refused."""
    program = native.compiled(tmp_path, "sendmsg_programs")
    (tmp_path / "groups").mkdir()
    status, told = native.run_on_kernel(release, kernel, tmp_path, str(program),
                                        str(tmp_path / "groups"))
    assert status == 0, told
    assert told.splitlines() == [
        f"{name} {family} {how} {port}: {outcome(kernel, name, family, how, port)}"
        for name in PROGRAMS for family in FAMILIES for port in (0, OTHER)
        for how in ("sendto", "send")]


@pytest.fixture(scope="session")
def window() -> Path:
    """The patched kernel with a window: made once, as it takes a minute."""
    objects = linux.objects("linux-patched")
    source = OUT / "linux" / f"source-linux-patched-{linux.key('linux-patched')}"
    log = OUT / "linux-window.log"

    def make(product: Path) -> None:
        sources, made = product / "source", product / "objects"
        # Hard links, but not of the file that is changed.
        run_step(log, "linux-window: clone patched", ["cp", "-al", str(source), str(sources)])
        run_step(log, "linux-window: clone objects", ["cp", "-a", str(objects), str(made)])
        (sources / CHANGED).unlink()
        shutil.copy2(source / CHANGED, sources / CHANGED)
        run_step(log, "linux-window: patch", ["patch", "-p1", "-F0", f"--input={WINDOW}"],
                 folder=sources)
        linux.make(log, "linux-patched", "linux-window: build", sources, made, "linux")
        shutil.copy2(made / "linux", product / "linux")
        shutil.rmtree(sources)
        shutil.rmtree(made)

    log.write_bytes(b"")
    return build.made(OUT / "linux" / f"window-{linux.key('linux-patched')}-{digest(WINDOW)}",
                      make) / "linux"


@pytest.mark.parametrize("name, told", [("usual", "4 of 4\n"), ("without name", "0 of 4\n")])
def test_route_cache_keeps_its_family(window: Path, tmp_path: Path, name: str, told: str) -> None:
    """A race leaves an IPv6 route in the cache of a socket with an IPv4-mapped
    peer.  It is not sent by; the thread "without name", which the kernel treats
    as a former version of this series treated all, does."""
    program = native.compiled(tmp_path, "route_cache", "-pthread")
    out = tmp_path / "told"
    with out.open("wb") as stream:
        status = sandbox.run_guest({}, window, [str(program), name], listener=None,
                                   environment=os.environ, writable=tmp_path, limit=native.LIMIT,
                                   stdout=stream)
    assert status == 0
    assert out.read_text() == told
