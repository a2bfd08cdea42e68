# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is steered in a sandbox: to port 0, from port 0, and how."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import on

# The same on every kernel and family; each prints what one side sees.
HEAD = """
import socket
families = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
def bound(family, kind, address, port):
    made = socket.socket(family, kind)
    made.settimeout(10)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((address, port))
    return made
"""
UDP_FROM_0 = HEAD + """
# From one port to one other there can only be one flow at a time.
for family, address in families:
    for port in (8082, *range(8100, 8110), 8099, 8110):
        server = bound(family, socket.SOCK_DGRAM, address, port + 1000)
        client = bound(family, socket.SOCK_DGRAM, address, port)
        client.sendto(b"x", (address, port + 1000))
        print(server.recvfrom(1)[1][1], end=" ")
"""
TCP_FROM_0 = HEAD + """
for family, address in families:
    for port in (8082, *range(8100, 8110), 8099, 8110):
        server = bound(family, socket.SOCK_STREAM, address, port + 1000)
        server.listen(5)
        client = bound(family, socket.SOCK_STREAM, address, port)
        client.connect((address, port + 1000))
        # Linux's accept() fails where it would have to name such a peer.
        try:
            peer = server.accept()
        except OSError as error:
            print(error.errno, end=" ")
            continue
        print(peer[1][1], end=" ")
"""
TWICE = HEAD + """
import time
server = bound(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", 8080)
server.listen(5)
for pause in (0, 0, 1.2):
    time.sleep(pause)
    client = bound(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", 7000)
    client.connect(("127.0.0.1", 8080))
    accepted = server.accept()[0]
    client.close()
    accepted.close()
    print("used", end=" ")
"""
LINK_LOCAL = HEAD + """
import subprocess, sys
subprocess.run(["ip", "link", "add", "inside0", "type", "veth",
                "peer", "name", "inside1"], check=True)
subprocess.run(["ip", "address", "add", "fe80::5/64", "dev", "inside0", "nodad"], check=True)
for name in ("inside0", "inside1"):
    subprocess.run(["ip", "link", "set", name, "up"], check=True)
server = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
server.bind(("::", 8080))
server.listen(5)
client = socket.create_connection(("fe80::5%inside0", 0), 10)
server.settimeout(10)
print("accepted", server.accept()[1][0].partition("%")[0])
"""
TRANSPARENT = HEAD + """
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
for family, address in families:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        server = socket.socket(family, kind)
        if family == socket.AF_INET:
            server.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        else:
            server.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
        server.settimeout(10)
        server.bind((address, 8080))
        client = socket.socket(family, kind)
        if kind == socket.SOCK_STREAM:
            server.listen(5)
        client.connect((address, 0))
        client.sendall(b"text")
        if kind == socket.SOCK_STREAM:
            accepted = server.accept()[0]
            print(accepted.recv(9).decode(), accepted.getsockname()[:2])
        else:
            print(server.recv(9).decode())
"""

# Dual-stack and not, in the place of one that has ended, from a child, and what
# goes wrong as ever.
LOOKUP = HEAD + """
import errno, os
def accepted(server, family, address):
    client = socket.create_connection((address, 0), 10)
    made = server.accept()[0]
    print(made.getsockname()[:2])
for family, address in families:
    for _ in range(2):
        server = bound(family, socket.SOCK_STREAM, address, 8080)
        server.listen(5)
        accepted(server, family, address)
        server.close()
    with bound(family, socket.SOCK_DGRAM, address, 8080) as server:
        with socket.socket(family, socket.SOCK_DGRAM) as client:
            client.connect((address, 0))
            client.send(b"text")
        print(server.recv(9).decode())
server = socket.create_server(("::", 8080), family=socket.AF_INET6, dualstack_ipv6=True)
for family, address in families:
    accepted(server, family, address)
server.close()
def failed(call, *arguments):
    try:
        call(*arguments)
    except OSError as error:
        print(errno.errorcode[error.errno])
failed(socket.create_connection, ("127.0.0.1", 0), 10)
other = bound(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", 8081)
other.listen(5)
failed(socket.create_connection, ("127.0.0.1", 0), 10)
first = bound(socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1", 8080)
failed(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind, ("127.0.0.1", 8080))
failed(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind, ("192.0.2.1", 8080))
first.close()
failed(first.listen)
failed(bound(socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1", 8080).listen)
reader, writer = os.pipe()
if os.fork() == 0:
    server = bound(socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1", 8080)
    server.listen(5)
    os.write(writer, b"x")
    print(server.accept()[0].getsockname(), flush=True)
    os._exit(0)
os.read(reader, 1)
socket.create_connection(("127.0.0.1", 0), 10)
os.wait()
"""
LOOKUP_SAID = """('127.0.0.1', 0)
('127.0.0.1', 0)
text
('::1', 0)
('::1', 0)
text
('::ffff:127.0.0.1', 0)
('::1', 0)
ECONNREFUSED
ECONNREFUSED
EADDRINUSE
EADDRNOTAVAIL
EBADF
ENOTSUP
('127.0.0.1', 0)
"""
SERVER_AND_CLIENT = """
/usr/bin/python3 -m http.server 8080 > /dev/null 2>&1 &
until curl -s -o /dev/null http://127.0.0.1:8080/; do :; done
curl -s -o /dev/null -w '%{http_code} %{remote_port}' http://127.0.0.1:0/
"""


