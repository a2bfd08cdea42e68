# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the suite's generator of call sequences found, as a section of the
reference: of each finding, the shortest sequence that shows it."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

Record = dict[str, Any]
Variant = tuple[str, str]  # Protocol, family.

# As sockets have it: its other name is ENOTSUP.
ERRORS = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}
PEERS = ("nobody", "P", "Q", "another")
HEAD = """
## Sequences of calls

A generator walks all sequences of up to three calls (`sequences/datagrams`, `without_ports`) or
two (`streams`, `associations`, `others`) of `connect(P)`, `connect(Q)`, `connect(AF_UNSPEC)`,
`bind()` to port 0, `listen()`, `send()`, `sendto(P)` and `shutdown(SHUT_WR)` on a new socket, where
P is port 0 and, in the control, another one, and Q is a third; and has a
[model](../tests/conformance/core/model.c) of what POSIX says beside it. Of each finding, here is
the shortest sequence, and the answer of its last call (*result*), or whom getpeername() names then
(*peer*), by raw system calls on an unmodified kernel."""
ONLY_ZERO = """
### Not at port 0 as at another

In the third column, **bold** is what POSIX says; where it is not, POSIX leaves it open, or the
control does not follow it either.
"""
EVERYWHERE = """
### Not as the model says, at any port

These have nothing to do with port 0, but would be taken for it without a control.
"""
UNLISTED = """
### What nobody had listed

These came from the generator; no other case asks for them.
"""
# By a sequence that shows it; what is not found any more is not told.
REMARKS = {
    "shutdown, sendto(P): result": (
        "A datagram socket without a peer is shut down though `shutdown()` says ENOTCONN "
        "(`inet_shutdown()` goes on): `sendto()` then says EPIPE, but EINVAL for port 0, whose "
        "check comes first in `udp_sendmsg()`."),
    "connect(P), shutdown, send: result": (
        "After `connect()` to an IPv4-mapped port 0 and `shutdown()`, `send()` does not say that "
        "the socket is shut down: the check of port 0 comes first there, too. A raw socket sends "
        "on at any port: nothing in `raw_sendmsg()` asks."),
    "connect(P), shutdown, connect(P): peer": (
        "A socket that was shut down can be connected once more, to port 0 as to others; then "
        "`getpeername()` fails at port 0 alone."),
    "connect(P), connect(AF_UNSPEC): peer": (
        "Of an SCTP socket, AF_UNSPEC does not undo the peer (EOPNOTSUPP), which `getpeername()` "
        "then names still, but at port 0 never did."),
    "sendto(P), connect(P): result": (
        "A one-to-one SCTP socket that sent without `connect()` is connected, says `connect()`, "
        "though `getpeername()` names nobody, at any port."),
    "bind(any), connect(AF_UNSPEC), bind(any): result": (
        "AF_UNSPEC unbinds a socket that was bound to port 0, also one that had no peer."),
}


def _answer(step: str, value: int) -> str:
    if step.endswith("peer"):
        return PEERS[value]
    return ERRORS.get(value, str(value)) if value else "success"


def where(some: set[Variant], every: set[Variant]) -> str:
    """On which of the variants, in words."""
    protocols: dict[str, set[str]] = defaultdict(set)
    for protocol, family in some:
        protocols[protocol].add(family)
    by_families: dict[str, list[str]] = defaultdict(list)
    for protocol, families in protocols.items():
        of_all = {family for other, family in every if other == protocol}
        by_families["" if families == of_all else ", ".join(sorted(families))].append(protocol)
    return "; ".join(", ".join(sorted(names)) + (f" ({families})" if families else "")
                     for families, names in sorted(by_families.items()))


def section(records: Iterable[Record]) -> list[str]:
    """The lines of the section, from the records of one column."""
    seen: dict[tuple[str, Variant], dict[str, Record]] = defaultdict(dict)
    walked: set[Variant] = set()
    for record in records:
        if record["case"].startswith("sequences/") and record["entry"] == "syscall":
            variant = (record["protocol"], record["family"])
            if "observed" in record and record["step"] == "sequences":
                walked.add(variant)
            elif "observed" in record:
                seen[record["step"], variant][record["port"]] = record
    found: dict[tuple[str, int, int, bool], set[Variant]] = defaultdict(set)
    for (step, variant), ports in seen.items():
        zero, control = ports["zero"], ports["control"]
        found[step, zero["observed"]["return"], control["observed"]["return"],
              zero["standard"] is not None].add(variant)

    lines = [HEAD]
    ordered = sorted(found.items(), key=lambda one: (one[0][0].count(","), one[0]))
    for is_everywhere, head in ((False, ONLY_ZERO), (True, EVERYWHERE)):
        lines += [head, "| sequence | " + ("" if is_everywhere else "at port 0 | ")
                  + "at another port | of |", "|---|---|---|" + ("" if is_everywhere else "---|")]
        for (step, at_zero, at_control, says), variants in ordered:
            if (at_zero == at_control) == is_everywhere:
                sequence, _, what = step.rpartition(": ")
                control = _answer(step, at_control)
                cells = [f"`{sequence}`, {what}", f"**{control}**" if says else control,
                         where(variants, walked)]
                if not is_everywhere:
                    cells.insert(1, _answer(step, at_zero))
                lines.append(f"| {' | '.join(cells)} |")
    steps = {step for step, *_ in found}
    lines += [UNLISTED, *(f"- `{step.rpartition(': ')[0]}`: {remark}"
                          for step, remark in REMARKS.items() if step in steps)]
    return lines
