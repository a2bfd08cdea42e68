# SPDX-License-Identifier: LGPL-2.1-or-later
"""Real programs at port 0: what each does there under each column, compared
with what it does at another port."""
