# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line."""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sys

from portzero import packages
from portzero.project import Failure, exclusive


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65534:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 1 to 65534")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="portzero", description="Port 0 as a normal port of the sockets API: "
        "builds the C libraries, runs the conformance suite on them, runs any program on them.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    matrix = commands.add_parser("matrix", help="build what is missing, run the suite on every "
                                 "column, print the grid")
    matrix.add_argument("--libc", action="append", metavar="LIBC",
                        help="only this column (may be repeated)")
    matrix.add_argument("--case", default="*", metavar="PATTERN",
                        help="only cases whose CALL/NAME matches, as in a shell")

    for name, text in (("run", "run a program on a column"),
                       ("shell", "give a prompt on a column")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--libc", default="patched", metavar="LIBC",
                             help="distro, stock or patched (default: patched)")
        command.add_argument("--port", type=_port, default=8080,
                             help="where connections to port 0 arrive (default: 8080)")
        if name == "run":
            command.add_argument("program", nargs="+", metavar="PROGRAM",
                                 help="what to run, after --")

    commands.add_parser("judge", help="judge and print the last run again, without running")
    commands.add_parser("check", help="run all tests of the project")
    build = commands.add_parser("build", help="build a C library, or all")
    build.add_argument("libc", nargs="*", metavar="LIBC")
    install = commands.add_parser("packages", help="install what the project needs")
    install.add_argument("group", nargs="*", default=["matrix"], help="matrix, check")
    return parser


def _run(libc: str, port: int, program: list[str]) -> int:
    from portzero.column import open_column  # noqa: PLC0415

    with exclusive("build"):
        column = open_column(libc)
    status = column.run(program, listener=port)
    if status < 0:
        # End as the program did, for whoever waits for us; the core, if any,
        # is the program's.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
        return 128 - status  # That signal is ignored or stopped.
    return status


def _dispatch(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "packages":
            packages.install(*arguments.group)
            return 0
        case "check":
            packages.install("matrix", "check")
            from portzero import check  # noqa: PLC0415

            return check.run()
    packages.install("matrix")
    # These import what the packages bring.
    from portzero import glibc, matrix  # noqa: PLC0415
    from portzero.column import LIBCS  # noqa: PLC0415

    chosen = getattr(arguments, "libc", None) or list(LIBCS)
    for libc in [chosen] if isinstance(chosen, str) else chosen:
        if libc not in LIBCS:
            raise Failure(f"column '{libc}'", "there is no such libc", f"use {', '.join(LIBCS)}")
    match arguments.command:
        case "run":
            return _run(arguments.libc, arguments.port, arguments.program)
        case "shell":
            shell = os.environ.get("SHELL", "/bin/sh")
            return _run(arguments.libc, arguments.port, [shell, "-i"])
        case "build":
            with exclusive("build"):
                for libc in chosen:
                    if libc != "distro":
                        print(glibc.build(libc))
            return 0
        case "judge":
            return matrix.judge_and_report()
        case _:
            return matrix.run(chosen, arguments.case)


def main(arguments: list[str]) -> int:
    """Do what the command line says, return the exit status: 0 if all is as
    expected, 1 if not, 2 if it could not be found out."""
    # Those who end us by a signal get the same cleaning up as at Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return _dispatch(_parser().parse_args(arguments))
    except Failure as failure:
        print(f"portzero: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("portzero: interrupted; what was finished is kept, run it again to go on",
              file=sys.stderr)
        return 130
