# SPDX-License-Identifier: LGPL-2.1-or-later
"""What this host lacks, and what that costs: asked before anything is built.

Run as a program, it looks around from inside a sandbox and prints what is
missing, as JSON."""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import sys
from pathlib import Path

PROTOCOLS = {"TCP": (socket.SOCK_STREAM, 6), "MPTCP": (socket.SOCK_STREAM, 262),
             "UDP": (socket.SOCK_DGRAM, 17), "UDP-Lite": (socket.SOCK_DGRAM, 136)}
TCP_REPAIR = 19
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
INET_DIAG_REQ_PROTOCOL = 3
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
NLMSG_ERROR = 2


def _has_socket(family: int, kind: int, protocol: int) -> bool:
    try:
        socket.socket(family, kind, protocol).close()
    except OSError:
        return False
    return True


def _has_diag(protocol: int) -> bool:
    """Whether sock_diag lists sockets of this protocol."""
    request = struct.pack("=BBBBI48xHHI", socket.AF_INET, protocol & 0xFF, 0, 0, 0, 8,
                          INET_DIAG_REQ_PROTOCOL, protocol)
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY,
                         NLM_F_REQUEST | NLM_F_DUMP, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diag:
            diag.sendto(header + request, (0, 0))
            return struct.unpack_from("=H", diag.recv(8192), 4)[0] != NLMSG_ERROR
    except OSError:
        return False


def _missing_inside() -> list[str]:
    """What a sandbox on this host cannot do, as "WHAT: WHAT THAT COSTS"."""
    missing = []
    for family, name in ((socket.AF_INET, "IPv4"), (socket.AF_INET6, "IPv6")):
        if not _has_socket(family, socket.SOCK_DGRAM, 0):
            missing.append(f"{name}: its variants are skipped")
    for name, (kind, protocol) in PROTOCOLS.items():
        if not _has_socket(socket.AF_INET, kind, protocol):
            missing.append(f"{name}: its variants are skipped")
        elif not _has_diag(protocol):
            missing.append(f"sock_diag for {name}: the patched libc cannot name its peers at "
                           "port 0, so column patched will not be as expected")
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
        except OSError as error:
            missing.append(f"TCP_REPAIR ({errno.errorcode[error.errno or 0]}): cases without "
                           "packets are skipped")
    return missing


def shortcomings() -> tuple[list[str], bool]:
    """Return a line for each thing that this host lacks, and whether port 0
    can be steered on it.

    Raises Failure if no sandbox can be made at all."""
    from portzero import sandbox  # noqa: PLC0415  (not needed inside)
    from portzero.project import Failure  # noqa: PLC0415

    lines = []
    steered = True
    reader, writer = os.pipe()
    with open(reader) as answer, open(writer, "wb") as out:
        command = [sys.executable, "-I", "-B", str(Path(__file__)), "inside"]
        try:
            status = sandbox.run({}, command, listener=8080, stdout=out)
        except Failure as failure:
            if "nft" not in str(failure):
                raise
            steered = False
            lines.append("this host lacks nftables with NAT: cases that need steering are "
                         "skipped on its kernel")
            status = sandbox.run({}, command, listener=None, stdout=out)
        out.close()
        if status != 0:
            raise Failure("sandbox", f"looking around in it ended with status {status}",
                          "run ./portzero shell --libc distro and look around yourself")
        lines += [f"this host lacks {line}" for line in json.loads(answer.read())]
    return lines, steered


if __name__ == "__main__":
    print(json.dumps(_missing_inside()))
