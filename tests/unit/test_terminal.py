# SPDX-License-Identifier: LGPL-2.1-or-later
"""The grid on the terminal: readable at every width, complete, honest."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys

import pytest

from portzero import report
from portzero.judge import Verdict
from portzero.project import ROOT
from portzero.report import terminal
from portzero.report.summary import Cell, Summary, cell, described

LIBCS = ("distro", "stock", "patched", "musl")
KERNELS = ("host", "linux-stock", "linux-patched")
RELEASES = ("bookworm", "trixie", "sid")
COLUMNS = [f"{release}:{libc}/{kernel}" for release in RELEASES for kernel in KERNELS
           for libc in LIBCS]
CALLS = ("accept", "connect", "getpeername", "getsockopt", "sendto")
CASES = [f"{call}/case_with_a_name_of_{number:02}" for call in CALLS for number in range(30)]
# The least room that words need; verdicts never get shorter.
LONGEST = 43


def verdict(case: str, column: str, entry: str, kind: str, **more: str) -> Verdict:
    fields = {"family": "IPv4", "protocol": "TCP", **more}
    return Verdict(case, "", column, fields["family"], fields["protocol"], entry, kind,
                   responsible="kernel" if kind == "deviates" else "",
                   why="a reason of some length that has to be broken at narrow widths",
                   deviation="some-key" if kind == "deviates" else "",
                   observed={"return": 0 if kind == "conforms" else -1})


def big() -> Summary:
    """36 columns and 150 cases; some deviate, each column in its own way."""
    verdicts = []
    for column_number, column in enumerate(COLUMNS):
        for number, case in enumerate(CASES):
            wrong = number % 5 == 0 and (number // 5 + column_number) % 7
            for entry in ("libc", "syscall"):
                for family in ("IPv4", "IPv6"):
                    kind = "deviates" if wrong and (family == "IPv4" or wrong > 3) else "conforms"
                    verdicts.append(verdict(case, column, entry, kind, family=family))
    return Summary(COLUMNS, verdicts, [])


def shown(summary: Summary, monkeypatch: pytest.MonkeyPatch, width: int | None,
          **style: bool) -> str:
    if width:
        monkeypatch.setenv("COLUMNS", str(width))
    else:
        monkeypatch.delenv("COLUMNS", raising=False)
    out = io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    terminal.print_report(summary, **style)
    monkeypatch.undo()
    return out.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("everything", [False, True])
def test_no_line_is_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch, width: int,
                                             everything: bool) -> None:
    text = shown(big(), monkeypatch, width, everything=everything)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_every_verdict_is_there(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Each row has, over all blocks, a sign for each column and entry."""
    summary = big()
    text = shown(summary, monkeypatch, width, everything=True)
    grid = text[text.index("\naccept"):text.index("cells: through")]
    assert len(re.findall(r"[✓✗]", grid)) == 2 * len(COLUMNS) * len(CASES)
    wrong = sum(cell is not None and cell.verdict == "deviates"
                for cell in summary.cells.values())
    assert wrong and grid.count("✗") == wrong


