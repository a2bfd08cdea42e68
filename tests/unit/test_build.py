# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a build depends on."""

from __future__ import annotations

from pathlib import Path

from portzero.build import changes

PATCH = """Subject: words

More words.
---
diff --git a/file b/file
@@ -1 +1 @@
-old
+new
"""


def series(folder: Path, *patches: str) -> list[str]:
    names = [f"{number}.patch" for number in range(len(patches))]
    for name, text in zip(names, patches, strict=True):
        (folder / name).write_text(text)
    (folder / "series").write_text("\n".join(names))
    return changes(folder)


def test_a_message_does_not_matter(tmp_path: Path) -> None:
    before = series(tmp_path, PATCH)
    assert series(tmp_path, PATCH.replace("words", "other words")) == before


def test_a_line_and_the_order_matter(tmp_path: Path) -> None:
    other = PATCH.replace("+new", "+newer")
    before = series(tmp_path, PATCH, other)
    assert series(tmp_path, PATCH, PATCH) != before
    assert series(tmp_path, other, PATCH) != before