@pytest.fixture(autouse=True, params=["host", "linux-stock"])
def kernel(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def said(kernel: str, program: str, *options: str) -> str:
    result = on(kernel, "/usr/bin/python3", "-c", program, options=options, cwd="/usr")
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def test_udp_from_port_0(kernel: str) -> None:
    """From 8082 and from 8100 to 8109, and from no other."""
    assert said(kernel, UDP_FROM_0).split() == (["0"] * 11 + ["8099", "8110"]) * 2


def test_tcp_from_port_0(kernel: str) -> None:
    seen = said(kernel, TCP_FROM_0).split()
    assert seen in ((["0"] * 11 + ["8099", "8110"]) * 2, (["103"] * 11 + ["8099", "8110"]) * 2)


def test_ports_move_with_the_listener(kernel: str) -> None:
    program = UDP_FROM_0.replace(
        "(8082, *range(8100, 8110), 8099, 8110)", "(9002, 9020, 9029, 8082, 9030)")
    assert said(kernel, program, "--port", "9000").split() == [
        "0", "0", "0", "8082", "9030"] * 2


def test_port_is_used_again_at_once(kernel: str) -> None:
    """Also what was used in the guest's first second."""
    assert said(kernel, TWICE) == "used used used "


def test_link_local_address(kernel: str) -> None:
    assert said(kernel, LINK_LOCAL) == "accepted fe80::5\n"


def test_transparent_server_sees_port_0(kernel: str) -> None:
    assert said(kernel, TRANSPARENT, "--steer", "tproxy").splitlines() == [
        "text ('127.0.0.1', 0)", "text", "text ('::1', 0)", "text"]


def test_without_transparency_nothing_is_steered(kernel: str) -> None:
    program = "import socket; socket.create_connection(('127.0.0.1', 0), 5)"
    result = on(kernel, "/usr/bin/python3", "-c", program, options=("--steer", "tproxy"))
    assert result.returncode == 1
    assert "Error" in result.stderr


def test_lookup(kernel: str) -> None:
    """The accepted socket is at port 0, though nothing is translated and the
    server knows nothing of it."""
    assert said(kernel, LOOKUP, "--steer", "sk_lookup") == LOOKUP_SAID


def test_lookup_for_a_real_server(kernel: str, tmp_path: Path) -> None:
    result = on(kernel, "sh", "-c", SERVER_AND_CLIENT, options=("--steer", "sk_lookup"),
                cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (0, "200 0", "")


def test_lookup_makes_no_rules(kernel: str) -> None:
    result = on(kernel, "nft", "list", "ruleset", options=("--steer", "sk_lookup"))
    assert (result.returncode, result.stdout) == (0, "")


def test_lookup_of_an_ordinary_user(kernel: str) -> None:
    """Takes root on the host; in a guest, root is there."""
    result = on(kernel, "true", options=("--steer", "sk_lookup"), ordinary=True)
    if kernel == "host":
        assert result.returncode == 2
        assert "it takes root" in result.stderr
        assert result.stderr.count("\n") == 1
    else:
        assert (result.returncode, result.stderr) == (0, "")


def test_no_interface_but_loopback(kernel: str) -> None:
    listed = on(kernel, "ip", "-brief", "link").stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["lo"]
