# SPDX-License-Identifier: LGPL-2.1-or-later
"""Columns on other machines.  GNU Parallel hands them out over ssh, and gives
those of a host that dies to another one; each job is `./portzero observe` in
the host's own checkout, and what it writes is kept here as if it had run here."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portzero import results, sandbox
from portzero.column import SUITE, build_id, is_built, open_column
from portzero.column_name import ColumnName, default_release
from portzero.data_file import shown
from portzero.progress import Step
from portzero.project import ROOT, Failure, digest, multiarch
from portzero.results import Facts

# Nobody is asked for a password; who is silent for half a minute is dead.  The
# same options in the user's own command (PARALLEL_SSH) come first, and hold.
SSH_OPTIONS = ("-o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=10 "
               "-o ServerAliveCountMax=3")
LOGIN = re.compile(r"(?:[A-Za-z0-9_.][A-Za-z0-9_.-]*@)?[A-Za-z0-9_][A-Za-z0-9_.-]*")
# What must be the same everywhere, for columns of several hosts to be one matrix.
MADE_OF = ("scripts/portzero/**/*.py", "sandbox/**/*", "preload/**/*.[chS]", "build/**/*",
           "patches/**/*", *(f"{SUITE.relative_to(ROOT)}/{part}"
                             for part in ("Makefile", "core/*.[ch]", "cases/*.c")))


@dataclass(frozen=True)
class Host:
    """A machine, as ssh knows it, and the folder of its checkout there."""

    login: str
    path: str


@dataclass(frozen=True)
class Job:
    """How Parallel says that a column's last try ended, and where."""

    login: str
    status: int
    answer: Path  # What it wrote to standard output,
    error: Path   # and to standard error.

    @property
    def why(self) -> str:
        """The reason why it failed, in one line."""
        lines = (self.error.read_text(errors="replace") if self.error.exists() else "").split("\n")
        return reason(self.login, lines, self.status)


def reason(login: str, lines: Sequence[str], status: int) -> str:
    """Return the line of an error output that says why: ours, or the last."""
    lines = [line.strip() for line in lines if line.strip()]
    ours = [line.removeprefix("portzero: ") for line in lines if line.startswith("portzero: ")]
    return f"on {login}: {(ours or lines or [f'it ended with status {status}'])[-1]}"


def read(path: Path) -> list[Host]:
    """Return the hosts of a file: [USER@]HOST[:FOLDER] on each line, after #
    remarks.  Raises Failure, with the line."""
    advice = "write [USER@]HOST[:FOLDER] on each line"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise Failure(shown(path), "this is not UTF-8", advice) from None
    except OSError as error:
        raise Failure(f"--hosts {path}", str(error.strerror).lower(), "name a file of hosts") from None
    found: dict[str, Host] = {}
    for number, line in enumerate(lines, 1):
        line = re.sub(r"(^|\s)#.*", "", line).strip()
        if not line:
            continue
        login, _, folder = line.partition(":")
        place = f"{shown(path)}:{number}"
        if not LOGIN.fullmatch(login):
            raise Failure(place, f"'{login}' is no host", f"{advice}; what ssh needs besides "
                          "(a port, an address) is for ~/.ssh/config")
        if login in found:
            raise Failure(place, f"{login} is there already", "name each host once")
        if "{" in folder or "}" in folder:
            raise Failure(place, "GNU Parallel takes { and } for its own", "use another folder")
        found[login] = Host(login, folder or str(ROOT))
    if not found:
        raise Failure(shown(path), "it names no host", advice)
    return list(found.values())


def about() -> dict[str, Any]:
    """What others must know of this machine before it gets a job."""
    files = sorted(path for part in MADE_OF for path in ROOT.glob(part) if path.is_file())
    return {"checkout": digest(*(part for path in files
                                 for part in (str(path.relative_to(ROOT)), path))),
            "release": default_release(),
            "libc": build_id(Path("/lib") / multiarch() / "libc.so.6"),
            "processors": len(os.sched_getaffinity(0))}


