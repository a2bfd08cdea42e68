# SPDX-License-Identifier: LGPL-2.1-or-later
"""io_uring's own getsockname, which newer kernels have, is a way to the same
function that no libc stands in."""

from __future__ import annotations

from pathlib import Path

import native
import pytest

from portzero import linux, releases


@pytest.mark.parametrize("kernel", linux.KERNELS)
@pytest.mark.parametrize("release", releases.names())
def test_uring_names_the_peer(release: str, kernel: str, tmp_path: Path) -> None:
    program = str(native.compiled(tmp_path, "uring_name"))
    status, text = native.run_on_kernel(release, kernel, tmp_path, program)
    assert status == 0, text
    told = dict(line.split(": ") for line in text.splitlines())
    assert told.keys() == {f"{family} {port}" for family in ("IPv4", "IPv6")
                           for port in (0, 4242)}
    # An io_uring without getsockname says so, of either port.
    control = told["IPv4 4242"]
    assert control == "named" or (control == "EOPNOTSUPP" and release != releases.names()[-1])
    at_port_0 = "ENOTCONN" if (kernel, control) == ("linux-stock", "named") else control
    assert told == {"IPv4 0": at_port_0, "IPv6 0": at_port_0,
                    "IPv4 4242": control, "IPv6 4242": control}
