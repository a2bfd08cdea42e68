# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gets the sources of glibc and Linux that columns are built from.

Those of the host's own release are installed packages.  Those of another
release come from the Debian mirror that the host uses, as packages that are
unpacked below out/sources and not installed: by apt, with a list of sources
and a state of its own, and Debian's keys.  The system's are left alone, and an
ordinary user can do it.  Each is fetched once; `./portzero clean` forgets it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from portzero import releases
from portzero.column_name import host_release
from portzero.progress import Step
from portzero.project import OUT, Failure, appearing, exclusive, output_of
from portzero.releases import Base, upstream

SOURCES = OUT / "sources"
KEYRINGS = [Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("gpg", "pgp")]
# The names under which mirrors have releases besides their codenames.
SUITES = ("oldstable", "stable", "testing", "unstable", "sid")


@dataclass(frozen=True)
class Source:
    """An unpacked source package: its usr/src is below `root`."""

    package: str
    version: str
    root: Path

    @property
    def identity(self) -> str:
        """What a build from it depends on."""
        return f"{self.package}\t{self.version}"


def check_version(base: Base, version: str, rolling: bool) -> str:
    """Return what the user should know of a version that is not the one that
    a series was made for; "" if nothing.

    Within one upstream series, distributions take fixes only, and patches are
    applied without any fuzz: a series that does not fit is refused.  Another
    upstream series can take a patch and yet mean another thing by it, so it is
    refused at once: raises Failure."""
    found, made_for = (".".join(map(str, upstream(text))) for text in (version, base.version))
    if found != made_for:
        raise Failure(f"{base}", f"{base.package} is {version} now, and the series was made for "
                      f"{base.version}", "rebase the series, or use another --release")
    if version != base.version and rolling:
        return (f"{base}: the mirror has moved on to {base.package} {version}; the series was made "
                f"for {base.version} (both {found}), and is used if it applies as it is")
    return ""


def mirrors(uris: str, codename: str) -> list[str]:
    """The mirrors of Debian that apt uses here, from what it prints of the
    files that an update would get: those of the release that runs here."""
    found = re.findall(r"^'(\S+)/dists/([^/' ]+)/InRelease' ", uris, re.MULTILINE)
    return list(dict.fromkeys(uri for uri, suite in found if suite in (codename, *SUITES)))


