#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a daemon under the filter that systemd makes of
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6, as in the units of several
daemons: socket() of other families, AF_NETLINK too, is EAFNOSUPPORT.

    restrict.py COMMAND [ARGUMENT]..."""

from __future__ import annotations

import errno
import os
import socket
import sys

import seccomp  # type: ignore[import-not-found]

rules = seccomp.SyscallFilter(defaction=seccomp.ALLOW)
for family in range(46):  # as many as Linux has
    if family not in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
        rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket",
                       seccomp.Arg(0, seccomp.EQ, family))
rules.load()
os.execvp(sys.argv[1], sys.argv[1:])
