# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the suite and the tests of the glibc series on a big-endian machine: an
emulated s390x, with a kernel, a libc and a system of its own.

    s390x.py [--kernel linux-stock] [--kernel linux-patched]

Observes the libcs distro, preload and patched on each kernel, adds them to the results
(as s390x-LIBC-KERNEL, judged like LIBC/KERNEL), and prints the results of the tests.
0 if all are as expected."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from portzero import emulated, linux, matrix, packages, report, series_tests
from portzero.project import OUT, Failure, exclusive

LIBCS = ("distro", "preload", "patched")


def judge(kernel: str, left: Path) -> bool:
    """Add what was observed to the results, judge it, and tell how the tests
    ended.  Return whether all is as expected."""
    good = True
    for libc in LIBCS:
        status, seconds = (left / f"{libc}.status").read_text().split()
        print(f"{emulated.ARCHITECTURE} {libc}/{kernel}: the suite ended with status {status} after "
              f"{seconds} s")
        good &= matrix.add(f"{emulated.ARCHITECTURE}-{libc}-{kernel}", left / f"{libc}.jsonl",
                           f"{libc}/{kernel}", report.Style()) == 0
    ended = dict(line.split() for line in (left / "tests").read_text().splitlines())
    for name in emulated.tests():
        status = ended.get(Path(name).name, "missing")
        word = {str(code): kind for code, kind in series_tests.RESULTS.items()}.get(status, status)
        print(f"{word}: {name}")
        good &= word == "PASS"
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", action="append", choices=linux.KERNELS)
    parser.add_argument("--build", action="store_true", help="only build what it takes")
    arguments = parser.parse_args()
    packages.install("matrix", emulated.ARCHITECTURE)
    work = OUT / "s390x"
    good = True
    with exclusive(work.name):
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        try:
            kernels = arguments.kernel or list(linux.KERNELS)
            for kernel in kernels:
                emulated.kernel_image(kernel)
            archive = emulated.initial_files(work)
            if arguments.build:
                return 0
            for kernel in kernels:
                good &= judge(kernel, emulated.start(kernel, work, archive))
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return 0 if good else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"{emulated.ARCHITECTURE}: {failure}")
