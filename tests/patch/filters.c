/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls the patched functions under a system call filter (seccomp) that knows
   the stock functions only, and kills the process for anything else.

   usage: filters NAME, where NAME is one of the functions in `filters`
   Exit status 0 if all is well, 128 + SIGSYS if the filter killed the process,
   1 and a line that says why otherwise.  */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "sockets.h"

/* From here on, any system call but write, exit_group and these two, which may
   be the same, kills the process.  */
static void
allow_only (int first, int second)
{
  struct sock_filter program[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, arch)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 5),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) first, 4, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) second, 3, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  filter_calls (program, sizeof program / sizeof *program);
}

/* Return 0 or the error number.  */
static int
ask (int fd)
{
  struct sockaddr_storage name;
  socklen_t size = sizeof name;
  return getpeername (fd, (struct sockaddr *) &name, &size) == 0 ? 0 : errno;
}

/* The success path of getpeername(), and its errors other than ENOTCONN.  */
static void
success (void)
{
  int server = listening (0);
  int client = tcp (port_of (server), 0);
  allow_only (SYS_getpeername, SYS_getpeername);
  must_be ("connected", ask (client), 0);
  must_be ("no descriptor", ask (-1), EBADF);
  must_be ("no address",
           getpeername (client, (struct sockaddr *) 8, &(socklen_t){ 1 }), -1);
  must_be ("its error", errno, EFAULT);
}

static void
without_peer (void)
{
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  allow_only (SYS_getpeername, SYS_getpeername);
  must_be ("not connected", ask (fd), ENOTCONN);
}

static void
port_0 (void)
{
  int fd = udp_at_port_0 (AF_INET);
  allow_only (SYS_getpeername, SYS_getpeername);
  must_be ("at port 0", ask (fd), ENOTCONN);
}

/* Have a connection accepted under a filter.  */
static void
accept_under (int first, int second, struct sockaddr *name, socklen_t *size)
{
  int server = listening (0);
  tcp (port_of (server), 0);
  allow_only (first, second);
  if (accept (server, name, size) < 0)
    errx (1, "accept: %d", errno);
}

static void
accept_unnamed (void)
{
  accept_under (SYS_accept, SYS_accept, NULL, NULL);
}

static void
accept_named (void)
{
  struct sockaddr_storage name;
  accept_under (SYS_accept, SYS_accept, (struct sockaddr *) &name,
                &(socklen_t){ sizeof name });
}

/* As it says in the series: with the tunable at 2, accept with an address
   needs getpeername.  */
static void
accept_named_by_getpeername (void)
{
  struct sockaddr_storage name;
  accept_under (SYS_accept, SYS_getpeername, (struct sockaddr *) &name,
                &(socklen_t){ sizeof name });
}

static volatile sig_atomic_t emulated;

/* As those do who emulate system calls.  */
static void
emulate (int number, siginfo_t *information, void *context)
{
  (void) number;
  ucontext_t *interrupted = context;
  emulated = emulated + (information->si_syscall == SYS_socket);
#ifdef __x86_64__
  interrupted->uc_mcontext.gregs[REG_RAX] = -EACCES;
#else
#error "where does a system call leave its result on this architecture?"
#endif
}

/* A filter may have a handler emulate what it does not let through.  It is
   called while the other signals are blocked.  */
static void
emulation (void)
{
  int fd = udp_at_port_0 (AF_INET);
  struct sigaction action = { .sa_sigaction = emulate, .sa_flags = SA_SIGINFO };
  sigaction (SIGSYS, &action, NULL);
  must_be ("before", ask (fd), 0);
  answer_call (SYS_socket, SECCOMP_RET_TRAP);
  must_be ("with an emulated socket()", ask (fd), ENOTCONN);
  must_be ("calls that were emulated", emulated > 0, true);
}

static const struct named filters[] = {
  { "success", success },
  { "without-peer", without_peer },
  { "port-0", port_0 },
  { "accept-unnamed", accept_unnamed },
  { "accept-named", accept_named },
  { "accept-named-by-getpeername", accept_named_by_getpeername },
  { "emulation", emulation },
};

int
main (int argc, char **argv)
{
  pid_t child = fork ();
  if (child == 0)
    {
      run_named (argc, argv, filters, sizeof filters / sizeof *filters);
      _exit (0);
    }
  int status;
  waitpid (child, &status, 0);
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}
