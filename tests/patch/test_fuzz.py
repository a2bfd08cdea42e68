# SPDX-License-Identifier: LGPL-2.1-or-later
"""The fuzzer finds nothing in the series, and finds what is put there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from portzero.column import Column

sys.path.append(str(Path(__file__).parent / "fuzz"))
import fuzz  # noqa: E402

# What is taken out of the source, and put there instead; and the sanitizer.
BREAKS = {
    "a length that lies": (
        "|| header->nlmsg_len < NLMSG_LENGTH (sizeof (*msg))", "", "memory"),
    "another sender": ("|| sender.nl_pid != 0", "", "address"),
    "another cookie": ("sizeof (key->id.idiag_cookie)) == 0", "0) == 0", "address"),
    "another family": ("&& msg->idiag_family == key->family", "", "address"),
    "another port": ("msg->id.idiag_dport == 0", "1", "address"),
    "a short option": ("&& got == size", "", "memory"),
    "a descriptor left": ("__close_nocancel_nostatus (diag);", ";", "address"),
    "a signal left blocked": ("internal_signal_restore_set (&signals);", "", "address"),
    "the caller's buffer": ("MIN (available, size)", "size", "address"),
    "errno": ("__set_errno (saved_errno);\n      if (err == 0)",
              "__set_errno (0);\n      if (err == 0)", "address"),
    "the error of accept": ("err == EFAULT || err == EINVAL ? err : ECONNABORTED", "err",
                            "address"),
    "a stranger's descriptor": ("    case EBADF:\n    case ENOTSOCK:", "    case -1:", "address"),
    "the error of getpeername": (": -r;", ": EIO;", "address"),
    "a reply that is cut": ("MIN (got, size)", "got", "address"),
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory,
             columns: dict[str, Column]) -> tuple[Path, Path, Path]:
    """The tested files, records of the kernel, and the folder of both."""
    folder = tmp_path_factory.mktemp("fuzz")
    source = fuzz.unpack(folder)
    return source, fuzz.record(source, folder, columns["patched"]), folder


@pytest.mark.parametrize("sanitizer", fuzz.SANITIZERS)
def test_nothing_is_found(prepared: tuple[Path, Path, Path], sanitizer: str) -> None:
    source, records, folder = prepared
    fuzzer = fuzz.compile_fuzzer(source, folder, sanitizer)
    result = fuzz.run(fuzzer, folder / f"found-{sanitizer}", records, "-runs=200000", "-seed=1")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_found(prepared: tuple[Path, Path, Path], tmp_path: Path, name: str) -> None:
    source, records, folder = prepared
    old, new, sanitizer = BREAKS[name]
    texts = {file: (source / file).read_text() for file in fuzz.FILES}
    assert sum(text.count(old) for text in texts.values()) == 1
    for file, text in texts.items():
        (tmp_path / file).write_text(text.replace(old, new))
    (tmp_path / "inside").symlink_to(folder / "inside")
    fuzzer = fuzz.compile_fuzzer(tmp_path, tmp_path, sanitizer)
    result = fuzz.run(fuzzer, tmp_path / "found", records, "-seed=1",
                      "-max_total_time=1200")
    assert result.returncode != 0
    assert "deadly signal" in result.stderr or "Sanitizer" in result.stderr
