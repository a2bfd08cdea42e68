/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that only the process of a case sees.  */

#ifndef PORTZERO_FILES_H
#define PORTZERO_FILES_H

#include "case.h"

/* Move this process into a mount namespace of its own, once.  */
void own_mounts (struct test *test);
/* Put an empty folder over PATH.  Skips the variant where the right to do so is
   missing.  */
void own_folder (struct test *test, const char *path);
/* Put a file with this CONTENT over that at PATH.  */
void own_file (struct test *test, const char *path, const char *content);
/* A descriptor that takes all, and gives nothing.  */
int open_nothing (void);

#endif
