# SPDX-License-Identifier: LGPL-2.1-or-later
"""The matrix on two machines, of which one dies: two sshd on loopback, in a
network of ours, each with processes, mounts and a checkout of its own.  What
ends the first process of such a machine ends all of it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from portzero.column import Column
from portzero.project import OUT

from conftest import PATIENCE, PORTZERO, await_that, leave_nothing, processes_with
from test_checkout_path import copy

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="an sshd of its own takes root"),
    pytest.mark.skipif(not Path("/usr/sbin/sshd").exists(),
                       reason="no sshd: ./portzero packages remote-tests brings one (and starts "
                       "it for the system, too)"),
]
LIBCS = ("distro", "stock", "patched")
PATTERN = "getpeername/*"
MATRIX = ("matrix", *(word for libc in LIBCS for word in ("--libc", libc)),
          "--case", PATTERN, "--json")
ADDRESSES = {"one": "127.0.0.2", "two": "127.0.0.3"}


def state(process: int) -> str:
    """How the kernel calls a process's state: T if it is stopped."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


class Network:
    """A network with nothing but loopback, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "hosts"
        self.machines: dict[str, subprocess.Popen[bytes]] = {}
        self.holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-ec", "ip link set lo up; echo; exec sleep infinity"],
            stdout=subprocess.PIPE)
        assert self.holder.stdout and self.holder.stdout.readline()
        self.inside = ["nsenter", "--net", "--target", str(self.holder.pid), "--"]
        for key in ("key", *(f"{name}.key" for name in ADDRESSES)):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key],
                           check=True)
        (folder / "known").write_text("".join(
            f"{address} {(folder / f'{name}.key.pub').read_text()}"
            for name, address in ADDRESSES.items()))
        (folder / "ssh_config").write_text("".join(
            f"Host {name}\nHostName {address}\n" for name, address in ADDRESSES.items())
            + f"Host *\nUser root\nIdentityFile {folder}/key\nIdentitiesOnly yes\n"
            f"UserKnownHostsFile {folder}/known\nGlobalKnownHostsFile none\n"
            "StrictHostKeyChecking yes\n")
        self.file.write_text("# two machines\n" + "".join(
            f"{name}:{folder}/{name}  # as good\n\n" for name in ADDRESSES))
        self.environment = {**os.environ, "PORTZERO_OUT": str(folder / "main"),
                            "PARALLEL_SSH": f"ssh -F {folder}/ssh_config"}

    def start(self, name: str, mounts: str = ":") -> None:
        """Start a machine; it hears on port 22 of its address."""
        config = self.folder / f"{name}.config"
        config.write_text(
            f"ListenAddress {ADDRESSES[name]}\nHostKey {self.folder / name}.key\n"
            f"AuthorizedKeysFile {self.folder}/key.pub\nStrictModes no\nPidFile none\n"
            "UsePAM no\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
            "PrintLastLog no\nPrintMotd no\n")
        self.machines[name] = subprocess.Popen(
            [*self.inside, "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
             "sh", "-ec", f"mount -t tmpfs -o mode=755 none /run; mkdir /run/sshd; {mounts}; "
             f"exec /usr/sbin/sshd -D -e -f {config}"], stderr=subprocess.DEVNULL)
        probe = ("import socket, sys; "
                 f"sys.exit(socket.socket().connect_ex(('{ADDRESSES[name]}', 22)))")
        await_that(lambda: not subprocess.run([*self.inside, "/usr/bin/python3", "-c", probe],
                                         check=False).returncode)

    def kill(self, name: str) -> None:
        machine = self.machines.pop(name)
        machine.kill()
        machine.wait()

    @contextlib.contextmanager
    def matrix(self, *more: str, kernel: str = "host") -> Iterator[subprocess.Popen[str]]:
        """Run the main job on the machines, or as `more` says."""
        with subprocess.Popen([*self.inside, PORTZERO, *MATRIX, "--kernel", kernel,
                               *(more or ("--hosts", str(self.file)))], env=self.environment,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            try:
                yield process
            finally:
                process.kill()  # If it has not ended, the test has failed.

    def stopping(self, name: str) -> None:
        """Have a machine stop in the middle of each column from now on: its suite
        stops itself before it asks anything.  (All it is asked here takes so little
        time that nobody could stop it.)"""
        for program in (self.folder / name / "out/suite").glob("suite-*"):
            real = program.with_suffix(".real")
            program.rename(real)
            program.write_text('#!/bin/sh\ncase " $* " in *" --output "*) kill -STOP $$ ;; esac\n'
                               f'exec "$0{real.suffix}" "$@"\n')
            program.chmod(0o755)

    def frozen(self, name: str) -> None:
        """Wait until a machine has stopped in the middle of a column."""
        suites = f"{self.folder / name}/out/suite/"
        await_that(lambda: any(state(int(process)) == "T" for process in processes_with(suites)))

    def silence(self, name: str) -> None:
        """Let a machine be there, and say nothing any more."""
        first = Path(f"/proc/{self.machines[name].pid}/task/{self.machines[name].pid}/children")
        mine = Path(f"/proc/{first.read_text().split()[0]}/ns/pid").readlink()
        for path in Path("/proc").glob("[0-9]*/ns/pid"):
            with contextlib.suppress(OSError):
                if path.readlink() == mine:
                    os.kill(int(path.parent.parent.name), signal.SIGSTOP)

    def working(self, name: str) -> list[Path]:
        """What a machine is observing, or was when it died."""
        return list((self.folder / f"{name}/out/results/.work").glob("*/suite.ktap"))

    def close(self) -> None:
        for name in list(self.machines):
            self.kill(name)
        self.holder.kill()
        self.holder.communicate()


def own_temporary() -> set[str]:
    """What GNU Parallel may leave in /tmp."""
    return {path.name for path in Path("/tmp").glob("par*")}


@pytest.fixture
def network(columns: dict[str, Column], tmp_path: Path) -> Iterator[Network]:
    for name in ADDRESSES:
        copy(tmp_path / name)
    (tmp_path / "main").mkdir()
    for part in ("columns", "suite", "sandbox"):
        subprocess.run(["cp", "-a", "--link", OUT / part, tmp_path / "main" / part], check=True)
    before = own_temporary()
    network = Network(tmp_path)
    try:
        yield network
        # What is left would be of hosts that are still there.
        for name in ADDRESSES:
            leave_nothing(f"{tmp_path}/{name}/scripts")
    finally:
        network.close()
        for name in ADDRESSES:
            shutil.rmtree(tmp_path / f"{name}")
    leave_nothing(str(tmp_path))
    assert own_temporary() <= before


def cells(told: str) -> Any:
    """The whole answer: wherever it ran, it is the same."""
    return json.loads(told)


def broken_in(network: Network) -> dict[str, str]:
    """The reasons why columns are broken, by column."""
    found = {}
    for path in (network.folder / "main/results/partial").glob("*/*/*/observations.jsonl"):
        facts = json.loads(path.read_text().splitlines()[0])["column"]
        if facts["broken"]:
            found[facts["column"]] = facts["broken"]
    return found


def told_of(error: str) -> list[str]:
    return [line for line in error.splitlines() if line.startswith("portzero: host ")]


@pytest.fixture
def here(network: Network) -> Any:
    """The cells of a run without other machines."""
    with network.matrix("--again") as process:
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    shutil.rmtree(network.folder / "main/results")
    return cells(out)


def test_two_hosts_and_one_that_dies(network: Network, here: Any) -> None:
    for name in ADDRESSES:
        network.start(name)
    with network.matrix() as process:
        out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told_of(error)) == (0, []), error
    assert cells(out) == here
    done = {name: list((network.folder / f"{name}/out/results/partial").glob("*/*/*/*.jsonl"))
            for name in ADDRESSES}
    assert sum(map(len, done.values())) == len(LIBCS)
    # Again, and one is killed in the middle of a column.
    for name in ADDRESSES:
        shutil.rmtree(network.folder / f"{name}/out/results")
    shutil.rmtree(network.folder / "main/results")
    network.stopping("one")
    with network.matrix() as process:
        network.frozen("one")
        network.kill("one")
        out, error = process.communicate(timeout=PATIENCE)
    assert network.working("one"), "it was in the middle of nothing"
    assert process.returncode == 0, error
    assert cells(out) == here
    assert len(told_of(error)) == 1 and told_of(error)[0].startswith(
        "portzero: host one: it is gone ("), error
    assert broken_in(network) == {}


def test_guests_on_other_hosts(network: Network) -> None:
    """A column with a kernel of its own is the same wherever it runs."""
    with network.matrix("--again", kernel="linux-patched") as process:
        here, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    shutil.rmtree(network.folder / "main/results")
    for name in ADDRESSES:
        network.start(name)
    with network.matrix(kernel="linux-patched") as process:
        out, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told_of(error)) == (0, []), error
    assert cells(out) == cells(here)
    done = [path.parent for name in ADDRESSES
            for path in (network.folder / f"{name}/out/results/partial").glob("*/*/*/*.jsonl")]
    assert sorted(path.parent.name for path in done) == sorted(LIBCS)
    assert {path.name for path in done} == {"linux-patched"}
    # Each record has the proof of what ran.
    ran = [json.loads(line).get("ran") for path in done
           for line in (path / "observations.jsonl").read_text().splitlines()]
    kernels = {facts["kernel"] for facts in ran if facts}
    assert len(kernels) == 1 and kernels.pop().endswith("-portzero-patched")


def test_a_host_that_falls_silent(network: Network, here: Any) -> None:
    network.environment["PARALLEL_SSH"] += (
        " -o ServerAliveInterval=5 -o ServerAliveCountMax=3 -o ConnectTimeout=60")
    for name in ADDRESSES:
        network.start(name)
    network.stopping("one")
    with network.matrix() as process:
        network.frozen("one")
        network.silence("one")
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    assert cells(out) == here
    assert len(told_of(error)) == 1 and "host one: it is gone (" in error, error
    network.kill("one")


def test_no_host_is_left(network: Network) -> None:
    network.start("one")
    network.stopping("one")
    with network.matrix() as process:
        network.frozen("one")
        network.kill("one")
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, error
    assert [line.split(" (")[0].split(": ssh")[0] for line in told_of(error)] == [
        "portzero: host two", "portzero: host one: it is gone"], error
    assert broken_in(network).keys() == {f"{libc}/host" for libc in LIBCS}
    assert all(why.startswith("no host could observe it; on one: ")
               for why in broken_in(network).values()), broken_in(network)
    # And from the beginning.
    with network.matrix() as process:
        out, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert len(told_of(error)) == 2
    assert f"portzero: no host of {network.file} could be used" in error
    assert set(broken_in(network).values()) == {"no host was left to observe it"}
    assert "broken" in out


def test_a_host_with_another_libc(network: Network, columns: dict[str, Column]) -> None:
    target, libc = next((target, file) for target, file in columns["stock"].files.items()
                        if file.name == "libc.so.6")
    loaders = "; ".join(f"mount --bind '{file}' '{target}'"
                        for target, file in columns["stock"].files.items())
    network.start("one", mounts=loaders)
    network.start("two")
    with network.matrix() as process:
        _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told_of(error)) == (0, [
        f"portzero: host one: its libc is {columns['stock'].build_id}, not "
        f"{columns['distro'].build_id} as here; install the same version of libc6"]), error
    assert not list((network.folder / "one/out").glob("results/partial/*/*/*/*.jsonl"))
    # One whose built libc is not ours.
    observed = subprocess.run(
        [f"{network.folder}/two/portzero", "observe", "stock/host", "--case", PATTERN, "--build-id",
         "0123"], text=True, capture_output=True, check=False, timeout=PATIENCE)
    assert (observed.returncode, observed.stdout) == (2, "")
    assert (f"column stock/host: its libc is {columns['stock'].build_id}, not 0123; "
            in observed.stderr)


def test_a_host_with_another_checkout(network: Network) -> None:
    for name in ADDRESSES:
        network.start(name)
    with (network.folder / "one/scripts/portzero/matrix.py").open("a") as source:
        source.write("# more\n")
    with network.matrix() as process:
        _, error = process.communicate(timeout=PATIENCE)
    assert (process.returncode, told_of(error)) == (0, [
        "portzero: host one: its checkout is of another version; update it"]), error


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_interrupted(network: Network, number: signal.Signals) -> None:
    for name in ADDRESSES:
        network.start(name)
    network.stopping("one")
    with network.matrix() as process:
        network.frozen("one")
        process.send_signal(number)
        _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == (-number if number == signal.SIGKILL else 130), error
    # The fixture waits for what runs on the hosts to end, while they live.
