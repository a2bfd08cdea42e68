# SPDX-License-Identifier: LGPL-2.1-or-later
"""Proves with the bounded model checker cbmc what proof.c says of the parser
of the kernel's answers in the glibc series.

As a program: prove.py [BYTES], for replies of up to so many bytes.  Exit
status 0 if it is proved, and if each outcome is possible, so that the proof is
of something."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from portzero import sources
from portzero.project import ROOT

HERE = ROOT / "tests/patch/proof"
sys.path.append(str(ROOT / "tests/patch/fuzz"))
import fuzz  # noqa: E402

# The first release that has cbmc; it is unpacked with the libraries it needs
# and not installed.
RELEASE = "trixie"
PACKAGES = ("cbmc", "libc6", "libgcc-s1", "libstdc++6", "minisat", "zlib1g")
BYTES = 200  # Two entries and the end; 20 seconds.
CHECKS = ["--bounds-check", "--pointer-check", "--pointer-overflow-check",
          "--pointer-primitive-check", "--signed-overflow-check", "--undefined-shift-check",
          "--slice-formula"]
# A message that is not the last is at least this long (a header and struct
# inet_diag_msg), and of two structs inet_diag_sockid each byte is compared.
MESSAGE, SOCKID = 88, 48


def cbmc(source: Path, folder: Path, size: int, *options: str) -> subprocess.CompletedProcess[str]:
    """Run cbmc on proof.c, with the tested file in `source`."""
    usr = sources.unpacked_packages(RELEASE, PACKAGES) / "usr"
    return subprocess.run(
        [usr / "lib64/ld-linux-x86-64.so.2", "--library-path",
         f"{usr / 'lib/x86_64-linux-gnu'}:{usr / 'lib'}", usr / "bin/cbmc",
         "-D_GNU_SOURCE", f"-DLENGTH={size}", "-I", fuzz.HERE, "-I", folder / "inside", "-I", source,
         "--unwindset", f"parse_replies.0:{size // MESSAGE + 2},memcmp.0:{SOCKID + 1}",
         *options, HERE / "proof.c"], text=True, capture_output=True, check=False)


def prove(source: Path, folder: Path, size: int) -> list[str]:
    """What is not proved, [] if all is.  Raises RuntimeError if cbmc did not
    look."""
    done = cbmc(source, folder, size, *CHECKS, "--unwinding-assertions")
    failed = re.findall(r"^\[.*: (?:FAILURE|UNKNOWN)$", done.stdout, re.MULTILINE)
    count = re.search(r"^\*\* (\d+) of (\d+) failed", done.stdout, re.MULTILINE)
    if count is None or int(count[2]) == 0 or (done.returncode == 0) != (not failed):
        raise RuntimeError(f"cbmc ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return failed


def uncovered(source: Path, folder: Path, size: int) -> list[str]:
    """Which of the outcomes in proof.c are not possible."""
    done = cbmc(source, folder, size, "-DCOVER", "--cover", "cover")
    goals = re.findall(r"^\[main\.coverage.*: (?:SATISFIED|FAILED)$", done.stdout, re.MULTILINE)
    if not goals:
        raise RuntimeError(f"cbmc ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return [goal for goal in goals if goal.endswith("FAILED")]


def main(size: int) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = fuzz.unpack(folder)
        wrong = prove(source, folder, size) or uncovered(source, folder, size)
    print("\n".join(wrong) if wrong else
          f"proved for every reply of up to {size} bytes: parse_replies() reads nothing outside, "
          "does not overflow, and ends")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else BYTES))
