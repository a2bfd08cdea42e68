/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running other programs.  */

#define _GNU_SOURCE
#include "program.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

_Noreturn static void
become (const char *const *arguments, int output)
{
  char path[4096];
  const char *old = getenv ("PATH");
  snprintf (path, sizeof path, "%s:/usr/sbin:/sbin",
            old != NULL ? old : "/usr/bin:/bin");
  setenv ("PATH", path, 1);
  int nothing = open ("/dev/null", O_RDWR);
  dup2 (nothing, STDIN_FILENO);
  dup2 (output >= 0 ? output : nothing, STDOUT_FILENO);
  if (getenv ("PORTZERO_DEBUG") == NULL)
    dup2 (nothing, STDERR_FILENO);
  execvp (arguments[0], (char *const *) arguments);
  _exit (127);
}

int
run_program (const char *const *arguments, char *output, size_t size)
{
  int ends[2] = { -1, -1 };
  if (size > 0 && pipe2 (ends, O_CLOEXEC) != 0)
    return -1;
  pid_t child = fork ();
  if (child == 0)
    become (arguments, ends[1]);
  close (ends[1]);
  size_t used = 0;
  ssize_t got = 0;
  char rest[200]; /* What does not fit is read, so that it can end.  */
  while (child > 0 && size > 0
         && (got = used < size - 1
                       ? read (ends[0], output + used, size - 1 - used)
                       : read (ends[0], rest, sizeof rest))
                > 0)
    used += used < size - 1 ? (size_t) got : 0;
  if (size > 0)
    output[used] = 0;
  close (ends[0]);
  int status;
  if (child < 0 || waitpid (child, &status, 0) != child || !WIFEXITED (status))
    return -1;
  return WEXITSTATUS (status);
}
