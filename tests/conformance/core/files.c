/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files that only the process of a case sees: in a mount namespace of its
   own.  */

#define _GNU_SOURCE
#include "files.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

void
own_mounts (struct test *test)
{
  static bool is_made;
  if (is_made)
    return;
  if (unshare (CLONE_NEWNS) != 0)
    {
      if (errno == EPERM)
        skip (test, "CAP_SYS_ADMIN, for a mount namespace of its own");
      broken (test, "a mount namespace of its own", errno);
    }
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    broken (test, "a mount namespace of its own", errno);
  is_made = true;
}

void
own_folder (struct test *test, const char *path)
{
  own_mounts (test);
  if (mount ("tmpfs", path, "tmpfs", 0, NULL) != 0)
    broken (test, path, errno);
}

void
own_file (struct test *test, const char *path, const char *content)
{
  static const char folder[] = "/run", file[] = "/run/portzero-file";
  own_folder (test, folder);
  int fd = open (file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  size_t size = strlen (content);
  if (fd < 0 || write (fd, content, size) != (ssize_t) size)
    broken (test, file, errno);
  close (fd);
  if (mount (file, path, NULL, MS_BIND, NULL) != 0)
    {
      char missing[100];
      snprintf (missing, sizeof missing, "a file %s", path);
      if (errno == ENOENT)
        skip (test, missing);
      broken (test, path, errno);
    }
}

int
open_nothing (void)
{
  return open ("/dev/null", O_RDWR | O_CLOEXEC);
}