def _apt(folder: Path, *command: str, cwd: Path | None = None) -> str:
    """Run a command of apt on the state in `folder`, return what it prints.
    Raises Failure with its first error."""
    options = {
        "Dir::State": folder / "state", "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache", "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "-", "Dir::Etc::preferences": "-",
        "Dir::Etc::preferencesparts": "-", "APT::Default-Release": "",
        "APT::Update::Error-Mode": "any", "APT::Sandbox::User": "root",
        "Acquire::Languages": "none", "Acquire::http::Timeout": "30", "Acquire::Retries": "1"}
    line = [command[0], *(f"-o{name}={value}" for name, value in options.items()), *command[1:]]
    done = subprocess.run(line, text=True, capture_output=True, check=False, cwd=cwd,
                          stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
    if done.returncode != 0:
        told = [" ".join(text.split()[1:]) for text in done.stderr.splitlines()
                if text.startswith(("E:", "W:"))]
        raise Failure(f"{command[0]} {command[1]}", (told or ["it failed"])[0],
                      "check the network and the mirror in apt's configuration")
    return done.stdout


def line_of(release: releases.Release) -> str:
    """The line of apt's sources.list that means a release on the mirror that
    is used here.  Raises Failure if there is no mirror, or no key."""
    keyring = next((path for path in KEYRINGS if path.exists()), None)
    if keyring is None:
        raise Failure(f"sources of {release.name}", "Debian's keys are missing",
                      "install the package debian-archive-keyring")
    found = mirrors(output_of("apt-get", "update", "--print-uris"), host_release())
    if not found:
        raise Failure(f"sources of {release.name}", "apt has no mirror of Debian here",
                      "add one to /etc/apt/sources.list")
    return f"deb [signed-by={keyring}] {found[0]} {release.suite} main\n"


def _prepare(release: releases.Release) -> Path:
    """Return a folder with a state of apt that knows what the mirror has of a
    release."""
    line = line_of(release)
    folder = SOURCES / release.name / "apt"
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    (folder / "sources.list").write_text(line)
    _apt(folder, "apt-get", "update")
    return folder


def _available(folder: Path, release: releases.Release, base: Base) -> str:
    """The version of a package that the mirror has.  Raises Failure if it has
    none."""
    stem = re.sub(r"[\d.]+$", "", base.package)
    names = _apt(folder, "apt-cache", "pkgnames", stem).split()
    if base.package in names:
        match = re.search(r"^Version: (\S+)$", _apt(
            folder, "apt-cache", "show", "--no-all-versions", base.package), re.MULTILINE)
        if match:
            return match[1]
    others = sorted(name for name in names if re.fullmatch(re.escape(stem) + r"[\d.]+", name))
    if release.rolling and others:
        raise Failure(f"{base}", f"the mirror has moved on: it has {', '.join(others)} and no "
                      f"longer {base.package}, which the series was made for",
                      "rebase the series, or use another --release")
    raise Failure(f"{base}", f"the mirror has no package {base.package}",
                  "use a mirror of Debian that has it, or another --release")


def _fetch(base: Base) -> Source:
    release = releases.read(base.release)
    with Step(f"{base.release}: fetch {base.package}") as step:
        folder = _prepare(release)
        version = _available(folder, release, base)
        note = check_version(base, version, release.rolling)
        source = _unpacked(base.package, version)
        if not source.root.exists():
            with appearing(source.root) as partial:
                _apt(folder, "apt-get", "download", f"{base.package}={version}", cwd=partial)
                for package in partial.glob("*.deb"):
                    output_of("dpkg-deb", "--extract", package, partial)
                    package.unlink()
        step.done = version
    if note:
        print(f"portzero: {note}", file=sys.stderr, flush=True)
    return source


def _unpacked(package: str, version: str) -> Source:
    return Source(package, version, SOURCES / f"{package}_{version.replace(':', '%3a')}")


def unpacked_packages(release: str, packages: tuple[str, ...]) -> Path:
    """Packages of a release, unpacked into one folder: its root.  Fetched if
    they are not here.  Raises Failure."""
    root = SOURCES / f"{release}-{packages[0]}"
    with exclusive(f"sources-{release}"):
        if not root.exists():
            folder = _prepare(releases.read(release))
            with appearing(root) as partial:
                _apt(folder, "apt-get", "download", *packages, cwd=partial)
                for package in partial.glob("*.deb"):
                    output_of("dpkg-deb", "--extract", package, partial)
                    package.unlink()
    return root


def record(base: Base) -> Path:
    """The file that says which package was fetched for a base."""
    return SOURCES / base.release / base.component


def known(base: Base) -> Source | None:
    """The source of a base, if it is here."""
    if releases.is_host(base.release):
        done = subprocess.run(
            ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", base.package],
            text=True, capture_output=True, check=False)
        status, _, version = done.stdout.partition(" ")
        return Source(base.package, version, Path("/")) if status == "installed" else None
    try:
        package, version = record(base).read_text().split()
    except (OSError, ValueError):
        return None
    source = _unpacked(package, version)
    return source if package == base.package and source.root.exists() else None


def source(base: Base) -> Source:
    """The source of a base, fetched if it is not here.  Raises Failure."""
    found = known(base)
    if found is None and releases.is_host(base.release):
        raise Failure(f"{base}", f"the package {base.package} is not installed",
                      "run ./portzero packages")
    if found is None:
        with exclusive(f"sources-{base.release}"):
            found = known(base) or _fetch(base)
            partial = record(base).with_suffix(".partial")
            partial.write_text(f"{found.package} {found.version}\n")
            partial.rename(record(base))
    check_version(base, found.version, False)
    return found