def _unfit(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """Why a host cannot have columns of this matrix; "" if it can."""
    if theirs["release"] != ours["release"]:
        return f"{theirs['release']} runs there, and {ours['release']} here"
    if theirs["libc"] != ours["libc"]:
        return (f"its libc is {theirs['libc']}, not {ours['libc']} as here; "
                "install the same version of libc6")
    if theirs["checkout"] != ours["checkout"]:
        return "its checkout is of another version; update it"
    return ""


def _command(hosts: Sequence[Host], *words: str) -> str:
    """The command line that runs ./portzero in the checkout of whichever host
    it meets: Parallel tells it which that is."""
    places = " ".join(f"{host.login}) cd -- {shlex.quote(host.path)} ;;" for host in hosts)
    return f"case $PARALLEL_SSHLOGIN in {places} esac && exec ./portzero {shlex.join(words)}"


def _parallel(work: Path, logins: Sequence[str], words: Sequence[str], title: str,
              total: int = 0) -> None:
    """Run GNU Parallel in a working folder, on these logins.  It and its ssh
    end with us.  What it says itself is in `told` there, its jobs in `log`."""
    (work / "logins").write_text("".join(f"{login}\n" for login in logins))
    ssh = f"{os.environ.get('PARALLEL_SSH') or 'ssh'} {SSH_OPTIONS}"
    command = ["parallel", "--will-cite", "--plain", "--ssh", ssh, "--sshloginfile", "./logins",
               "--joblog", "log", *words]
    with (Step(title) as step, (work / "answers").open("wb") as out,
          (work / "told").open("wb") as told):
        process = subprocess.Popen(
            sandbox.contained(command), cwd=work, stdin=subprocess.DEVNULL, stdout=out, stderr=told,
            pass_fds=(sandbox.lifeline(),), start_new_session=True,
            env={**os.environ, "PARALLEL_HOME": str(work), "PARALLEL_SHELL": "/bin/sh"})
        try:
            while process.returncode is None:
                try:
                    process.wait(0.25 if total else None)
                except subprocess.TimeoutExpired:
                    if (work / "log").exists():
                        ended = len((work / "log").read_text().splitlines()) - 1
                        step.advance(f"{max(ended, 0)} of {total}")
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            raise


def _ask(hosts: Sequence[Host], title: str) -> dict[str, dict[str, Any] | str]:
    """Return what each host says of itself or, as text, why it does not."""
    with results.working() as work:
        _parallel(work, [host.login for host in hosts],
                  ["--nonall", "--jobs", "0", "--tag", _command(hosts, "observe")], title)
        said: dict[str, list[str]] = {host.login: [] for host in hosts}
        wrong: dict[str, list[str]] = {host.login: [] for host in hosts}
        for file, lines in (("answers", said), ("told", wrong)):
            for line in (work / file).read_text(errors="replace").splitlines():
                login, _, text = line.partition("\t")
                lines.get(login, []).append(text)
    answers: dict[str, dict[str, Any] | str] = {}
    for login, lines in said.items():
        try:
            answers[login] = dict(json.loads(lines[-1]))
        except (IndexError, ValueError, TypeError):
            answers[login] = reason(login, wrong[login] or lines, 1).removeprefix(f"on {login}: ")
    return answers


def _able(hosts: Sequence[Host]) -> tuple[dict[Host, int], list[str]]:
    """Return the hosts that can have columns, with their processors, and of
    the others the reasons why not."""
    able, unable = {}, []
    ours = about()
    answers = _ask(hosts, "asking the hosts")
    for host in hosts:
        theirs = answers[host.login]
        why = theirs if isinstance(theirs, str) else _unfit(theirs, ours)
        if why or isinstance(theirs, str):
            unable.append(f"host {host.login}: {why}")
        else:
            able[host] = int(theirs["processors"])
    return able, unable


def _jobs(work: Path, count: int) -> list[Job | None]:
    """How each column ended, in their order; None if it was never tried."""
    found: list[Job | None] = [None] * count
    log = (work / "log").read_text(errors="replace") if (work / "log").exists() else ""
    for line in log.splitlines()[1:]:
        sequence, login, _, _, _, _, status, ended_by, *_ = line.split("\t")
        number = int(sequence)
        found[number - 1] = Job(login, int(status) or int(ended_by), work / f"job/{number}",
                                work / f"job/{number}.err")
    return found


def _libc_here(name: ColumnName) -> str:
    """The build-id that a column's libc must have; "" if it is not built here."""
    return open_column(name.libc, "host", name.release).build_id if is_built(
        ColumnName(name.release, name.libc, "host")) else ""


def _gather(names: Sequence[ColumnName], jobs: Sequence[Job | None], kind: str,
            libcs: dict[ColumnName, str]) -> None:
    """Keep what the hosts observed; a column of which there is nothing, or
    not what should be, is broken."""
    kernels: dict[str, str] = {}
    # Where the libc was not built here, the first host has the word.
    proven = {(name.release, name.libc): (libc, "here") for name, libc in libcs.items() if libc}
    for name, job in zip(names, jobs, strict=True):
        with results.working() as work:
            facts = Facts(str(name), {}, broken="no host was left to observe it")
            if job is not None and job.status != 0:
                facts = Facts(str(name), {}, broken=f"no host could observe it; {job.why}")
            elif job is not None:
                facts = results.unpack(job.answer, work, name)
                libc, where = proven.setdefault((name.release, name.libc), (
                    facts.identity.get("libc", ""), job.login))
                if not facts.broken and facts.identity.get("libc") != libc:
                    facts = Facts(str(name), {}, broken=f"the libc of {job.login} is "
                                  f"{facts.identity.get('libc')}, not {libc} as {where}")
                elif name.kernel == "host" and not facts.broken:
                    kernels[job.login] = facts.identity.get("kernel", "")
            results.keep(work, name, facts, kind)
    if len(set(kernels.values())) > 1:
        told = ", ".join(f"{login} has {kernel}" for login, kernel in sorted(kernels.items()))
        _tell(f"the columns on 'host' are on different kernels: {told}")


def _tell(line: str) -> None:
    print(f"portzero: {line}", file=sys.stderr, flush=True)


def observe(names: Sequence[ColumnName], pattern: str, again: bool, file: Path) -> None:
    """Let the hosts of a file observe columns, and keep the results here.

    A host that cannot is told of, in one line; what it had is done by others.
    Columns for which no host is left are broken."""
    hosts = read(file)
    able, unable = _able(hosts)
    for line in unable:
        _tell(line)
    kind = "columns" if pattern == "*" else "partial"
    libcs = {name: _libc_here(name) for name in names}
    with results.working() as work:
        jobs: list[Job | None] = [None] * len(names)
        if able:
            commands = [_command(list(able), "observe", f"{name.release}:{name.libc}/{name.kernel}",
                                 f"--case={pattern}", f"--build-id={libcs[name]}",
                                 *(["--again"] if again else [])) for name in names]
            # As many at a time as each host has processors; each column on each
            # host once, if need be; one that fails does not end the others.
            _parallel(work, [f"{processors}/{host.login}" for host, processors in able.items()],
                      ["--jobs", "100%", "--retries", str(len(able)), "--halt", "never",
                       "--results", "job/{#}", ":::", *commands],
                      "columns on hosts", len(names))
            jobs = _jobs(work, len(names))
            if not any(jobs):
                lines = (work / "told").read_text(errors="replace").split("\n")
                raise Failure("GNU Parallel", reason("it", lines, 1).removeprefix("on it: "),
                              "correct that, and run it again")
            # Of a try that was made again elsewhere, Parallel keeps nothing.
            for login, answer in _ask(list(able), "asking the hosts again").items():
                if isinstance(answer, str):
                    _tell(f"host {login}: it is gone ({answer})")
        _gather(names, jobs, kind, libcs)
    if not able:
        _tell(f"no host of {shown(file)} could be used")
