# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shows verdicts: the only package that knows colours and HTML."""

from portzero.report.terminal import print_report

__all__ = ["print_report"]
