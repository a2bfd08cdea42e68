/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A server that forbids itself getpeername(), which it never calls, and
   accepts ordinary clients with their addresses: a filter of system calls as
   daemons have it, written for the functions of the stock libc.

   usage: servers tcp|unix kill|errno|trap
   The last word says what the filter does.  Prints how many of the clients
   were served.  Exit status 0 if all were, 1 if not, 128 + the number of the
   signal that ended the server.  */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets.h"

enum
{
  CLIENTS = 4
};

union name
{
  struct sockaddr sa;
  struct sockaddr_in in;
  struct sockaddr_un un;
};

/* Listen at a free address, and store it in NAME.  */
static int
serve (const char *family, union name *name, socklen_t *size)
{
  int fd = -1;
  if (strcmp (family, "tcp") == 0)
    fd = listening (0);
  else if (strcmp (family, "unix") == 0)
    {
      sa_family_t abstract = AF_UNIX;
      fd = socket (AF_UNIX, SOCK_STREAM, 0);
      if (bind (fd, (struct sockaddr *) &abstract, sizeof abstract) != 0
          || listen (fd, CLIENTS) != 0)
        err (BROKEN, "listen");
    }
  else
    errx (BROKEN, "no family '%s'", family);
  *size = sizeof *name;
  if (getsockname (fd, &name->sa, size) != 0)
    err (BROKEN, "getsockname");
  return fd;
}

static unsigned
action_of (const char *word)
{
  if (strcmp (word, "kill") == 0)
    return SECCOMP_RET_KILL_PROCESS;
  if (strcmp (word, "errno") == 0)
    return SECCOMP_RET_ERRNO | EPERM;
  if (strcmp (word, "trap") == 0)
    return SECCOMP_RET_TRAP;
  errx (BROKEN, "no action '%s'", word);
}

/* In a child: serve until all clients are gone.  One that is lost ends it
   with the status 1, as real servers do.  */
static int
accept_all (int server)
{
  for (int i = 0; i < CLIENTS; i++)
    {
      union name name;
      socklen_t size = sizeof name;
      int fd = i % 2 == 0 ? accept (server, &name.sa, &size)
                          : accept4 (server, &name.sa, &size, SOCK_CLOEXEC);
      if (fd < 0 || size < sizeof (sa_family_t) || write (fd, "!", 1) != 1)
        return 1;
      close (fd);
    }
  return 0;
}

int
main (int argc, char **argv)
{
  union name name = { .sa = { .sa_family = AF_UNSPEC } };
  socklen_t size = 0;
  if (argc != 3)
    errx (BROKEN, "usage: servers tcp|unix kill|errno|trap");
  int server = serve (argv[1], &name, &size);
  unsigned action = action_of (argv[2]);
  pid_t child = fork ();
  if (child == 0)
    {
      answer_call (SYS_getpeername, action);
      _exit (accept_all (server));
    }
  close (server);
  int served = 0;
  for (int i = 0; i < CLIENTS; i++)
    {
      char byte = 0;
      int fd = socket (name.sa.sa_family, SOCK_STREAM, 0);
      if (fd < 0)
        continue;
      if (connect (fd, &name.sa, size) == 0 && read (fd, &byte, 1) == 1
          && byte == '!')
        served++;
      close (fd);
    }
  int status;
  waitpid (child, &status, 0);
  printf ("%d of %d clients served\n", served, CLIENTS);
  if (WIFSIGNALED (status))
    return 128 + WTERMSIG (status);
  return WEXITSTATUS (status) == 0 && served == CLIENTS ? 0 : 1;
}
