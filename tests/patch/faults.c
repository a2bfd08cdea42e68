/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Makes each system call behind the patched getpeername() and accept() fail,
   with each error number, and looks at what comes of it: never another peer
   than the right one, never another error than the kernel's own, never a
   descriptor left.

   usage: faults tcp|udp|udp6|accept

   A seccomp filter in a child process has one system call fail; the socket is
   made before.  Prints a line for each call: how many error numbers were
   tried, how often the right peer was named all the same, how often the
   answer was the kernel's.  Exit status 0 if there was nothing else.  */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets.h"

enum
{
  MOST_ERRORS = 133 /* EHWPOISON  */
};

static const struct
{
  const char *name;
  int number;
} calls[] = {
  { "getsockopt", SYS_getsockopt },
  { "getsockname", SYS_getsockname },
  { "mmap", SYS_mmap },
  { "munmap", SYS_munmap },
  { "rt_sigprocmask", SYS_rt_sigprocmask },
  { "socket", SYS_socket },
  { "sendto", SYS_sendto },
  { "recvfrom", SYS_recvfrom },
  { "close", SYS_close },
  { "getpeername", SYS_getpeername },
};

/* In a child.  FD is connected, or for accept, listening.  */
static int
ask (int fd, bool is_accept, int call, int error_number)
{
  int before = lowest_free ();
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  memset (&name, 0xa5, sizeof name);
  answer_call (calls[call].number, SECCOMP_RET_ERRNO | (unsigned) error_number);
  errno = 0;
  int result = is_accept ? accept (fd, (struct sockaddr *) &name, &size)
                         : getpeername (fd, (struct sockaddr *) &name, &size);
  int got = errno;
  if (result >= 0)
    {
      if (is_accept)
        syscall (SYS_close_range, result, result, 0);
      if (!is_port_0_of_loopback (&name, size))
        return WRONG;
      /* What cannot be closed stays.  */
      return calls[call].number == SYS_close || lowest_free () == before
                 ? NAMED
                 : WRONG;
    }
  if (calls[call].number != SYS_close && lowest_free () != before)
    return WRONG;
  /* An error of getpeername's own system call is the caller's business. */
  if (calls[call].number == SYS_getpeername && got == error_number)
    return REFUSED;
  /* The kernel's own words on the arguments go through.  */
  if (got == error_number && (got == EFAULT || got == EINVAL)
      && calls[call].number == SYS_getsockname)
    return REFUSED;
  return got == (is_accept ? ECONNABORTED : ENOTCONN) ? REFUSED : WRONG;
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    errx (BROKEN, "usage: faults tcp|udp|udp6|accept");
  bool is_accept = strcmp (argv[1], "accept") == 0;
  int server = is_accept ? -1 : listening (LISTENER);
  int fd = is_accept ? -1 : connected_by (argv[1]);
  int wrong = 0;
  for (size_t call = 0; call < sizeof calls / sizeof *calls; call++)
    {
      int count[OUTCOMES] = { 0 };
      for (int error_number = 1; error_number <= MOST_ERRORS; error_number++)
        {
          int client = is_accept ? client_at_port_0 (&server) : -1;
          pid_t child = fork ();
          if (child == 0)
            _exit (ask (is_accept ? server : fd, is_accept, (int) call,
                        error_number));
          int status;
          waitpid (child, &status, 0);
          bool ended = WIFEXITED (status) && WEXITSTATUS (status) < WRONG;
          if (!ended)
            printf ("wrong: %s fails with %s: status %#x\n", calls[call].name,
                    strerrorname_np (error_number), (unsigned) status);
          count[ended ? WEXITSTATUS (status) : WRONG]++;
          if (client >= 0)
            close (client);
        }
      wrong += print_outcomes (argv[1], calls[call].name, count);
    }
  return wrong == 0 ? 0 : 1;
}
