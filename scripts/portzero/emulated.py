# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine of another architecture, emulated: its kernels, a system for it, and
what it is given to do (the suite, and the tests of the glibc series)."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

from portzero import (
    architectures, column, data_file, glibc, linux, preload, releases, sandbox, sources)
from portzero.build import OBJECTS, SOURCE, changes, clone_patched, log_of, made, run_step
from portzero.column_name import default_release
from portzero.project import OUT, ROOT, Failure, appearing, digest, exclusive, output_of

ARCHITECTURE = "s390x"
HOW = ROOT / "build/linux/s390x.toml"
INIT = ROOT / "sandbox/emulated-init.sh"
KERNELS = linux.KERNELS


def _how() -> dict[str, Any]:
    return data_file.read(HOW).table


def configuration() -> list[str]:
    """The lines of this kernel's configuration."""
    how = _how()["config"]
    lacking = tuple(f"{name}=" for name in how["lacks"])
    lines = [line for line in linux.configuration() if not line.startswith(lacking)]
    return [*lines, *how["options"]]


def key(kernel: str) -> str:
    """What the build of this kernel depends on."""
    base = releases.default().linux
    stock = digest(*_how()["make"]["variables"], *configuration(),
                   json.dumps(linux.recipe()["make"]["environment"]),
                   sources.source(base).identity, architectures.key(ARCHITECTURE))
    return stock if kernel == "linux-stock" else digest(stock, *changes(base.series))


def _is_known() -> bool:
    return (architectures.is_known(ARCHITECTURE)
            and sources.known(releases.default().linux) is not None)


def present_keys() -> set[str]:
    """The keys of all that can be built here."""
    return {key(kernel) for kernel in KERNELS} if _is_known() else set()


def _make(log: Path, kernel: str, source: Path, objects: Path, target: str,
          expected: int = 0) -> None:
    how = _how()["make"]
    (OUT / "ccache").mkdir(parents=True, exist_ok=True)
    run_step(log, f"{ARCHITECTURE} {kernel}: make {target}", [
        *sandbox.build_command(source, objects, SOURCE, OBJECTS), "make", f"-j{os.cpu_count()}",
        "-C", SOURCE, f"O={OBJECTS}", f"LOCALVERSION=-{kernel.replace('linux', 'portzero')}",
        *how["variables"], target],
        environment={**linux.recipe()["make"]["environment"], "CCACHE_DIR": str(OUT / "ccache"),
                     "KCONFIG_ALLCONFIG": f"{OBJECTS}/fragment"}, expected=expected)


def _objects(kernel: str) -> Path:
    """Return the folder in which a kernel was built."""
    path = OUT / "linux" / f"objects-{ARCHITECTURE}-{kernel}-{key(kernel)}"
    release = default_release()
    log = log_of(f"{ARCHITECTURE}-{kernel}", release)
    how = _how()["make"]
    if path.exists():
        return path
    source = linux.unpacked(log, release)
    if kernel == "linux-stock":
        with appearing(path) as folder:
            lines = configuration()
            (folder / "fragment").write_text("".join(f"{line}\n" for line in lines))
            _make(log, kernel, source, folder, "allnoconfig")
            taken = set((folder / ".config").read_text().splitlines())
            if ignored := [line for line in lines if line not in taken]:
                raise Failure(f"{ARCHITECTURE} {kernel}", f"'{ignored[0]}' was not honoured",
                              f"find out on what it depends, or put it under 'lacks' of {HOW}")
            _make(log, kernel, source, folder, how["target"], how["objects"])
        return path
    stock = _objects("linux-stock")
    patched = OUT / "linux" / f"source-{ARCHITECTURE}-{kernel}-{key(kernel)}"
    with appearing(path) as folder, appearing(patched) as patched_source:
        clone_patched(log, f"{ARCHITECTURE} {kernel}", source, stock,
                      releases.default().linux.series, patched_source, folder)
        _make(log, kernel, patched_source, folder, how["target"])
    return path


def kernel_image(kernel: str) -> Path:
    """Return a kernel that the machine starts, building it if need be."""
    def collect(folder: Path) -> None:
        shutil.copy2(_objects(kernel) / _how()["make"]["image"], folder / "linux")

    name = f"{ARCHITECTURE}-{kernel}"
    return made(OUT / "columns" / f"{name}-{key(kernel)}", collect) / "linux"


def system() -> Path:
    """Return the tree of a system for this architecture, made once."""
    release = releases.default()
    wanted = _how()["machine"]["packages"]
    path = OUT / "hosts" / f"{release.name}-{ARCHITECTURE}-{digest(*wanted)}"
    with exclusive(path.name):
        if not path.exists():
            with appearing(path) as partial:
                print(f"{ARCHITECTURE}: fetching a system", flush=True)
                # Nothing of it is run: its packages are unpacked.
                output_of("mmdebstrap", "--quiet", "--variant=extract",
                          f"--architectures={ARCHITECTURE}", f"--include={','.join(wanted)}",
                          release.suite, partial, sources.line_of(release))
    return path


