/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Other programs: those that set a network up, or tell of it.  */

#ifndef PORTZERO_PROGRAM_H
#define PORTZERO_PROGRAM_H

#include <stddef.h>

/* Run a program, found by PATH or where administrators have theirs; ARGUMENTS
   end with a null pointer.  Return its exit status: 127 if there is none, -1 if
   it did not exit.  The first SIZE - 1 bytes of what it prints are stored in
   OUTPUT, as a string; nothing if SIZE is 0.  What it complains of is shown if
   PORTZERO_DEBUG is set.  */
int run_program (const char *const *arguments, char *output, size_t size);

#endif
