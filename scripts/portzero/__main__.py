# SPDX-License-Identifier: LGPL-2.1-or-later
"""Run as a file, by a Python that looks nowhere but here and at the system's
packages (-I)."""

import gc
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from portzero import interruption  # noqa: E402


# A run holds a million records, none of them in a cycle: looking for cycles
# among them takes a third of the time that judging does.
gc.disable()


def _start() -> int:
    try:
        interruption.arm()
        from portzero.cli import main  # noqa: PLC0415

        return main(sys.argv[1:])
    except interruption.Interrupted as signal:
        return signal.tell()


status = _start()
# All is done and told: while Python ends, a signal does not change that.
interruption.hold()
sys.exit(status)
