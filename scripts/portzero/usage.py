# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is told of the command line besides the options themselves: examples,
exit statuses, files, environment.  --help, the manual page and the completion
are all made from this and from the parser."""

from __future__ import annotations

import argparse

# The same for every command.
STATUSES = {
    "0": "All is as expected; of diff, nothing differs; of evidence, all was shown.",
    "1": "Something is not: a cell is not as expected, an answer differs, a test fails, a step of "
         "the evidence does not show what it should.",
    "2": "It could not be found out: a wrong command line, something missing or damaged.  One line "
         "on standard error says what failed, why, and what to do.",
    "128+N": "Ended by signal N; 130 at Ctrl-C.  What was finished is kept.",
}
# Of run and shell only.
RUN_STATUSES = {
    "any": "That of the program; a program that cannot be run has 126, one that is not there 127, "
           "as in a shell."}
# Of each command: lines to type, and what they are for.
EXAMPLES: dict[str, list[tuple[str, str]]] = {
    "matrix": [
        ("portzero matrix", "all columns; what has not changed is not run again"),
        ("portzero matrix --kernel host", "without kernels of our own: a few minutes less"),
        ("portzero matrix --libc distro --kernel host --case 'getpeername/*'",
         "one call on what this machine has"),
        ("portzero matrix --hosts hosts", "each column on one of the hosts of a file")],
    "run": [
        ("portzero run --libc patched -- curl -v http://127.0.0.1:0/",
         "curl on the patched libc; packets for port 0 arrive at 8080"),
        ("portzero run --kernel linux-patched -- uname -r", "in a guest with its own kernel")],
    "preload": [("portzero preload -- curl -v http://192.0.2.1:0/",
                 "curl on this system's libc, which then names a peer at port 0")],
    "shell": [("portzero shell --libc stock", "a prompt where port 0 can be reached")],
    "judge": [
        ("portzero judge --all", "each case and column in a place of its own"),
        ("portzero judge --json", "for programs")],
    "report": [("portzero report", "writes out/report/index.html, and prints where that is")],
    "diff": [
        ("portzero diff stock/host patched/host", "what the glibc series changes"),
        ("portzero save before", "keep the last run, to compare with"),
        ("portzero diff before last", "what has changed since")],
    "add": [("portzero add alpine observations.jsonl",
             "what the suite observed on another system, as a column")],
    "list": [("portzero list 'accept/*'", "what is asked about accepting")],
    "explain": [("portzero explain getpeername/connected", "all about one case")],
    "evidence": [("portzero evidence", "where the check is, shown on this machine")],
    "programs": [("portzero programs curl", "curl at port 0 on all columns")],
}
FILES = {
    "out/results/": "the observations of each column, the verdicts (verdicts.jsonl), and the same "
                    "as JUnit XML (junit.xml)",
    "out/report/index.html": "the page: one file, which fetches nothing",
    "out/columns/": "the libcs and kernels that were built",
    "tests/conformance/deviations.toml": "the known deviations",
}
ENVIRONMENT = {
    "PORTZERO_OUT": "The folder for all products, instead of out/ in the checkout.",
    "PARALLEL_SSH": "The command that matrix --hosts reaches the hosts with, instead of ssh.",
    "NO_COLOR": "If not empty, no colours on terminals either.",
    "COLUMNS": "The width of the output, instead of that of the terminal.",
}


def _epilog(command: str) -> str:
    lines = []
    if command in EXAMPLES:
        lines += ["examples:", *(f"  {line}\n      {text}" for line, text in EXAMPLES[command]), ""]
    own = RUN_STATUSES if command in ("run", "shell", "preload") else {}
    lines.append("exit status:")
    for status, text in {**own, **STATUSES}.items():
        if own and status not in own and status != "2":
            continue
        lines.append(f"  {status:<6} {text.split('  ')[0]}")
    return "\n".join(lines)


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the commands of the command line, with their parsers."""
    for action in parser._actions:  # There is no public way to them.
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def summaries_of(parser: argparse.ArgumentParser) -> dict[str, str]:
    """Return what --help says of each command in one line."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return {choice.dest: choice.help or "" for choice in action._choices_actions}
    return {}


def complete(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add examples and exit statuses to the help of each command."""
    summaries = summaries_of(parser)
    for name, command in commands_of(parser).items():
        command.formatter_class = argparse.RawDescriptionHelpFormatter
        command.epilog = _epilog(name)
        if not command.description:
            text = summaries[name]
            command.description = text[:1].upper() + text[1:] + "."
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = ("Start with: portzero evidence, then portzero matrix.\n"
                     "portzero COMMAND --help has examples; portzero(1) is the manual.")
    return parser
