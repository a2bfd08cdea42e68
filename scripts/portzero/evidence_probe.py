# SPDX-License-Identifier: LGPL-2.1-or-later
"""What ./portzero evidence does in a network of its own: connects to port 0,
and asks everyone who could know who the peer is.  Prints JSON.

A program of its own (standard library only), started with the steering rules
(nftables) as its argument."""

from __future__ import annotations

import ctypes
import errno
import json
import os
import platform
import socket
import struct
import subprocess
import sys
from typing import Any

# getpeername's number, asm/unistd.h of each architecture.
NUMBERS = {"x86_64": 52, "aarch64": 205, "riscv64": 205, "loongarch64": 205, "ppc64le": 332,
           "s390x": 368}
SO_PEERNAME, SO_COOKIE = 28, 57
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, NLMSG_DONE = 4, 20, 0x301, 3
LISTENER, CONTROL, SOURCE = 8080, 8081, 8082  # As sandbox/steering/redirect.nft is filled in.
libc = ctypes.CDLL(None, use_errno=True)


def _read_name(data: bytes) -> str:
    family, port = struct.unpack_from("=H", data)[0], struct.unpack_from("!H", data, 2)[0]
    address = socket.inet_ntop(family, data[4:8] if family == socket.AF_INET else data[8:24])
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _asked(call: Any, *before: int, fd: int) -> str:
    """Ask getpeername() by a C function; the name, or the name of the error."""
    buffer = ctypes.create_string_buffer(128)
    length = ctypes.c_uint32(128)
    if call(*before, fd, buffer, ctypes.byref(length)) != 0:
        return errno.errorcode[ctypes.get_errno()]
    return _read_name(buffer.raw)


def _option(sock: socket.socket) -> str:
    try:
        # A longer buffer than the address is EINVAL (sk_getsockopt() in net/core/sock.c).
        size = 16 if sock.family == socket.AF_INET else 28
        return _read_name(sock.getsockopt(socket.SOL_SOCKET, SO_PEERNAME, size))
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def _in_kernel_table(sock: socket.socket) -> str:
    """The peer as sock_diag(7) lists it for this very socket, found by its
    cookie; "" if it is not listed."""
    cookie = sock.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8)
    protocol = socket.IPPROTO_TCP if sock.type == socket.SOCK_STREAM else socket.IPPROTO_UDP
    # struct inet_diag_req_v2: family, protocol, extensions, states, the rest unused.
    request = struct.pack("=BBBBI48x", sock.family, protocol, 0, 0, 0xFFFFFFFF)
    header = struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 0, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diag:
        diag.sendto(header + request, (0, 0))
        while data := diag.recv(1 << 17):
            while len(data) >= 16:
                size, kind = struct.unpack_from("=IH", data)
                if kind != SOCK_DIAG_BY_FAMILY:
                    return ""
                # struct inet_diag_msg: 4 bytes, then sockid: ports, source,
                # destination, interface, cookie.
                message, data = data[16:size], data[(size + 3) & ~3:]
                if message[44:52] == cookie:
                    port = struct.unpack_from("!H", message, 6)[0]
                    width = 4 if sock.family == socket.AF_INET else 16
                    address = socket.inet_ntop(sock.family, message[24:24 + width])
                    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return ""


def _ss(sock: socket.socket) -> str:
    """The line of ss for this socket's local port."""
    kind = "--tcp" if sock.type == socket.SOCK_STREAM else "--udp"
    family = "-4" if sock.family == socket.AF_INET else "-6"
    told = subprocess.run(["ss", "--no-header", "--numeric", kind, family,
                           f"sport = :{sock.getsockname()[1]}"],
                          text=True, capture_output=True, check=True).stdout
    return " ".join(told.split())


def _all(sock: socket.socket) -> dict[str, str]:
    """What everyone says of the peer of a socket."""
    return {"libc": _asked(libc.getpeername, fd=sock.fileno()),
            "syscall": _asked(libc.syscall, NUMBERS[platform.machine()], fd=sock.fileno()),
            "SO_PEERNAME": _option(sock), "sock_diag": _in_kernel_table(sock), "ss": _ss(sock)}


def _stream(family: int, address: str, port: int, listener: int) -> dict[str, Any]:
    """A TCP connection to a port, over which bytes go both ways."""
    with socket.create_server((address, listener), family=family) as server:
        with socket.create_connection((address, port), timeout=60) as client:
            with server.accept()[0] as other:
                client.sendall(b"there")
                there = other.recv(5)
                other.sendall(b"back")
                return {"connected": True, "bytes": [there.decode(), client.recv(4).decode()],
                        **_all(client)}


def _datagram(family: int, address: str, port: int) -> dict[str, Any]:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, port))
        return {"connected": True, **_all(sock)}


def _accepting(source: int) -> str:
    """accept() with an address, of a client at this source port (which the
    rules turn into 0)."""
    with socket.create_server(("127.0.0.1", LISTENER)) as server, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("127.0.0.1", source))
        client.connect(("127.0.0.1", LISTENER))
        buffer, length = ctypes.create_string_buffer(128), ctypes.c_uint32(128)
        fd = libc.accept(server.fileno(), buffer, ctypes.byref(length))
        if fd < 0:
            return errno.errorcode[ctypes.get_errno()]
        os.close(fd)
        return _read_name(buffer.raw)


def main(rules: str) -> dict[str, Any]:
    """Do it all; a failure is told in place of what it kept us from."""
    found: dict[str, Any] = {"kernel": platform.release()}
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    steered = subprocess.run(["nft", "-f", "-"], input=rules, text=True, capture_output=True,
                             check=False)
    if steered.returncode != 0:
        found["steering"] = steered.stderr.strip().splitlines()[0]
    for name, ask in {
            "UDP": lambda: _datagram(socket.AF_INET, "127.0.0.1", 0),
            "UDP over IPv6": lambda: _datagram(socket.AF_INET6, "::1", 0),
            "UDP, control": lambda: _datagram(socket.AF_INET, "127.0.0.1", CONTROL),
            "TCP": lambda: _stream(socket.AF_INET, "127.0.0.1", 0, LISTENER),
            "TCP over IPv6": lambda: _stream(socket.AF_INET6, "::1", 0, LISTENER),
            "TCP, control": lambda: _stream(socket.AF_INET, "127.0.0.1", CONTROL, CONTROL),
            "accept": lambda: _accepting(SOURCE),
            "accept, control": lambda: _accepting(SOURCE + 100)}.items():
        try:
            found[name] = ask()
        except (OSError, subprocess.CalledProcessError) as error:
            found[name] = {"failed": str(error)}
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
