# SPDX-License-Identifier: LGPL-2.1-or-later
"""A build that is interrupted leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import PORTZERO, processes_with


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_build(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    log = out / "glibc-stock.log"
    with subprocess.Popen([PORTZERO, "build", "--libc", "stock"], stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PORTZERO_OUT": str(out)}) as process:
        while not (log.exists() and b"configure: creating" in log.read_bytes()):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    end = time.monotonic() + 10
    while processes_with(str(out)) and time.monotonic() < end:
        time.sleep(0.01)
    assert processes_with(str(out)) == []
    if number != signal.SIGKILL:
        assert "interrupted" in told
        assert list(out.glob("**/*.partial")) == []
    assert [path for path in out.glob("columns/stock-*") if path.suffix != ".partial"] == []
