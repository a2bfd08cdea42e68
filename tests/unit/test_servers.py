# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is said of the kernel's own servers can be read in the source from
which the columns' kernels are made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from portzero import linux
from portzero.report.servers import servers


def body(source: str, function: str) -> str:
    """The text of a function, as the kernel's style has it; "" if there is none."""
    found = re.search(rf"^\w[^;{{}}]*\b{function}\([^;{{}}]*\)\n{{\n.*?^}}$", source,
                      re.MULTILINE | re.DOTALL)
    return found[0] if found else ""


@pytest.mark.parametrize("server", servers(), ids=lambda server: str(server["name"]))
def test_it_is_in_the_source(server: dict[str, Any], tmp_path: Path) -> None:
    source = (linux.unpacked(tmp_path / "log") / server["file"]).read_text()
    text = body(source, server["function"])
    place = 0
    for part in server["text"]:  # In this order.
        place = text.find(part, place)
        assert place >= 0, part


def test_a_function_is_told_from_its_callers() -> None:
    source = ("static int one(int a);\n\nint\ntwo(void)\n{\n\treturn one(1);\n}\n"
              "static int one(int a,\n\t\tint b)\n{\n\treturn 2;\n}\n")
    assert body(source, "one") == "static int one(int a,\n\t\tint b)\n{\n\treturn 2;\n}"
    assert body(source, "three") == ""
