# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds the kernels: the distribution's source as user-mode Linux, and the
same with our series.  As with the C libraries, the second one costs only what
the series changes, and nothing is built twice."""

from __future__ import annotations

import functools
import json
import os
import shutil
from pathlib import Path
from typing import Any

from portzero import data_file, sandbox
from portzero.build import OBJECTS, SOURCE, changes, clone_patched, run_step, toolchain
from portzero.project import OUT, ROOT, Failure, appearing, digest, exclusive, output_of

RECIPE = ROOT / "build/linux/recipe.toml"
CONFIG = ROOT / "build/linux/config"
SERIES = ROOT / "patches/backports/bookworm/linux"
KERNELS = ("linux-stock", "linux-patched")


def recipe() -> dict[str, Any]:
    return data_file.read(RECIPE).table


def _configuration() -> list[str]:
    """The lines of our configuration, without the words about it."""
    return [line for line in CONFIG.read_text().splitlines()
            if line.startswith(("CONFIG_", "# CONFIG_"))]


@functools.cache
def key(kernel: str) -> str:
    """What the build of this kernel depends on."""
    make = recipe()["make"]
    base = digest(json.dumps([make["variables"], make["environment"]]), *_configuration(),
                  output_of("dpkg-query", "--show", recipe()["source"]["package"]), toolchain())
    if kernel == "linux-stock":
        return base
    return digest(base, *changes(SERIES))


def product(kernel: str) -> Path:
    """The folder with the finished kernel (linux) and its release."""
    return OUT / "columns" / f"{kernel}-{key(kernel)}"


def _unhonoured(config: Path) -> list[str]:
    """The lines of our configuration that the kernel's has not."""
    made = set(config.read_text().splitlines())
    return [line for line in _configuration() if line not in made]


def _make(log: Path, kernel: str, title: str, source: Path, objects: Path, *targets: str,
          expected: int = 0) -> None:
    how = recipe()["make"]
    # The release tells the kernels apart: it is the marker of the series.
    release = f"LOCALVERSION=-{kernel.replace('linux', 'portzero')}"
    run_step(log, title, [
        *sandbox.build_command(source, objects, SOURCE, OBJECTS), "make", f"-j{os.cpu_count()}",
        "-C", SOURCE, f"O={OBJECTS}", release, *how["variables"], *targets],
        environment={**how["environment"], "CCACHE_DIR": str(OUT / "ccache"),
                     "KCONFIG_ALLCONFIG": f"{OBJECTS}/fragment"}, expected=expected)


def _finish(log: Path, kernel: str, source: Path, objects: Path, expected: int) -> None:
    _make(log, kernel, f"{kernel}: build", source, objects, "linux", expected=expected)
    with appearing(product(kernel)) as folder:
        shutil.copy2(objects / "linux", folder / "linux")
        shutil.copy2(objects / "include/config/kernel.release", folder / "release")


def build(kernel: str) -> Path:
    """Return the folder of this kernel, building it (and "linux-stock" before
    "linux-patched") if that has not been done."""
    path = product(kernel)
    if not path.exists():
        with exclusive(path.name):
            if not path.exists():  # Whoever we waited for may have made it.
                _make_kernel(kernel)
    return path


def _make_kernel(kernel: str) -> None:
    stock_key = key("linux-stock")
    stock_source = OUT / "linux" / f"source-{stock_key}"
    stock_objects = OUT / "linux" / f"objects-linux-stock-{stock_key}"
    log = OUT / f"{kernel}.log"
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "ccache").mkdir(exist_ok=True)
    if kernel == "linux-stock":
        log.write_bytes(b"")
        if not stock_source.exists():
            with appearing(stock_source) as folder:
                run_step(log, "linux: unpack the source",
                         ["tar", "--extract", f"--file={recipe()['source']['archive']}",
                          "--strip-components=1"], folder=folder)
        with appearing(stock_objects) as folder:
            shutil.copy2(CONFIG, folder / "fragment")
            _make(log, kernel, f"{kernel}: configure", stock_source, folder, "allnoconfig")
            ignored = _unhonoured(folder / ".config")
            if ignored:
                raise Failure(f"{kernel}: configure", f"'{ignored[0]}' of {CONFIG} was not honoured",
                              "find out on what it depends")
            _finish(log, kernel, stock_source, folder, recipe()["make"]["objects"])
    else:
        build("linux-stock")
        if not (stock_objects.exists() and stock_source.exists()):  # Deleted to save space.
            shutil.rmtree(product("linux-stock"))
            build("linux-stock")
        log.write_bytes(b"")
        source = OUT / "linux" / f"source-{kernel}-{key(kernel)}"
        objects = OUT / "linux" / f"objects-{kernel}-{key(kernel)}"
        with appearing(objects) as folder, appearing(source) as patched:
            clone_patched(log, kernel, stock_source, stock_objects, SERIES, patched, folder)
            _finish(log, kernel, patched, folder, 0)
