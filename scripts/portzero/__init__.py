# SPDX-License-Identifier: LGPL-2.1-or-later
"""Port Zero: builds the columns of the matrix, runs the suite, and judges."""
