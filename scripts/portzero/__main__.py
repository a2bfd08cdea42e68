# SPDX-License-Identifier: LGPL-2.1-or-later
import sys

from portzero.cli import main

sys.exit(main(sys.argv[1:]))
