# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes what `make install` puts beside the command: the manual page and the
completion for bash, both from the parser, so that they cannot be behind it.

As a program: python3 -m portzero.manual (page | completion)."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap

from portzero import architectures, usage
from portzero.cli import parser as command_line


def _escaped(text: str) -> str:
    """Text for mdoc(7): no control line, no escape, no sign with a meaning."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = text.replace("'", "\\(aq").replace("`", "\\(ga").replace('"', "\\(dq")
    return re.sub(r"^(?=[.'])", r"\\&", text, flags=re.MULTILINE)


def _sentences(text: str) -> list[str]:
    """Each sentence on a line of its own, as mdoc wants it."""
    text = re.sub(r"\s+", " ", text).strip()
    if not text.endswith((".", ")")):
        text += "."
    return [_escaped(line) for sentence in re.split(r"(?<=[.;])\s+(?=[A-Z])", text)
            for line in textwrap.wrap(sentence, 70, break_long_words=False,
                                      break_on_hyphens=False)]


def _is_flag(action: argparse.Action) -> bool:
    return bool(action.option_strings)


def _arguments(action: argparse.Action) -> list[str]:
    names = action.metavar if isinstance(action.metavar, tuple) else (
        action.metavar or action.dest.upper(),)
    return [] if action.nargs == 0 else [str(name) for name in names]


def _shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions
            if action.help != argparse.SUPPRESS and action.dest not in ("help", "command")]


def _synopsis(name: str, parser: argparse.ArgumentParser) -> list[str]:
    lines = [".Nm", f".Cm {name}"]
    for action in _shown(parser):
        if _is_flag(action):
            flag = f"\\-\\-{_escaped(action.option_strings[-1].lstrip('-'))}"
            argument = "".join(f" Ar {_escaped(part)}" for part in _arguments(action))
            lines.append(f".Op Fl \\-{flag[4:]}{argument}")
        else:
            for part in _arguments(action):
                word = f"Ar {_escaped(part)}"
                if action.nargs in ("*", "?"):
                    lines.append(f".Op {word}" + (" ..." if action.nargs == "*" else ""))
                else:
                    lines.append(f".{word}" + (" ..." if action.nargs == "+" else ""))
    return lines


def _command(name: str, parser: argparse.ArgumentParser) -> list[str]:
    lines = [f".Ss {name}", *_synopsis(name, parser), ".Pp",
             *_sentences(parser.description or "")]
    options = [action for action in _shown(parser) if action.help]
    if options:
        lines += [".Bl -tag -width Ds"]
        for action in options:
            words = "".join(f" Ar {_escaped(part)}" for part in _arguments(action))
            if _is_flag(action):
                lines.append(f".It Fl \\-{_escaped(action.option_strings[-1].lstrip('-'))}{words}")
            else:
                lines.append(f".It{words}")
            text = (action.help or "") % {"default": action.default, "prog": "portzero"}
            lines += _sentences(text)
        lines.append(".El")
    return lines


def _tagged(entries: dict[str, str], macro: str) -> list[str]:
    lines = [".Bl -tag -width Ds"]
    for term, text in entries.items():
        lines += [f".It {macro} {_escaped(term)}".replace("  ", " "),
                  *_sentences(text[:1].upper() + text[1:])]
    return [*lines, ".El"]


def page(date: str = "November 25, 2026") -> str:
    """Return the manual page portzero(1), in mdoc(7)."""
    parser = command_line()
    lines = [
        '.\\" SPDX-License-Identifier: LGPL-2.1-or-later',
        '.\\" Made by portzero.manual from the command line itself.',
        f".Dd {date}", ".Dt PORTZERO 1", ".Os", ".Sh NAME", ".Nm portzero",
        ".Nd port 0 as a normal port of the sockets API, call by call",
        ".Sh SYNOPSIS", ".Nm", ".Ar command", ".Op Ar argument ...",
        ".Sh DESCRIPTION",
        *_sentences(parser.description or ""), ".Pp",
        "glibc never had a check for port 0: its",
        ".Xr getpeername 2", "is a bare system call.",
        "The check is in the kernel, in", ".Fn inet_getname", "and", ".Fn inet6_getname .", ".Pp",
        "A column is a libc on a kernel, called",
        ".Ql LIBC/KERNEL", "or", ".Ql RELEASE:LIBC/KERNEL .",
        ".Sh COMMANDS"]
    for name, command in usage.commands_of(parser).items():
        lines += _command(name, command)
    lines += [".Sh ENVIRONMENT", *_tagged(usage.ENVIRONMENT, "Ev"),
              ".Sh FILES", *_tagged(usage.FILES, "Pa"),
              ".Sh EXIT STATUS", *_tagged(usage.STATUSES, ""), ".Pp",
              "Of", ".Cm run", "and", ".Cm shell :", *_sentences(usage.RUN_STATUSES["any"]),
              ".Sh EXAMPLES"]
    for examples in usage.EXAMPLES.values():
        for line, text in examples:
            lines += _sentences(text[:1].upper() + text[1:]) + [
                ".Pp", f".Dl {_escaped(line)}", ".Pp"]
    lines.pop()
    lines += [".Sh SEE ALSO", ".Xr accept 2 ,", ".Xr connect 2 ,", ".Xr getpeername 2 ,",
              ".Xr sock_diag 7"]
    return "\n".join(lines) + "\n"


def completion() -> str:
    """Return the completion for bash: commands, then their options; programs
    and files where those belong."""
    words = {name: [action.option_strings[-1] for action in _shown(command) if _is_flag(action)]
             for name, command in usage.commands_of(command_line()).items()}
    cases = "\n".join(f"\t{name}) options=\"{' '.join([*options, '--help'])}\" ;;"
                      for name, options in words.items())
    return f"""# SPDX-License-Identifier: LGPL-2.1-or-later
# bash completion for portzero; made by portzero.manual.
_portzero() {{
	local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD - 1]}}
	local options="" word
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "{' '.join(words)} --help" -- "$current")
		return
	fi
	for word in "${{COMP_WORDS[@]:2:COMP_CWORD-2}}"; do
		if [ "$word" = -- ]; then # A program and its arguments.
			mapfile -t COMPREPLY < <(compgen -c -f -- "$current")
			return
		fi
	done
	case $previous in
	--libc) options="distro stock patched patched-accept preload {' '.join(architectures.libcs())}" ;;
	--kernel) options="host linux-stock linux-patched" ;;
	*) case ${{COMP_WORDS[1]}} in
{cases}
	esac ;;
	esac
	case $current in
	-*) ;;
	*) case $previous in
		--libc | --kernel) ;;
		*) options="" ;;
	esac ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
	if [ "${{#COMPREPLY[@]}}" = 0 ]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	fi
}}
complete -F _portzero portzero
"""


if __name__ == "__main__":
    print({"page": page, "completion": completion}[sys.argv[1]](), end="")
