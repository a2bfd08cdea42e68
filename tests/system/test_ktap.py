# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the suite tells is KTAP: two parsers that are not ours read it, and
count what the observations say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from portzero import linux
from portzero.column import Column, suite

# Prints how many tests there are, by status, and the parser's own errors.
PARSE = """
import json, sys
sys.path.insert(0, sys.argv[1])
import kunit_parser
test = kunit_parser.parse_run_tests(open(sys.argv[2]))
counts = test.counts
json.dump({name: getattr(counts, name) for name in
           ("passed", "failed", "crashed", "skipped", "errors")}, sys.stderr)
"""


@pytest.fixture(scope="module")
def told(columns: dict[str, Column], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[str]]:
    """What the suite tells, and how many variants it says ended how."""
    folder = tmp_path_factory.mktemp("ktap")
    column = columns["distro"]
    with (folder / "ktap").open("wb") as ktap:
        column.run([str(suite(column)), "--output", str(folder / "observations")], stdout=ktap)
    seen = [json.loads(line) for line in (folder / "observations").read_text().splitlines()]
    skipped = {tuple(record[axis] for axis in ("case", "family", "protocol", "entry", "port"))
               for record in seen if "skipped" in record}
    failed = len(re.findall("^not ok", (folder / "ktap").read_text(), re.MULTILINE))
    total = seen[0]["suite"]["variants"]
    counts = Counter(skipped=len(skipped), failed=failed, total=total)
    assert counts["failed"] > 0 and counts["skipped"] + counts["failed"] < total
    return folder / "ktap", counts


def test_the_kernels_parser(told: tuple[Path, Counter[str]], tmp_path: Path) -> None:
    path, counts = told
    parser = linux.unpacked(tmp_path / "log") / "tools/testing/kunit"
    assert (parser / "kunit_parser.py").exists()
    result = subprocess.run([sys.executable, "-c", PARSE, parser, path], text=True,
                            capture_output=True, check=True)
    found = json.loads(result.stderr)
    assert found == {"passed": counts["total"] - counts["failed"] - counts["skipped"],
                     "failed": counts["failed"], "skipped": counts["skipped"],
                     "crashed": 0, "errors": 0}


def test_prove(told: tuple[Path, Counter[str]]) -> None:
    path, counts = told
    result = subprocess.run(["prove", "--exec", "cat", path], text=True, capture_output=True,
                            check=False)
    said = result.stdout + result.stderr
    assert f"Failed {counts['failed']}/{counts['total']} subtests" in said
    assert "Parse errors" not in said and "Bad plan" not in said
    assert result.returncode == 1
