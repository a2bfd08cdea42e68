# SPDX-License-Identifier: LGPL-2.1-or-later
"""A build that is interrupted leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from conftest import PORTZERO, await_that, leave_nothing


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_build(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    log = out / "glibc-stock.log"
    with subprocess.Popen([PORTZERO, "build", "--libc", "stock"], stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PORTZERO_OUT": str(out)}) as process:
        await_that(lambda: process.poll() is not None
                   or log.exists() and b"configure: creating" in log.read_bytes())
        assert process.poll() is None
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    leave_nothing(str(out))
    if number != signal.SIGKILL:
        assert "interrupted" in told
        assert list(out.glob("**/*.partial")) == []
    assert [path for path in out.glob("columns/stock-*") if path.suffix != ".partial"] == []