def present_suites() -> list[Path]:
    """The suite's program and its objects, built or not."""
    if not _is_known():
        return []
    objects = column.suite_objects_path(ARCHITECTURE)
    return [objects, objects.with_name(objects.name.replace("objects", "suite"))]


def suite() -> Path:
    """Return the suite's program for this architecture.  It is linked with the
    compiler's libc, and runs on any that is not older."""
    foreign = architectures.read(ARCHITECTURE)
    objects = column.suite_objects(ARCHITECTURE)
    path = present_suites()[1]
    if not path.exists():
        partial = path.with_suffix(f".{os.getpid()}")
        output_of(foreign.compiler, "-o", partial, *sorted(objects.glob("*/*.o")))
        partial.rename(path)
    return path


def tests() -> dict[str, str]:
    """The tests of the glibc series, and the variables that each has."""
    from portzero import series_tests  # noqa: PLC0415  (needs the packages)

    return series_tests.tests(releases.default().glibc.series)


def fill(root: Path) -> None:
    """Put what the machine is to do into its tree."""
    from portzero import series_tests  # noqa: PLC0415  (needs the packages)

    libc = f"{ARCHITECTURE}-patched"
    job = root / "job"
    (job / "tests").mkdir(parents=True)
    shutil.copytree(glibc.build(libc) / "lib", job / "patched")
    shutil.copy2(preload.build(default_release(), ARCHITECTURE), job)
    shutil.copy2(suite(), job / "portzero-suite")
    (job / "rules").write_text(sandbox.steering(column.DEFAULT_LISTENER))
    (job / "time_limit").write_text(str(_how()["machine"]["time_limit"]))
    programs = series_tests.programs(default_release(), libc, list(tests()))
    for name in tests():
        shutil.copy2(programs / name, job / "tests" / Path(name).name)
    slow = " ".join(f"{name}={value}" for name, value in _how()["machine"]["environment"].items())
    (job / "tests/list").write_text("".join(
        f"{Path(name).name} {slow} {variables}\n" for name, variables in tests().items()))
    # (No program of this system, so it has no interpreter here.)
    (root / "init").write_text("#!/bin/busybox sh\n" + INIT.read_text())
    (root / "init").chmod(0o755)


def initial_files(work: Path) -> Path:
    """Pack what the machine has for a root, and return the archive."""
    root = work / "root"
    subprocess.run(["cp", "-a", system(), root], check=True)
    for unused in ("usr/share", "var/lib", "var/cache", "usr/lib/s390x-linux-gnu/gconv"):
        shutil.rmtree(root / unused, ignore_errors=True)
    fill(root)
    archive = work / "initrd"
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    packed = subprocess.run(
        ["cpio", "--create", "--format=newc", "--null", "--quiet", "--owner=0:0"], cwd=root,
        input="\0".join(names).encode(), capture_output=True, check=True).stdout
    archive.write_bytes(gzip.compress(packed, 1))
    return archive


def start(kernel: str, work: Path, archive: Path) -> Path:
    """Run the machine to its end; return the folder with what it left."""
    how = _how()["machine"]
    image = kernel_image(kernel)
    disk, left = work / "disk", work / kernel
    with disk.open("wb") as file:
        file.truncate(256 << 20)
    began = time.monotonic()
    with (OUT / f"{ARCHITECTURE}-{kernel}-console.log").open("wb") as console:
        try:
            subprocess.run(
                [*sandbox.contained([*how["command"], "-kernel", str(image), "-initrd", str(archive),
                                     "-append", "quiet panic=-1", "-drive",
                                     f"if=virtio,format=raw,file={disk}"])],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT, check=False,
                timeout=how["limit"], pass_fds=(sandbox.lifeline(),))
        except subprocess.TimeoutExpired:
            raise Failure(f"{ARCHITECTURE} on {kernel}", f"it did not end in {how['limit']} s",
                          f"see {console.name}") from None
    try:
        with tarfile.open(disk, "r:") as results:
            # Newer Pythons want to be told that nothing may leave the folder.
            results.extractall(left, **({"filter": "data"} if hasattr(tarfile, "data_filter")
                                        else {}))
            whole = "./tests" in results.getnames()
    except tarfile.TarError:
        whole = False
    if not whole:  # (A disk of nulls is an archive of nothing.)
        raise Failure(f"{ARCHITECTURE} on {kernel}", "it left no results",
                      f"see {console.name}")
    print(f"{ARCHITECTURE} on {kernel}: {time.monotonic() - began:.0f} s", flush=True)
    return left
