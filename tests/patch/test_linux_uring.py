# SPDX-License-Identifier: LGPL-2.1-or-later
"""io_uring's own getsockname, which newer kernels have, is a way to the same
function that no libc stands in."""

from __future__ import annotations

import os
from pathlib import Path

import native
import pytest

from portzero import linux, releases, sandbox
from portzero.column_name import default_release


@pytest.mark.parametrize("kernel", linux.KERNELS)
@pytest.mark.parametrize("release", releases.names())
def test_uring_names_the_peer(release: str, kernel: str, tmp_path: Path) -> None:
    if release == default_release():
        linux.build(kernel, release)
    elif not linux.product(kernel, release).exists():
        pytest.skip(f"./portzero build --release {release} --kernel {kernel} makes it")
    out = tmp_path / "told"
    with out.open("wb") as stream:
        status = sandbox.run_guest({}, linux.product(kernel, release) / "linux",
                                   [str(native.compiled(tmp_path, "uring_name"))], listener=None,
                                   environment=os.environ, writable=tmp_path, limit=native.LIMIT,
                                   stdout=stream)
    assert status == 0
    told = dict(line.split(": ") for line in out.read_text().splitlines())
    assert told.keys() == {f"{family} {port}" for family in ("IPv4", "IPv6")
                           for port in (0, 4242)}
    # An io_uring without getsockname says so, of either port.
    control = told["IPv4 4242"]
    assert control == "named" or (control == "EOPNOTSUPP" and release != releases.names()[-1])
    at_port_0 = "ENOTCONN" if (kernel, control) == ("linux-stock", "named") else control
    assert told == {"IPv4 0": at_port_0, "IPv6 0": at_port_0,
                    "IPv4 4242": control, "IPv6 4242": control}
