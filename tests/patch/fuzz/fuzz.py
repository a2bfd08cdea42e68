# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the fuzzer of the glibc series and runs it.

As a program: fuzz.py SECONDS runs it with both sanitizers for so long, and
keeps what it found interesting in out/fuzz."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from portzero import glibc
from portzero.column import Column, open_column
from portzero.project import OUT, ROOT

HERE = ROOT / "tests/patch/fuzz"
FOLDER = "sysdeps/unix/sysv/linux"
FILES = ("getpeername-port0.c", "accept-port0.c")
HEADERS = ("getpeername-port0.h", "accept-port0.h", "port0-peers.h")
# What the file includes from the inside of the C library; kernel.h has it all.
INSIDE = ("atomic.h", "internal-signals.h", "kernel-features.h", "not-cancel.h",
          "socketcall.h", "sysdep.h")
SANITIZERS = {
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "memory": ["-fsanitize=memory"],
}
# Where a record says what is wrong with all replies, and how many ways there
# are (fuzz.c).
REPLIES, KINDS = 6, 10
FLAGS = ["-std=gnu17", "-g", "-O1", "-I", str(HERE)]
OURS = ["-Wall", "-Wextra", "-Werror"]
THEIRS = ["-Wno-gnu-variable-sized-type-not-at-end"]


def unpack(folder: Path) -> Path:
    """Take the files that are tested out of the series, put them into
    `folder`, and return where they are."""
    subprocess.run(["git", "init", "--quiet", folder], check=True)
    for patch in glibc.series():
        subprocess.run(["git", "-C", folder, "apply",
                        *(f"--include={FOLDER}/{name}" for name in (*FILES, *HEADERS)), patch],
                       check=True, capture_output=True)
    for name in INSIDE:
        (folder / "inside" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "inside" / name).touch()
    for name in HEADERS:
        (folder / "inside" / name).write_bytes((folder / FOLDER / name).read_bytes())
    return folder / FOLDER


def _compile(source: Path, folder: Path, driver: str, program: str, flags: list[str],
             linking: list[str]) -> Path:
    """Compile the tested files in `source` and one of ours, by their own
    rules."""
    objects = []
    theirs = [*THEIRS, "-include", str(HERE / "kernel.h"), "-I", str(folder / "inside")]
    for file, rules in (*((source / name, theirs) for name in FILES), (HERE / driver, OURS)):
        objects.append(str(folder / f"{program}-{file.stem}.o"))
        subprocess.run(["clang", *FLAGS, *flags, *rules, "-c", "-o", objects[-1], str(file)],
                       check=True)
    subprocess.run(["clang", *flags, *linking, "-o", folder / program, *objects], check=True)
    return folder / program


def compile_fuzzer(source: Path, folder: Path, sanitizer: str) -> Path:
    return _compile(source, folder, "fuzz.c", f"fuzz-{sanitizer}",
                    ["-fsanitize=fuzzer-no-link", *SANITIZERS[sanitizer]], ["-fsanitize=fuzzer"])


def record(source: Path, folder: Path, column: Column) -> Path:
    """Return a folder with records of the kernel of `column`: the true ones,
    and each with false replies of every kind."""
    program = _compile(source, folder, "recorder.c", "recorder", [], [])
    records = folder / "records"
    records.mkdir()
    status = column.run(["env", "-C", str(records), str(program), "8080"])
    if status != 0:
        raise RuntimeError(f"the recorder ended with {status}")
    for path in list(records.iterdir()):
        for kind in range(1, KINDS):
            false = bytearray(path.read_bytes())
            false[REPLIES] = kind
            path.with_name(f"{path.name}-{kind}").write_bytes(false)
    return records


def run(fuzzer: Path, folder: Path, records: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the fuzzer; what it finds goes to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return subprocess.run([fuzzer, "-max_len=2048", "-print_final_stats=1", *options,
                           str(folder), str(records)],
                          cwd=folder.parent, text=True, errors="replace", capture_output=True,
                          check=False)


def main(seconds: str) -> int:
    folder = OUT / "fuzz" / str(os.getpid())
    folder.mkdir(parents=True)
    source = unpack(folder)
    records = record(source, folder, open_column("patched"))
    for sanitizer in SANITIZERS:
        result = run(compile_fuzzer(source, folder, sanitizer), folder / "found", records,
                     f"-max_total_time={seconds}")
        if result.returncode != 0:
            print(result.stderr, file=sys.stderr)
            return 1
        runs = re.findall(r"number_of_executed_units: *(\d+)", result.stderr)[-1]
        covered = re.findall(r" cov: (\d+)", result.stderr)[-1]
        print(f"{sanitizer} sanitizer: nothing found in {int(runs):,} runs "
              f"({covered} edges covered)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
