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
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets.h"

enum
{
  MOST_ERRORS = 133, /* EHWPOISON  */
  /* Exit status of a child.  */
  NAMED = 0,
  REFUSED = 1,
  WRONG = 2 /* Or BROKEN.  */
};

static const struct
{
  const char *name;
  int number;
} calls[] = {
  { "getsockopt", SYS_getsockopt },
  { "getsockname", SYS_getsockname },
  { "sendmsg", SYS_sendmsg },
  { "newfstatat", SYS_newfstatat },
  { "fstat", SYS_fstat },
  { "rt_sigprocmask", SYS_rt_sigprocmask },
  { "socket", SYS_socket },
  { "sendto", SYS_sendto },
  { "recvfrom", SYS_recvfrom },
  { "close", SYS_close },
  { "getpeername", SYS_getpeername },
};

static void
let_fail (int number, int error_number)
{
  struct sock_filter program[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) number, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned) error_number),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog filter
      = { .len = sizeof program / sizeof *program, .filter = program };
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
      || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    err (WRONG, "seccomp");
}

/* In a child.  FD is connected, or for accept, listening.  */
static int
ask (int fd, bool is_accept, int call, int error_number)
{
  int before = lowest_free ();
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  memset (&name, 0xa5, sizeof name);
  let_fail (calls[call].number, error_number);
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
  if ((calls[call].number == SYS_getsockopt
       || calls[call].number == SYS_getsockname)
      && got == error_number && (got == EFAULT || got == EINVAL))
    return REFUSED;
  return got == (is_accept ? ECONNABORTED : ENOTCONN) ? REFUSED : WRONG;
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    errx (WRONG, "usage: faults tcp|udp|udp6|accept");
  bool is_accept = strcmp (argv[1], "accept") == 0;
  int server = listening (LISTENER);
  int fd = is_accept                      ? -1
           : strcmp (argv[1], "tcp") == 0 ? tcp (0, 0)
           : strcmp (argv[1], "udp") == 0 ? udp_at_port_0 (AF_INET)
                                          : udp_at_port_0 (AF_INET6);
  int wrong = 0;
  for (size_t call = 0; call < sizeof calls / sizeof *calls; call++)
    {
      int count[3] = { 0 };
      for (int error_number = 1; error_number <= MOST_ERRORS; error_number++)
        {
          int client = -1;
          if (is_accept)
            {
              close (server);
              fd = server = listening (0);
              client = tcp (port_of (server), SOURCE);
            }
          pid_t child = fork ();
          if (child == 0)
            _exit (ask (fd, is_accept, (int) call, error_number));
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
      printf ("%-6s %-14s tried %d  named %d  as the kernel %d  wrong %d\n",
              argv[1], calls[call].name, MOST_ERRORS, count[NAMED],
              count[REFUSED], count[WRONG]);
      wrong += count[WRONG];
    }
  return wrong == 0 ? 0 : 1;
}
