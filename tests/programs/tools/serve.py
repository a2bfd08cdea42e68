#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Serves ordinary clients at port 8080: the other side of the programs that
are tried as clients.

    serve.py http|https|echo|tls|ftp|udp|dns|proxy [ADDRESS]

http and https answer every request with "hello"; so does proxy, for every address
that it is asked for by HTTP or by SOCKS 5.  ftp has one file, dns
names every host 192.0.2.1 over UDP and TCP."""

from __future__ import annotations

import re
import socket
import socketserver
import ssl
import struct
import sys
import threading

ADDRESS = (sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", 8080)


class Http(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        request = b""
        for line in self.rfile:
            request += line
            if not line.strip():
                break
        wanted = request.split(b" ")[1:2] or [b""]
        status, body = (b"404 Not Found", b"nothing here\n") if b"missing" in wanted[0] \
            else (b"200 OK", b"hello\n")
        self.wfile.write(b"HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                         b"Connection: close\r\n\r\n%s" % (status, len(body), body))


class Proxy(Http):
    def handle(self) -> None:
        if self.rfile.peek(1)[:1] == b"\5":
            self.rfile.read(self.rfile.read(2)[1])
            self.wfile.write(b"\5\0")
            kind = self.rfile.read(4)[3]
            self.rfile.read({1: 4, 4: 16}.get(kind) or self.rfile.read(1)[0])
            self.rfile.read(2)
            self.wfile.write(b"\5\0\0\1" + bytes(6))
        super().handle()


class Echo(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)
            self.wfile.flush()


class Ftp(socketserver.StreamRequestHandler):
    """One file, over passive connections to other ports."""

    def say(self, text: str) -> None:
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 ready")
        passive: socket.socket | None = None
        for raw in self.rfile:
            word, _, rest = raw.decode(errors="replace").strip().partition(" ")
            match word.upper():
                case "USER":
                    self.say("331 password")
                case "PASS":
                    self.say("230 in")
                case "PWD":
                    self.say('257 "/" is it')
                case "SIZE":
                    self.say("213 6" if rest.endswith("file") else "550 no")
                case "EPSV" | "PASV":
                    passive = socket.create_server(("127.0.0.1", 0))
                    port = passive.getsockname()[1]
                    self.say(f"229 ok (|||{port}|)" if word.upper() == "EPSV" else
                             f"227 ok (127,0,0,1,{port >> 8},{port & 255})")
                case "RETR" | "LIST" | "NLST" | "MLSD" if passive:
                    self.say("150 coming")
                    data = passive.accept()[0]
                    data.sendall(b"hello\n" if word.upper() == "RETR" else b"file\r\n")
                    data.close()
                    self.say("226 done")
                case "QUIT":
                    self.say("221 bye")
                    return
                case "SYST":
                    self.say("215 UNIX Type: L8")
                case "TYPE" | "CWD" | "MODE" | "STRU":
                    self.say("200 ok")
                case _:
                    self.say("502 no")


def reply(query: bytes) -> bytes:
    """The address 192.0.2.1 for whatever is asked."""
    end = re.match(rb".{12}(?:[^\0][^\0]*)*?\0....", query, re.DOTALL)
    question = query[12:end.end()] if end else query[12:]
    return (query[:2] + struct.pack(">HHHHH", 0x8580, 1, 1, 0, 0) + question
            + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes([192, 0, 2, 1]))


class Dns(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while size := self.rfile.read(2):
            answer = reply(self.rfile.read(*struct.unpack(">H", size)))
            self.wfile.write(struct.pack(">H", len(answer)) + answer)
            self.wfile.flush()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    context: ssl.SSLContext | None = None

    def finish_request(self, request: object, client_address: object) -> None:
        if self.context:
            assert isinstance(request, socket.socket)
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, client_address)  # type: ignore[arg-type]

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # A client that goes away is no finding.


def datagrams(answer: object) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(ADDRESS)
    while True:
        data, client = server.recvfrom(65535)
        server.sendto(answer(data), client)  # type: ignore[operator]


def main() -> None:
    kind = sys.argv[1]
    if kind == "udp":
        datagrams(lambda data: data)
    if kind == "dns":
        threading.Thread(target=datagrams, args=[reply], daemon=True).start()
    handler = {"http": Http, "https": Http, "echo": Echo, "tls": Echo, "ftp": Ftp,
               "dns": Dns, "proxy": Proxy}[kind]
    if ":" in ADDRESS[0]:
        Server.address_family = socket.AF_INET6
    server = Server(ADDRESS, handler)
    if kind in ("https", "tls"):
        server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.context.load_cert_chain("both.pem")
    server.serve_forever()


main()
