/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How init.c, on the host, and guest.c, in the guest, speak with each other:
   through consoles of user-mode Linux, which are pipes on the host.  */

#ifndef PORTZERO_GUEST_PROTOCOL_H
#define PORTZERO_GUEST_PROTOCOL_H

/* The descriptors of the guest's kernel; sandbox.py makes consoles of them:
   the first two are /dev/tty2, the third is /dev/tty3.  */
enum guest_fd
{
  GUEST_SIGNALS = 40,
  GUEST_REPORT = 41,
  GUEST_INPUT = 42,
  HIGHEST_GUEST_FD = GUEST_INPUT
};

enum
{
  /* A signal for the command: its number, and for SIGWINCH the terminal's
     rows and columns, of two bytes each, the higher first.  */
  SIGNAL_SIZE = 5,
  /* Standard input comes in pieces: the size in two bytes, the higher first,
     and so many bytes.  The size 0 is its end.  */
  INPUT_HEADER = 2,
  INPUT_MOST = 4000
};

/* What the guest reports is an empty line, when it can be sent something, and
   then a line as init.c writes to its caller: "exit N", "signal N",
   "cannot-run N MESSAGE", or "error MESSAGE".  */

#endif
