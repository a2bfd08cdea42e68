# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was read of the kernel's own servers, as a section of the reference."""

from __future__ import annotations

from typing import Any

from portzero import data_file
from portzero.project import ROOT

SERVERS = ROOT / "tests/conformance/servers.toml"
HEAD = """
## Servers within the kernel

They accept without a system call, and then ask for the client's name as `getpeername()` does.
Read in the source of the columns' kernels, which have none of them; not run.

| server | where | a client at port 0, on an unmodified kernel |
|---|---|---|"""


def servers() -> list[dict[str, Any]]:
    table: list[dict[str, Any]] = data_file.read(SERVERS).table["server"]
    return table


def section() -> list[str]:
    """The lines of the section."""
    return [HEAD, *(f"| {server['name']} | {server['function']}() in {server['file']} "
                    f"| {server['stock']} |" for server in servers())]