def test_columns_that_answer_alike_stand_together(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = [f"{libc}/{kernel}" for kernel in KERNELS for libc in LIBCS]
    verdicts = [
        verdict(case, column, entry, "conforms" if column.endswith("linux-patched")
                or case == "connect/peer" else "deviates")
        for column in columns for case in ("connect/peer", "getpeername/connected")
        for entry in ("libc", "syscall")]
    text = shown(Summary(columns, verdicts, []), monkeypatch, 80)
    assert " A  distro, stock, patched, musl on host, linux-stock\n" in text
    assert " B  distro, stock, patched, musl on linux-patched\n" in text
    assert "connect: 1 conforms everywhere" in text
    assert re.search(r"^  connected +✗ ✗ +✓ ✓ +kernel$", text, re.MULTILINE)


def test_one_other_answer_makes_a_column_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = ["distro/host", "stock/host"]
    verdicts = [verdict("connect/peer", column, entry,
                        "differs" if (column, entry) == ("stock/host", "syscall") else "conforms")
                for column in columns for entry in ("libc", "syscall")]
    assert len(Summary(columns, verdicts, []).alike()) == 2
    assert "  peer" in shown(Summary(columns, verdicts, []), monkeypatch, 80)


@pytest.mark.parametrize("kind", ["unexpected", "fixed", "broken"])
def test_what_is_not_as_expected_is_told(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    summary = Summary(["distro/host"], [verdict("connect/peer", "distro/host", "libc", kind)], [])
    for quiet in (False, True):
        text = shown(summary, monkeypatch, 80, quiet=quiet)
        assert f"{kind}: connect/peer: a reason" in text
        assert text.endswith("Not as expected.\n")
    assert not summary.as_expected


def test_no_cells_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Summary([], [], []).as_expected
    assert "empty: there is no cell" in shown(Summary(["distro/host"], [], []), monkeypatch, 80)


def test_skipped_everywhere_is_not_conforming(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = Summary(["distro/host"], [verdict("connect/peer", "distro/host", "libc", "skipped")],
                      [])
    assert not summary.plain("connect/peer")
    assert "- skipped 1: a reason" in shown(summary, monkeypatch, None)


@pytest.mark.parametrize("kinds, shown_as", [
    (["conforms", "conforms"], Cell("conforms", 2, 2)),
    (["conforms", "skipped", "skipped"], Cell("conforms", 1, 1)),
    (["deviates", "conforms", "skipped"], Cell("deviates", 1, 2)),
    (["skipped", "skipped"], Cell("skipped", 2, 2)),
    (["broken", "skipped"], Cell("broken", 1, 1)), ([], None)])
def test_what_a_cell_shows(kinds: list[str], shown_as: Cell | None) -> None:
    assert cell(kinds) == shown_as


def test_one_row_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = big().by_call()
    assert summary.cases == [f"calls/{call}" for call in CALLS]
    text = shown(summary, monkeypatch, 40, everything=True)
    assert "\n  getpeername" in text
    # What is in documents has no numbers, which would change with every case.
    assert not re.search(r"\d", terminal.block(summary))


def test_messages_are_whole_lines_where_no_one_looks_at_the_width(
        monkeypatch: pytest.MonkeyPatch) -> None:
    text = shown(big(), monkeypatch, None)
    assert "✗ some-key (kernel): a reason of some length that has to be broken at narrow widths" \
        in text.splitlines()


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    found = [verdict("connect/peer", "distro/host", "libc", "unexpected")]
    assert not report.show(Summary(["distro/host"], found, []), report.Style(json=True))
    told = json.loads(capsys.readouterr().out)
    assert told["as_expected"] is False
    assert told["cases"]["connect/peer"]["distro/host"]["libc"] == "unexpected"
    assert told["columns"]["distro/host"]["cases"] == {"unexpected": 1}


def test_described_names_exactly_these_columns() -> None:
    assert described(["distro/host", "stock/host", "stock/linux-stock"], False) == \
        "distro on host; stock on host, linux-stock"
    assert described(COLUMNS, True) == ("bookworm, trixie, sid: distro, stock, patched, musl on host, "
                                  "linux-stock, linux-patched")


SHOW_ONE = """
from portzero import report
from portzero.judge import Verdict
report.show(report.Summary(["distro/host"], [Verdict(
    "connect/peer", "", "distro/host", "IPv4", "TCP", "libc", "deviates", "why", "key", 0,
    "kernel", {"return": -1})], []))
"""


def on_a_terminal(**environment: str) -> str:
    """What a terminal gets."""
    master, slave = pty.openpty()
    base = {name: value for name, value in os.environ.items()
            if name not in ("NO_COLOR", "COLUMNS", "TERM")}
    with subprocess.Popen(
            [sys.executable, "-c", SHOW_ONE], stdout=slave, cwd=ROOT,
            env={**base, "PYTHONPATH": str(ROOT / "scripts"), "PYTHONDONTWRITEBYTECODE": "1",
                 **environment}) as process:
        os.close(slave)
        told = b""
        try:
            while piece := os.read(master, 65536):
                told += piece
        except OSError:  # The other end is closed.
            pass
        os.close(master)
        assert process.wait() == 0
    return told.decode()


def test_colour_only_where_it_is_wanted() -> None:
    assert "\x1b[33m✗" in on_a_terminal(TERM="xterm")
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        text = on_a_terminal(**environment)
        assert "✗" in text and "\x1b" not in text


def test_signs_for_outputs_without_these_characters() -> None:
    text = on_a_terminal(TERM="dumb", PYTHONIOENCODING="ascii")
    assert re.search(r"^  peer +x +libc\r?$", text, re.MULTILINE), text
