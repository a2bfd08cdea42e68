/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that a libc has for old programs only.  */

#define _GNU_SOURCE
#include "old.h"

#include <dlfcn.h>
#include <stdio.h>

void *
old_function (struct test *test, const char *name)
{
  void *found = NULL;
#ifdef __GLIBC__
  static const char *const versions[]
      = { "GLIBC_2.0",  "GLIBC_2.2",  "GLIBC_2.2.5", "GLIBC_2.2.6",
          "GLIBC_2.3",  "GLIBC_2.4",  "GLIBC_2.16",  "GLIBC_2.17",
          "GLIBC_2.18", "GLIBC_2.21", "GLIBC_2.27" };
  for (size_t i = 0; i < sizeof versions / sizeof *versions && !found; i++)
    found = dlvsym (RTLD_DEFAULT, name, versions[i]);
#endif
  if (found == NULL)
    {
      char missing[60];
      snprintf (missing, sizeof missing, "%s() in this libc", name);
      skip (test, missing);
    }
  return found;
}
