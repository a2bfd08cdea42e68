# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows, on the machine it runs on and without building anything, what README
and docs/root-cause.md claim.

Each step says what it looks at, what was seen, and what that proves; one that
does not show what it should fails the whole."""

from __future__ import annotations

import ctypes
import glob
import json
import platform
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from portzero import sandbox
from portzero.project import ROOT, Failure, output_of

PROBE = Path(__file__).with_name("evidence_probe.py")
RELEASES = ROOT / "build/evidence/releases.toml"
CHECK = re.compile(r"!inet->(inet_)?dport")


@dataclass
class Step:
    """One piece of evidence."""

    title: str
    proves: str
    seen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong unless something holds."""
        if not holds:
            self.wrong.append(otherwise)


def system_libc() -> Path:
    """The file of the libc that this very program runs on."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.split()[-1]
        if re.search(r"/libc[.-][^/]*so", path):
            return Path(path)
    raise Failure("evidence", "this Python runs on no libc that is a file of its own",
                  "use the distribution's Python")


def instructions(listing: str) -> list[str]:
    """The instructions of objdump's listing of getpeername(), without
    addresses and bytes."""
    found = []
    inside = False
    for line in listing.splitlines():
        if re.match(r"[0-9a-f]+ <", line):
            inside = re.match(r"[0-9a-f]+ <(__)?getpeername(@|>)", line) is not None
        parts = line.split("\t")
        if inside and len(parts) == 3:
            found.append(" ".join(parts[2].split()))
    return found


def judge_disassembly(step: Step, code: list[str]) -> None:
    """Whether this is a bare system call: one system call, no call of another
    function, and no look at what the kernel was given or has stored."""
    names = [line.split()[0] for line in code]
    step.expect(bool(code), "getpeername() was not found in the libc")
    step.expect(names.count("syscall") == 1, "there is not exactly one system call")
    step.expect("mov $0x34,%eax" in code, "it is not the system call getpeername (0x34)")
    called = [line for line in code if line.startswith("call")
              or line.startswith("j") and not re.search(r"<(__)?getpeername[@+>]", line)]
    step.expect(not called, f"it goes elsewhere: {', '.join(called)}")
    # Arguments are in rdi, rsi, rdx: nothing reads through them, nothing compares them.
    for line in code:
        step.expect(not re.search(r"%[er]?(di|si|dx|dil|sil|dl)\b", line.partition("#")[0]),
                    f"it looks at its arguments: {line}")


def _disassembly() -> Step:
    step = Step("The C library's getpeername(), disassembled",
                "it hands its arguments to the kernel and its answer back: no check of any port")
    library = system_libc()
    version = ctypes.CDLL(None)
    version.gnu_get_libc_version.restype = ctypes.c_char_p
    step.seen.append(f"{library}: glibc {version.gnu_get_libc_version().decode()}")
    if platform.machine() != "x86_64":
        step.wrong.append(f"only machine code of x86-64 can be read here, not {platform.machine()}")
        return step
    code = instructions(output_of("objdump", "-d", "--disassemble=getpeername", library))
    step.seen += code
    judge_disassembly(step, code)
    return step


def _told(found: dict[str, Any]) -> list[str]:
    return [f"{name:<12} {value}" for name, value in found.items() if name != "connected"]


def _connection(found: dict[str, Any], kind: str, address: str) -> Iterator[Step]:
    """What was seen of a connection to port 0: who refuses, and who knows."""
    seen = found[kind]
    wanted = f"{address}:0"
    refusing = Step(f"{kind}: connect() to port 0, then getpeername()",
                    "the socket is connected, and the kernel's system call itself says ENOTCONN; "
                    "the libc only passes that on")
    knowing = Step(f"{kind}: the peer in the kernel's own socket table",
                   "the kernel knows the peer all the time, and tells it to whoever asks another way")
    if "failed" in seen:
        for step in (refusing, knowing):
            step.wrong.append(f"{kind}: {seen['failed']}"
                              + (f" (no steering: {found['steering']})"
                                 if "steering" in found else ""))
            yield step
        return
    refusing.seen = _told({name: value for name, value in seen.items()
                           if name in ("libc", "syscall", "SO_PEERNAME", "bytes")})
    for name in ("libc", "syscall", "SO_PEERNAME"):
        refusing.expect(seen[name] == "ENOTCONN", f"{name} answers {seen[name]}, not ENOTCONN: is "
                        "this a patched libc or kernel?")
    if "bytes" in seen:
        refusing.expect(seen["bytes"] == ["there", "back"], "bytes did not go both ways")
    yield refusing
    knowing.seen = _told({name: seen[name] for name in ("sock_diag", "ss")})
    knowing.expect(seen["sock_diag"] == wanted, f"sock_diag says '{seen['sock_diag']}', not {wanted}")
    # ss writes a port 0 as *.
    knowing.expect(f"{address}:*" in seen["ss"] and seen["ss"].startswith("ESTAB")
                   or kind.startswith("TCP") and f" {address}:*" in seen["ss"],
                   f"ss does not show {address}:* as the peer")
    yield knowing


def _control(found: dict[str, Any]) -> Step:
    step = Step("The same at another port", "nothing but the port makes the difference")
    for kind in ("UDP, control", "TCP, control"):
        seen = found[kind]
        step.seen += [f"{kind}: {name} {seen.get(name)}" for name in ("libc", "syscall")]
        for name in ("libc", "syscall", "SO_PEERNAME", "sock_diag"):
            step.expect(seen.get(name) == "127.0.0.1:8081",
                        f"{kind}: {name} says {seen.get(name, seen.get('failed'))}")
    return step


def _accept(found: dict[str, Any]) -> Step:
    step = Step("accept() with an address, of a client whose source port is 0",
                "the same check costs a server the whole connection: ECONNABORTED")
    step.seen = [f"client at port 0       {found['accept']}",
                 f"client at another port {found['accept, control']}"]
    step.expect(found["accept"] == "ECONNABORTED", f"accept() answers {found['accept']}")
    step.expect(found["accept, control"] == "127.0.0.1:8182",
                f"at another port, accept() answers {found['accept, control']}")
    return step


def find_check(name: str, text: str, step: Step, wanted: int) -> None:
    """Look for the check in a source file; show it with its place.  `wanted`
    is the line where it must be, or 0."""
    lines = text.splitlines()
    places = [number for number, line in enumerate(lines, 1) if CHECK.search(line)]
    step.expect(bool(places), f"{name}: there is no such check")
    step.seen += [f"{name}:{number}: {lines[number - 1].strip()}" for number in places]
    if wanted:
        step.expect(wanted in places, f"{name}: it is not in line {wanted}, as "
                    "build/evidence/releases.toml says of this release")


def _kernel_sources(known: list[dict[str, Any]]) -> Iterator[Step]:
    """The check, in each kernel source that is installed."""
    files = ("net/ipv4/af_inet.c", "net/ipv6/af_inet6.c")
    for archive in sorted(glob.glob("/usr/src/linux-source-*.tar.xz")):
        version = Path(archive).name.removeprefix("linux-source-").removesuffix(".tar.xz")
        step = Step(f"The check, in the source of Linux {version} ({archive})",
                    "it stands in inet_getname() and inet6_getname(), and refuses every peer at "
                    f"port 0 (the kernel that runs here is {platform.release()})")
        top = f"linux-source-{version}/"
        # GNU tar and xz are several times as fast as Python's, and end early.
        with tempfile.TemporaryDirectory() as folder:
            try:
                output_of("tar", "--occurrence=1", "-C", folder, "-xf", archive,
                          *(top + name for name in files))
            except Failure as failure:
                step.wrong.append(str(failure))
            for name in files if not step.wrong else ():
                line = next((one["line"] for one in known if one["what"] == "Linux"
                             and one["version"] == version and one["file"] == name), 0)
                find_check(name, (Path(folder) / top / name).read_text(), step, line)
        yield step


def _libc_sources(known: list[dict[str, Any]]) -> Iterator[Step]:
    """getpeername(), in each glibc source that is installed."""
    for archive in sorted(glob.glob("/usr/src/glibc/glibc-*.tar.xz")):
        top = Path(archive).name.removesuffix(".tar.xz")
        version = top.removeprefix("glibc-")
        for release in known:
            if release["what"] != "glibc" or release["version"] != version:
                continue
            step = Step(f"getpeername(), in the source of glibc {version} ({archive})",
                        "all there is of it is the name of a system call")
            with tarfile.open(archive) as tar:
                member = tar.extractfile(f"{top}/{release['file']}")
                text = member.read().decode() if member else ""
            lines = text.splitlines()
            line = lines[release["line"] - 1] if len(lines) >= release["line"] else ""
            step.seen.append(f"{release['file']}:{release['line']}: {' '.join(line.split())}")
            step.expect(" ".join(line.split()) == release["text"],
                        "this is not what build/evidence/releases.toml says of this release")
            yield step


def _known(releases: list[dict[str, Any]]) -> Step:
    step = Step("Releases that were read", "the check was in Linux from early on and still is; "
                "glibc does not have it", [
                    f"{one['what']} {one['version']}: {one['does']} ({one['file']}"
                    + (f":{one['line']}" if one["line"] else "") + f": {one['text']})"
                    for one in releases])
    step.expect(bool(releases), f"{RELEASES} names none")
    return step


def probe() -> dict[str, Any]:
    """Run the probe in a network of its own; return what it found."""
    command = sandbox.with_own_network([sys.executable, "-I", str(PROBE),
                                        sandbox.steering(8080)])
    done = subprocess.run(command, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        why = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise Failure("evidence", f"no network namespace of one's own: {why}",
                      "run it as root, or where user namespaces are allowed")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def steps() -> Iterator[Step]:
    """Each piece of evidence, as it is found."""
    known = tomllib.loads(RELEASES.read_text())["release"]
    yield _disassembly()
    yield from _libc_sources(known)
    found = probe()
    for kind, address in (("TCP", "127.0.0.1"), ("UDP", "127.0.0.1"),
                          ("TCP over IPv6", "[::1]"), ("UDP over IPv6", "[::1]")):
        yield from _connection(found, kind, address)
    yield _control(found)
    yield _accept(found)
    sources = list(_kernel_sources(known))
    yield from sources or [Step(
        "The check, in the source of a kernel", "nothing here: no kernel source is installed",
        ["apt-get install linux-source brings one, to /usr/src"])]
    yield _known(known)


def show(as_json: bool) -> int:
    """Print the evidence; return 0 if each step shows what it should, else 1."""
    wrong = 0
    found = []
    for number, step in enumerate(steps(), 1):
        wrong += bool(step.wrong)
        found.append(step)
        if as_json:
            continue
        print(f"{number}. {step.title}")
        for line in step.seen:
            print(f"      {line}")
        for line in step.wrong:
            print(f"   NOT SHOWN: {line}")
        if not step.wrong:
            print(f"   proves: {step.proves}")
        print(flush=True)
    if as_json:
        print(json.dumps({"shown": not wrong, "steps": [asdict(step) for step in found]}))
    else:
        print(f"{wrong} of {len(found)} steps do not show what they should." if wrong
              else f"Each of {len(found)} steps shows what it should.")
    return 1 if wrong else 0
