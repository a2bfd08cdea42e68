# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs to show: small ones with every verdict, and as large as wanted."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

from portzero.judge import Deviation, judge
from portzero.report.model import Model, Ran

FAMILIES = {"IPv4": "127.0.0.1", "IPv6": "[::1%0]"}
PROTOCOLS = ("TCP", "UDP")
LIBCS = ("distro", "stock", "patched")
KERNELS = ("host", "linux-stock", "linux-patched")
DEVIATIONS = [Deviation("a-key", "kernel", "the reason", "net/ipv4/af_inet.c", (
    {"case": ["getpeername/*"], "cell": ["*:syscall", "distro:libc", "stock:libc"],
     "kernel": ["host", "linux-stock"], "observed": {"return": -1, "errno": "ENOTCONN"}},))]
# Data that would end its element, its attribute or its line, if it could.
HOSTILE = '</script><img src=x onerror="alert(1)">&lt;\u2028'


def _name(family: str, port: int) -> dict[str, Any]:
    size, head, rest = ((16, "0200", "7f000001" + "00" * 8) if family == "IPv4" else
                        (28, "0a00", "00" * 19 + "01" + "00" * 4))
    return {"return": 0, "errno": "", "length": size, "bytes": f"{head}{port:04x}{rest}",
            "address": f"{FAMILIES[family]}:{port}", "touched": -1}


ENOTCONN = {"return": -1, "errno": "ENOTCONN", "length": 128, "touched": -1}


def records(column: str, calls: int, cases: int) -> list[dict[str, Any]]:
    """What a column answers: getpeername deviates as Linux does."""
    libc, kernel = column.split("/")
    ran = {"libc": f"build-id-of-{libc}", "kernel": kernel}
    found = []
    for call_number in range(calls):
        call = "getpeername" if call_number == 0 else f"call{call_number}"
        for number in range(cases):
            for family in FAMILIES:
                for protocol in PROTOCOLS:
                    for entry in ("libc", "syscall"):
                        wrong = (call == "getpeername" and kernel != "linux-patched"
                                 and (entry == "syscall" or libc != "patched"))
                        for port, value in (("control", 8081), ("zero", 0)):
                            name = _name(family, value)
                            found.append({
                                "case": f"{call}/case{number}", "step": "", "family": family,
                                "protocol": protocol, "entry": entry, "port": port,
                                "observed_call": call, "ran": ran, "standard": name,
                                "observed": ENOTCONN if wrong and port == "zero" else name})
    return found


def model(calls: int = 3, cases: int = 2, spoil: bool = False) -> Model:
    """A run on nine columns and a saved one.  `spoil`: with what is not as
    expected, and hostile texts."""
    columns = []
    for kernel in KERNELS:
        for libc in LIBCS:
            name = f"{libc}/{kernel}"
            found = records(name, calls, cases)
            ran = found[0]["ran"]
            if spoil and name == "distro/host":
                # Another errno, another libc, a crash, a thing that is missing, an open question.
                found[1] = {**found[1], "observed": {**ENOTCONN, "errno": "EINVAL"}}
                found[3] = {**found[3], "ran": {**ran, "libc": "another"}}
                for place, kind in ((5, "broken"), (7, "skipped")):
                    found[place] = {key: value for key, value in found[place].items()
                                    if key not in ("observed", "standard", "observed_call")}
                    found[place][kind] = HOSTILE
                last = [record for record in found if record["case"] == "call1/case0"]
                for record in last[:2]:
                    record["standard"] = None
                last[1]["observed"] = ENOTCONN
            columns.append(Ran(name, ran, found, judge(name, found, ran, DEVIATIONS),
                               when="2026-01-01 00:00:00", seconds=1.5))
    first = columns[0]
    columns.append(Ran(first.name, first.identity, first.records, first.verdicts, run="before"))
    cases_known = {record["case"] for record in first.records}
    return Model(columns, {case: {"question": f"What does {case} do? {HOSTILE if spoil else ''}",
                                  "basis": "POSIX.1-2017, somewhere"} for case in cases_known},
                 DEVIATIONS)




def png(width: int, height: int, grey: int) -> bytes:
    """A picture of one grey."""
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (struct.pack(">I", len(content)) + kind + content
                + struct.pack(">I", zlib.crc32(kind + content)))

    rows = (b"\0" + bytes([grey]) * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


# What a browser shows is the same on all columns; nc shows nothing.
PICTURES = {"zero": base64.b64encode(png(640, 300, 200)).decode(),
            "control": base64.b64encode(png(640, 300, 90)).decode()}
PROGRAMS = [
    {"program": program, "what": "a transfer", "column": column, "verdict": verdict,
     "why": "it cannot name the peer" if verdict == "deviates" else "",
     **{port: f"$ {program}\n{port} on {column} {HOSTILE}" for port in ("zero", "control")},
     **({f"{port} pictures": [("page", picture, f"the {port} page says {HOSTILE}")]
         for port, picture in PICTURES.items()} if program == "chromium" else {})}
    for program in ("curl", "chromium", "nc")
    for column, verdict in (("distro/host", "deviates"), ("patched/host", "conforms"),
                            ("stock/host", "skipped"))]
