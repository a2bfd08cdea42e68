# SPDX-License-Identifier: LGPL-2.1-or-later
"""All that a program is given arrives, or nothing runs and it is said why."""

from __future__ import annotations

import hashlib
import os
import subprocess

import pytest

from portzero import usage

from conftest import ON_BOTH, PATIENCE, PORTZERO, on

SHOW = """
import hashlib, os, sys
text = b"\\0".join(map(os.fsencode, sys.argv[1:]))
print(len(sys.argv) - 1, hashlib.sha256(text).hexdigest())
for name, value in sorted(os.environb.items()):
    if name.startswith(b"GIVEN"):
        text = name + b"=" + value
        print(hashlib.sha256(text).hexdigest())
"""
CASES = {
    "none": [],
    "empty": [b"", b"", b"x", b""],
    "not text": [b"\xff\xfe", b"new\nline", b"quote\"'", b" ", b"\\", bytes(range(1, 256))],
    "5,000": [b"%d" % number for number in range(5000)],
    "20,000": [b"%d" % number for number in range(20000)],
    "600 of 2,000 bytes": [b"%d" % number * 500 for number in range(1000, 1600)],
    "one of 100 kB": [b"x" * 100_000],
    "like our options": [b"--", b"--libc", b"stock", b"-h"],
}


def show(kernel: str, arguments: list[bytes],
         variables: dict[bytes, bytes]) -> subprocess.CompletedProcess[str]:
    return on(kernel, "/usr/bin/python3", "-I", "-c", SHOW, *arguments,
              env={**os.environb, **variables})


@ON_BOTH
@pytest.mark.parametrize("arguments", CASES.values(), ids=CASES)
def test_arguments(kernel: str, arguments: list[bytes]) -> None:
    result = show(kernel, arguments, {})
    digest = hashlib.sha256(b"\0".join(arguments)).hexdigest()
    assert (result.stdout, result.stderr) == (f"{len(arguments)} {digest}\n", "")


@ON_BOTH
def test_variables(kernel: str) -> None:
    given = {b"GIVEN%d" % number: b"%d" % number for number in range(1000)}
    given |= {b"GIVEN\xff": b"\xfe\n'\"", b"GIVEN_EMPTY": b"", b"GIVEN_LONG": b"x" * 100_000}
    result = show(kernel, [], given)
    digests = [hashlib.sha256(name + b"=" + value).hexdigest()
               for name, value in sorted(given.items())]
    assert (result.stdout.splitlines()[1:], result.stderr) == (digests, "")


def test_more_than_a_kernel_takes_is_told() -> None:
    """With a stack that is not limited, a host takes 6 MB of arguments; a
    guest, whose stack is, does not."""
    words = ["x" * 100_000] * 30
    result = subprocess.run(
        ["bash", "-c", 'ulimit -s unlimited || exit 3; xargs -0 -x -s 4000000 "$@"', "bash",
         PORTZERO, "run", "--libc", "distro", "--kernel", "linux-stock", "--", "/bin/echo"],
        input="\0".join(words), text=True, capture_output=True, check=False, timeout=PATIENCE)
    if result.returncode == 3:
        pytest.fail("this test needs a stack without a limit")
    assert result.stdout == ""
    assert result.stderr.startswith("portzero: /bin/echo: Argument list too long")


def test_options_behind_the_programs_name_are_the_programs() -> None:
    result = on("host", "sh", "-c", 'echo "$@"', "sh", "--port", "80", "--libc", "none")
    assert result.stdout == "--port 80 --libc none\n"
    bare = subprocess.run([PORTZERO, "run", "--libc", "distro", "echo", "--port", "80", "--", "-h"],
                          text=True, capture_output=True, check=True, timeout=PATIENCE)
    assert bare.stdout == "--port 80 -- -h\n"


def test_empty_variable_for_output_is_as_none(tmp_path: object) -> None:
    """PORTZERO_OUT, set to nothing, does not mean the current folder."""
    before = set(os.listdir(str(tmp_path)))
    result = on("host", "true", cwd=tmp_path, env={**os.environ, "PORTZERO_OUT": ""})
    assert (result.returncode, result.stderr) == (0, "")
    assert set(os.listdir(str(tmp_path))) == before
    assert "PORTZERO_OUT" in usage.ENVIRONMENT
