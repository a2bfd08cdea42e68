/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that a libc has for old programs only.  */

#ifndef PORTZERO_OLD_H
#define PORTZERO_OLD_H

#include "case.h"

/* A function with which nothing new can be linked, by its NAME; its version is
   that of the first glibc on this machine.  Skips the variant if this libc has
   none.  */
void *old_function (struct test *test, const char *name);

#endif
