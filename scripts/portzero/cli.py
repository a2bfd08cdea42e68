# SPDX-License-Identifier: LGPL-2.1-or-later
"""The command line."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import sys
from pathlib import Path
from typing import Any

from portzero import architectures, packages, releases, usage
from portzero.column_name import ColumnName, default_release, parse, split
from portzero.project import OUT, CannotRun, Failure, failure_of

# All releases whose libc can run the programs of this system.
ALL = "all"


class _Once(argparse._StoreAction):  # There is no public one.
    """An option that is refused the second time: the first would be lost without a
    word."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace,
                 values: Any, option_string: str | None = None) -> None:
        if option_string and option_string in vars(namespace):
            raise argparse.ArgumentError(self, "it can be given only once")
        super().__call__(parser, namespace, values, option_string)
        if option_string:
            setattr(namespace, option_string, values)


class _Parser(argparse.ArgumentParser):
    """One whose plain options are taken once; its commands' parsers are of this kind,
    too."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.register("action", None, _Once)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65532:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port from 1 to 65532")
    return int(text)


def _add_release(command: argparse.ArgumentParser, *others: str) -> None:
    known = [*releases.names(), *others]
    command.add_argument("--release", default=default_release(), metavar="RELEASE", choices=known,
                         help=f"whose glibc and Linux: {', '.join(known)} "
                         f"(default: {default_release()})")


def _memory(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,5}[MG]", text):
        raise argparse.ArgumentTypeError(f"'{text}' is not a size as 512M or 2G")
    return text


def _add_style(command: argparse.ArgumentParser) -> None:
    command.add_argument("--all", action="store_true", dest="everything",
                         help="show each column and case in a place of its own")
    command.add_argument("--calls", action="store_true",
                         help="show a row for each call instead of each case")
    command.add_argument("--quiet", action="store_true",
                         help="print only what is not as expected, and whether all is")
    command.add_argument("--json", action="store_true", help="print one JSON object instead")


def parser() -> argparse.ArgumentParser:
    """The whole command line, with its help."""
    return usage.complete(_parser())


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="portzero", description="Port 0 as a normal port of the sockets API: "
        "builds the C libraries, runs the conformance suite on them, runs any program on them.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    matrix = commands.add_parser("matrix", help="build what is missing, run the suite on every "
                                 "column, print the grid")
    matrix.add_argument("--libc", action="append", metavar="LIBC",
                        help="only this column (may be repeated)")
    matrix.add_argument("--kernel", action="append", metavar="KERNEL",
                        help="only on this kernel (may be repeated)")
    _add_release(matrix, ALL)
    matrix.add_argument("--case", default="*", metavar="PATTERN",
                        help="only cases whose CALL/NAME matches, as in a shell")

    matrix.add_argument("--again", action="store_true",
                        help="run the suite also in guests in which nothing has changed")
    matrix.add_argument("--hosts", type=Path, metavar="FILE",
                        help="let the hosts of this file, [USER@]HOST[:FOLDER] on each line, "
                        "observe the columns, over ssh")
    _add_style(matrix)

    for name, text in (("run", "run a program on a column"),
                       ("shell", "give a prompt on a column")):
        command = commands.add_parser(name, help=text)
        command.add_argument("--libc", default="patched", metavar="LIBC",
                             help="distro, stock, patched, patched-accept, preload, or "
                             f"{', '.join(architectures.libcs())} (default: patched)")
        command.add_argument("--kernel", default="host", metavar="KERNEL",
                             help="host, linux-stock or linux-patched (default: host)")
        _add_release(command)
        command.add_argument("--port", type=_port, default=8080,
                             help="where connections to port 0 arrive (default: 8080)")
        command.add_argument("--steer", default="redirect", metavar="HOW", dest="steering",
                             help="how they get there: redirect, tproxy or sk_lookup "
                             "(default: redirect)")
        command.add_argument("--memory", type=_memory, default="256M", metavar="SIZE",
                             help="a guest's memory, as 512M or 2G (default: 256M)")
        if name == "run":
            command.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM ...",
                                 help="what to run, and all that follows")

    inplace = commands.add_parser("preload", help="run a program in place, with "
                                  "libportzero.so preloaded")
    inplace.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM ...",
                         help="what to run, and all that follows")
    observe = commands.add_parser("observe", help="observe one column and write what was observed, "
                                  "as an archive, to standard output (matrix --hosts runs this)")
    observe.add_argument("column", nargs="?", metavar="COLUMN",
                         help="LIBC/KERNEL or RELEASE:LIBC/KERNEL; without one, JSON is written "
                         "that tells what this host is")
    observe.add_argument("--case", default="*", metavar="PATTERN",
                         help="only cases whose CALL/NAME matches, as in a shell")
    observe.add_argument("--again", action="store_true",
                         help="run the suite also in a guest in which nothing has changed")
    observe.add_argument("--build-id", default="", metavar="ID",
                         help="fail if the column's libc has another one")
    _add_style(commands.add_parser(
        "judge", help="judge and print the last run again, without running"))
    commands.add_parser("report", help="judge the last run again and write the page, and say "
                        "where it is")
    diff = commands.add_parser(
        "diff", help="show what two columns, or two runs, answer differently",
        description="Each of A and B is a column of the last run (LIBC/KERNEL or "
        "RELEASE:LIBC/KERNEL) or of a saved one (NAME:LIBC/KERNEL), what was added (NAME), a whole "
        "saved run (NAME), or the whole last one (last).")
    diff.add_argument("first", metavar="A")
    diff.add_argument("second", metavar="B")
    save = commands.add_parser("save", help="keep the results of the last run under a name")
    save.add_argument("name", metavar="NAME")
    add = commands.add_parser("add", help="put what the suite observed on any other system beside "
                              "the columns, and judge it like them")
    add.add_argument("name", metavar="NAME", help="what to call that system")
    add.add_argument("observations", type=Path, metavar="observations.jsonl",
                     help="what the suite wrote there (--output)")
    add.add_argument("--like", default="distro/host", metavar="LIBC/KERNEL",
                     help="the column whose known deviations hold there, too "
                     "(default: distro/host)")
    listing = commands.add_parser("list", help="list the cases, with what they ask")
    explain = commands.add_parser("explain", help="tell all about a case: the question, the "
                                  "standard, what each column answers, who is responsible")
    listing.add_argument("case", nargs="?", default="*", metavar="PATTERN",
                         help="only cases whose CALL/NAME matches, as in a shell")
    explain.add_argument("case", metavar="CASE", help="CALL/NAME, or a pattern")
    _add_style(add)
    for command in (diff, save, listing, explain):
        command.add_argument("--json", action="store_true", help="print JSON instead")
    evidence = commands.add_parser("evidence", help="show on this machine, without building "
                                   "anything, where the check is")
    evidence.add_argument("--json", action="store_true", help="print one JSON object instead")
    commands.add_parser("check", help="run all tests of the project")
    suite = commands.add_parser(
        "check-glibc", help="run glibc's own tests on stock and on patched, and compare (takes an "
        "hour)")
    _add_release(suite)
    suite.add_argument("--series", action="store_true",
                       help="only the tests that the series adds, on each kernel (takes minutes)")
    suite.add_argument("--architecture", choices=architectures.running_here(), metavar="NAME",
                       help="with --series: of a libc for another architecture, "
                       f"{', '.join(architectures.running_here())}")
    _add_release(commands.add_parser(
        "check-linux", help="run the kernel selftest of the Linux series on the stock and on the "
        "patched kernel, and compare"), ALL)
    programs = commands.add_parser("programs", help="run real programs at port 0 on the columns, "
                                   "compare with another port, print the table")
    programs.add_argument("name", nargs="*", metavar="NAME",
                          help="only these of tests/programs (patterns as in a shell)")
    programs.add_argument("--column", action="append", default=[], metavar="LIBC/KERNEL",
                          help="only on this column (may be repeated)")
    programs.add_argument("--again", action="store_true", help="run also what has been run, with all "
                          "that it depends on the same")
    programs.add_argument("--list", action="store_true", help="say what there is, run nothing")
    peers = commands.add_parser("check-peers", help="run other projects' tests of sockets under "
                                "distro and patched, and compare test by test")
    peers.add_argument("name", nargs="*", metavar="NAME", help="only these of tests/peers")
    build = commands.add_parser("build", help="build what the columns need")
    build.add_argument("--libc", action="append", metavar="LIBC")
    build.add_argument("--kernel", action="append", metavar="KERNEL")
    _add_release(build, ALL)
    clean = commands.add_parser("clean", help="remove what was built, and say how much that was")
    clean.add_argument("--old", action="store_true",
                       help="only what nothing here needs as it is now")
    install = commands.add_parser("packages", help="install what the project needs")
    install.add_argument("group", nargs="*", default=["matrix"], help="matrix, check, bench")
    return parser


def _run(arguments: argparse.Namespace, program: list[str]) -> int:
    """Run a program on a column, return its exit status, or end as it did."""
    from portzero import run  # noqa: PLC0415

    status = run.run(arguments, program)
    if status < 0:
        # End as the program did, for whoever waits for us; the core, if any,
        # is the program's.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
        return 128 - status  # That signal is ignored or stopped.
    return status


def _chosen(asked: str | list[str] | None, all_of: tuple[str, ...], axis: str,
            *others: str) -> list[str]:
    """What the user asked for on one axis of the columns: some of `all_of`
    and of `others`; by default, `all_of`."""
    names = [asked] if isinstance(asked, str) else asked or list(all_of)
    for name in names:
        if name not in (*all_of, *others):
            raise Failure(f"{axis} '{name}'", "there is no such column",
                          f"use {', '.join(dict.fromkeys((*all_of, *others)))}")
    return names


def _columns(release: str, libcs: list[str], kernels: list[str]) -> list[ColumnName]:
    """The columns of a release, or of all that can be had here, with these
    libcs and kernels (none: all that there are)."""
    from portzero import preload  # noqa: PLC0415
    from portzero.column import SYSTEM, names_of  # noqa: PLC0415

    if not libcs and not preload.can_be_named(OUT):
        print(f"portzero: preload is left out: the loader takes no path with a space or colon: {OUT}; "
              "set PORTZERO_OUT to another folder", file=sys.stderr)
    if release != ALL:
        return names_of(release, libcs, kernels)
    found = []
    for name in sorted(releases.names(), key=lambda name: name != default_release()):
        if not releases.runs_here(name):
            print(f"portzero: {name} is left out: its libc is older than this system's, which the "
                  "programs here need", file=sys.stderr)
            continue
        here = [libc for libc in libcs if libc not in SYSTEM or name == default_release()]
        found += names_of(name, here, kernels) if here or not libcs else []
    return found


def _dispatch(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "packages":
            packages.install(*arguments.group)
            return 0
        case "run":
            words = arguments.program
            return _run(arguments, words[1:] if words[:1] == ["--"] else words)
        case "preload":
            from portzero import preload  # noqa: PLC0415

            words = arguments.program
            return preload.run(words[1:] if words[:1] == ["--"] else words)
        case "shell":
            return _run(arguments, [os.environ.get("SHELL", "/bin/sh"), "-i"])
        case "check":
            from portzero import check  # noqa: PLC0415

            return check.run()
        case "clean":
            from portzero import clean  # noqa: PLC0415

            return clean.clean(arguments.old)
        case "evidence":
            packages.install("evidence")
            from portzero import evidence  # noqa: PLC0415

            return evidence.show(arguments.json)
        case "check-linux":
            packages.install("matrix")
            from portzero import linux_suite  # noqa: PLC0415

            chosen = arguments.release
            return linux_suite.compare(
                [*reversed(releases.names())] if chosen == ALL else [chosen])
    packages.install("matrix")
    # These import what the packages bring.
    from portzero import compare, matrix, questions, report, results  # noqa: PLC0415
    from portzero.column import ALL_LIBCS, KERNELS, LIBCS, open_column  # noqa: PLC0415

    libcs = _chosen(getattr(arguments, "libc", None), LIBCS, "libc", *ALL_LIBCS[len(LIBCS):])
    kernels = _chosen(getattr(arguments, "kernel", None), KERNELS, "kernel")
    names = _columns(getattr(arguments, "release", default_release()),
                     libcs if getattr(arguments, "libc", None) else [],
                     kernels if getattr(arguments, "kernel", None) else [])
    if arguments.command in ("matrix", "build") and not getattr(arguments, "hosts", None):
        for architecture in {split(name.libc)[0] for name in names} - {""}:
            packages.install(architecture)
    style = report.Style(*(getattr(arguments, name, False)
                           for name in ("everything", "quiet", "json", "calls")))
    match arguments.command:
        case "build":
            for name in names:
                open_column(name.libc, name.kernel, name.release)
            return 0
        case "diff":
            return compare.diff(arguments.first, arguments.second, arguments.json)
        case "save":
            found = [str(name) for name in results.save(arguments.name)]
            print(json.dumps({"name": arguments.name, "columns": found}) if arguments.json else
                  f"{len(found)} columns are saved as {arguments.name}")
            return 0
        case "add":
            return matrix.add(arguments.name, arguments.observations, arguments.like, style)
        case "list":
            return questions.show_list(arguments.case, arguments.json)
        case "explain":
            return questions.explain(arguments.case, arguments.json)
        case "report":
            status = matrix.judge_and_report(style=report.Style(quiet=True),
                                             with_saved=True)
            print(report.PAGE)
            return status
        case "judge":
            return matrix.judge_and_report(style=style)
        case "check-peers":
            packages.install("programs")
            from portzero import peers  # noqa: PLC0415

            return peers.run(arguments.name)
        case "programs":
            packages.install("programs")
            from portzero.programs import job  # noqa: PLC0415

            if arguments.list:
                return job.listing()
            return job.run(arguments.name, arguments.column, arguments.again)
        case "check-glibc":
            from portzero import glibc_suite, series_tests  # noqa: PLC0415

            if arguments.architecture and not arguments.series:
                raise Failure("check-glibc", "of another architecture, only the series' tests run",
                              "use --series")
            if not arguments.series:
                return glibc_suite.compare(arguments.release)
            if not arguments.architecture:
                return series_tests.run(arguments.release)
            packages.install(arguments.architecture)
            return series_tests.run(arguments.release, f"{arguments.architecture}-patched")
        case "observe":
            from portzero import observe  # noqa: PLC0415

            if arguments.column and (architecture := split(parse(arguments.column).libc)[0]):
                packages.install(architecture)
            return observe.observe(arguments.column, arguments.case, arguments.again,
                                   arguments.build_id)
        case _:
            if arguments.hosts:
                packages.install("remote")
            return matrix.run(names, arguments.case, arguments.again, style, arguments.hosts)


def _forget_output() -> None:
    """Do not try again at the end what could not be printed (/dev/full)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def main(arguments: list[str]) -> int:
    """Do what the command line says, return the exit status: 0 if all is as
    expected, 1 if not, 2 if it could not be found out."""
    # A reader that has seen enough (head) ends us without a word.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    # Names of files need not be text.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    try:
        try:
            os.getcwd()
        except FileNotFoundError:
            raise Failure("the current folder", "it was deleted",
                          "change to a folder that exists") from None
        status = _dispatch(parser().parse_args(arguments))
        sys.stdout.flush()
        return status
    except CannotRun as failure:
        print(f"portzero: {failure}", file=sys.stderr)
        return failure.status
    except Failure as failure:
        print(f"portzero: {failure}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"portzero: {failure_of(error)}", file=sys.stderr)
        _forget_output()
        return 2
