# SPDX-License-Identifier: LGPL-2.1-or-later
"""Standard input and output of a sandbox are the caller's, and with the command
ends what it started."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from conftest import ON_BOTH, PATIENCE, PORTZERO, leave_nothing, on

SIZE = 3_000_000


def run(kernel: str, command: str, redirection: str, folder: Path,
        given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    """Run a shell's command with a redirection of the whole sandbox."""
    return subprocess.run(
        ["bash", "-c", f'"$0" run --libc distro --kernel {kernel} -- sh -c "$1" {redirection}',
         PORTZERO, command], cwd=folder, input=given, capture_output=True, check=False, timeout=PATIENCE)


def random_bytes() -> bytes:
    return hashlib.shake_128(b"stream").digest(SIZE)


@ON_BOTH
def test_input_from_a_pipe(tmp_path: Path, kernel: str) -> None:
    data = random_bytes()
    result = run(kernel, "cat", "", tmp_path, data)
    assert (result.returncode, result.stderr) == (0, b"")
    assert result.stdout == data


@ON_BOTH
def test_input_from_a_file(tmp_path: Path, kernel: str) -> None:
    (tmp_path / "file").write_bytes(random_bytes())
    result = run(kernel, "sha256sum", "< file", tmp_path)
    assert result.stdout.split()[0].decode() == hashlib.sha256(random_bytes()).hexdigest()


@ON_BOTH
def test_input_that_is_not_read(tmp_path: Path, kernel: str) -> None:
    """The command ends though nobody takes what is given."""
    assert run(kernel, "exit 3", "", tmp_path, random_bytes()).returncode == 3
    result = run(kernel, "head -n 1", "", tmp_path, b"first\n" + random_bytes())
    assert (result.returncode, result.stdout) == (0, b"first\n")


@ON_BOTH
def test_input_that_does_not_end(tmp_path: Path, kernel: str) -> None:
    """What comes is there at once, and the command's end is the end."""
    with subprocess.Popen([PORTZERO, "run", "--libc", "distro", "--kernel", kernel, "--", "sh", "-c",
                           "while read line && test $line != end; do echo got $line; done"],
                          cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, bufsize=1) as process:
        assert process.stdin and process.stdout
        for word in ("one", "two"):
            process.stdin.write(f"{word}\n")
            assert process.stdout.readline() == f"got {word}\n"
        process.stdin.write("end\n")
        assert process.wait(timeout=PATIENCE) == 0


@ON_BOTH
def test_no_input(tmp_path: Path, kernel: str) -> None:
    assert run(kernel, "cat; echo $?", "< /dev/null", tmp_path).stdout == b"0\n"
    closed = run(kernel, "cat; echo after", "<&-", tmp_path)
    assert (closed.returncode, closed.stdout) == (0, b"after\n")
    if kernel == "host":
        assert b"Bad file descriptor" in closed.stderr


@ON_BOTH
def test_closed_output(tmp_path: Path, kernel: str) -> None:
    """Closed streams are no files of ours, and no traceback."""
    result = run(kernel, "echo lost; echo told >&2; exit 4", ">&-", tmp_path)
    assert result.returncode == 4
    assert b"Traceback" not in result.stderr
    assert result.stderr.endswith(b"told\n")
    assert run(kernel, "echo lost >&2; echo told; exit 4", "2>&-", tmp_path).stdout == b"told\n"


@ON_BOTH
def test_big_output(tmp_path: Path, kernel: str) -> None:
    """Every byte, on both streams, to a pipe and to a file."""
    command = f"head -c {SIZE} /dev/zero | tr '\\0' '\\r'; head -c {SIZE} /dev/zero >&2"
    result = run(kernel, command, "", tmp_path)
    assert result.stdout == b"\r" * SIZE
    assert result.stderr == b"\0" * SIZE
    assert run(kernel, command, "> out 2> error", tmp_path).returncode == 0
    assert (tmp_path / "out").read_bytes() == b"\r" * SIZE
    assert (tmp_path / "error").read_bytes() == b"\0" * SIZE


@ON_BOTH
def test_reader_that_has_seen_enough(tmp_path: Path, kernel: str) -> None:
    result = run(kernel, "yes", "| head -n 1", tmp_path)
    assert result.stdout == b"y\n"


@ON_BOTH
def test_background_ends_with_the_command(tmp_path: Path, kernel: str) -> None:
    mark = f"portzero-behind-{os.getpid()}-{kernel}"
    folder = tmp_path / mark
    folder.mkdir()
    result = on(kernel, "bash", "-c", f"(exec -a {mark} setsid sleep 1000) & (sleep 1001) & exit 6",
                cwd=folder)
    assert result.returncode == 6
    leave_nothing(mark)
