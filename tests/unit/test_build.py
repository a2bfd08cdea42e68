# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a build depends on."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from portzero.build import changes, clone_patched, run_step
from portzero.project import Failure

PATCH = """Subject: words

More words.
---
diff --git a/file b/file
--- a/file
+++ b/file
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


def test_stock_keeps_its_times(tmp_path: Path) -> None:
    """Or what was built of it would look older than it."""
    folders = {name: tmp_path / name for name in ("stock", "objects", "series", "new", "clone")}
    for folder in folders.values():
        folder.mkdir()
    file = folders["stock"] / "file"
    file.write_text("old\n")
    os.utime(file, (1000, 1000))
    added = PATCH.replace("a/file", "/dev/null").replace("b/file", "b/added")
    added = added.replace("@@ -1 +1 @@\n-old\n", "@@ -0,0 +1 @@\n")
    changed = PATCH.replace("/file", "/added").replace("old", "new").replace("+new", "+newer")
    series(folders["series"], PATCH, added, changed)
    clone_patched(tmp_path / "log", "test", folders["stock"], folders["objects"],
                  folders["series"], folders["new"], folders["clone"])
    assert (folders["new"] / "file").read_text() == "new\n"
    assert (folders["new"] / "added").read_text() == "newer\n"
    assert file.read_text() == "old\n"
    assert file.stat().st_mtime == 1000


# As glibc's: make reads what it has made itself, and begins again if that is
# newer than before.  It does not give up by itself.
MAKEFILE = """
all: product
include $(objects)/made.mk
$(objects)/made.mk: $(source)/file $(objects)/tool
\techo again >> $(objects)/rounds; test $$(wc -l < $(objects)/rounds) -lt 5
\techo 'seen := yes' > $@
product: $(objects)/untouched.o
\ttest $(seen) = yes
$(objects)/untouched.o: $(source)/untouched.c $(objects)/tool
\techo again >> $(objects)/compiled
"""


def test_what_is_dated_in_the_future_is_built_once(tmp_path: Path) -> None:
    """Of a stock build whose files are dated in the future, source included,
    nothing is built again but what the series touches, and that ends."""
    folders = {name: tmp_path / name for name in ("stock", "objects", "series", "new", "clone")}
    for folder in folders.values():
        folder.mkdir()
    later = time.time() + 100_000
    for path, age in (("stock/file", 0), ("stock/untouched.c", 0), ("stock/Makefile", 0),
                      ("objects/tool", 100), ("objects/made.mk", 200),
                      ("objects/untouched.o", 200)):
        text = {"stock/file": "old\n", "stock/Makefile": MAKEFILE}.get(path, "")
        (tmp_path / path).write_text(text)
        os.utime(tmp_path / path, (later + age, later + age))
    series(folders["series"], PATCH)
    clone_patched(tmp_path / "log", "test", folders["stock"], folders["objects"],
                  folders["series"], folders["new"], folders["clone"])
    built = subprocess.run(
        ["make", "-f", folders["new"] / "Makefile", f"source={folders['new']}",
         f"objects={folders['clone']}"], text=True, capture_output=True, check=False)
    assert built.returncode == 0, built.stderr
    assert "Clock skew" not in built.stderr
    assert (folders["clone"] / "rounds").read_text() == "again\n"
    assert not (folders["clone"] / "compiled").exists()
    # The stock build stays as it is.
    assert (folders["stock"] / "untouched.c").stat().st_mtime == later
    assert (folders["objects"] / "tool").stat().st_mtime == later + 100


def test_a_patch_that_does_not_fit_exactly_is_refused(tmp_path: Path) -> None:
    """quilt's own default would put it where only two of three lines fit."""
    folders = {name: tmp_path / name for name in ("stock", "objects", "series", "new", "clone")}
    for folder in folders.values():
        folder.mkdir()
    patch = PATCH.replace("@@ -1 +1 @@\n-old\n+new\n",
                          "@@ -1,5 +1,5 @@\n one\n two\n-old\n+new\n three\n four\n")
    series(folders["series"], patch)

    def applied(text: str) -> str:
        for name in ("new", "clone"):
            shutil.rmtree(folders[name])
            folders[name].mkdir()
        (folders["stock"] / "file").write_text(text)
        clone_patched(tmp_path / "log", "test", folders["stock"], folders["objects"],
                      folders["series"], folders["new"], folders["clone"])
        return (folders["new"] / "file").read_text()

    assert applied("zero\none\ntwo\nold\nthree\nfour\n").count("new") == 1
    with pytest.raises(Failure, match="apply our series"):
        applied("other\ntwo\nold\nthree\nother\n")


def test_a_full_disk_is_called_that(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no space left in .*; free some, and run it again"):
        run_step(tmp_path / "log", "test", [
            "sh", "-c", "echo 'a.c: error: cannot write: No space left on device'; exit 1"])
    with pytest.raises(Failure, match="a.c: error: wrong"):
        run_step(tmp_path / "log", "test", ["sh", "-c", "echo 'a.c: error: wrong'; exit 1"])
