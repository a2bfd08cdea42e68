/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls the patched getpeername() where a library function can break without
   a test of its results noticing: in another network namespace than that of
   the socket, under a pending cancellation, in a signal handler that
   interrupts malloc() and getpeername() itself, in the children of fork() and
   vfork(), without a free descriptor, left by siglongjmp(), on a small stack.
   (From many threads: threads.c.)

   usage: contexts NAME, where NAME is one of the functions in `contexts`
   Exit status 0 if all is well; says what is not.  */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sockets.h"

static void namespace(void)
{
  int fd = connect_udp ("127.0.0.1", 0, -1);
  must_be ("at home", ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)), 0);
  if (unshare (CLONE_NEWNET) != 0)
    err (1, "unshare");
  must_be ("abroad", ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)), ENOTCONN);
}

static void *
ask_and_survive (void *argument)
{
  int fd = *(int *) argument;
  pthread_cancel (pthread_self ());
  int got = ask_for_port_0 (fd, htonl (INADDR_LOOPBACK));
  return got == 0 ? (void *) 1 : NULL;
}

static void
cancellation (void)
{
  int fd = connect_udp ("127.0.0.1", 0, -1);
  pthread_t thread;
  void *result;
  if (pthread_create (&thread, NULL, ask_and_survive, &fd) != 0
      || pthread_join (thread, &result) != 0)
    errx (1, "threads");
  if (result == PTHREAD_CANCELED)
    errx (1, "getpeername() acted on a pending cancellation");
  must_be ("with a pending cancellation", result == (void *) 1, true);
}

static int handler_fd;
static volatile sig_atomic_t handled, failed;

static void
ask_in_handler (int number)
{
  (void) number;
  int saved = errno;
  handled = handled + 1;
  if (ask_for_port_0 (handler_fd, htonl (INADDR_LOOPBACK)) != 0)
    failed = failed + 1;
  errno = saved;
}

static void
every_50_microseconds (void)
{
  struct itimerval often
      = { .it_interval.tv_usec = 50, .it_value.tv_usec = 50 };
  if (setitimer (ITIMER_REAL, &often, NULL) != 0)
    err (1, "setitimer");
}

static void
signals (void)
{
  handler_fd = connect_udp ("127.0.0.1", 0, -1);
  struct sigaction action = { .sa_handler = ask_in_handler };
  sigaction (SIGALRM, &action, NULL);
  every_50_microseconds ();
  int refused = 0;
  while (handled < 2000)
    {
      free (malloc ((size_t) handled * 50));
      if (ask_for_port_0 (handler_fd, htonl (INADDR_LOOPBACK)) != 0)
        refused++;
    }
  must_be ("calls in the handler that failed", (int) failed, 0);
  must_be ("interrupted calls that failed", refused, 0);
}

static sigjmp_buf back;

static void
leave (int number)
{
  (void) number;
  siglongjmp (back, 1);
}

static void
longjmp_out (void)
{
  int fd = connect_udp ("127.0.0.1", 0, -1);
  int before = dup (fd);
  close (before);
  struct sigaction action = { .sa_handler = leave };
  sigaction (SIGALRM, &action, NULL);
  volatile int left = 0;
  every_50_microseconds ();
  for (volatile int i = 0; i < 5000; i++)
    if (sigsetjmp (back, 1) == 0)
      while (true)
        ask_for_port_0 (fd, htonl (INADDR_LOOPBACK));
    else
      left = left + 1;
  setitimer (ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
  must_be ("left as often as meant", left >= 5000, true);
  must_be ("lowest free descriptor", dup (fd), before);
}

/* The children share the socket, and that of vfork() its parent's memory.  */
static void
children (void)
{
  int fd = connect_udp ("127.0.0.1", 0, -1);
  for (int round = 0; round < 2; round++)
    {
      errno = 0;
      /* NOLINTNEXTLINE(clang-analyzer-security.*,clang-analyzer-unix.Vfork)  */
      pid_t child = round == 0 ? fork () : vfork ();
      if (child == 0)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Vfork)  */
        _exit (ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)));
      int status;
      if (waitpid (child, &status, 0) != child)
        err (1, "waitpid");
      must_be (round == 0 ? "after fork" : "after vfork", status, 0);
      must_be ("the parent's errno", errno, 0);
      must_be ("in the parent", ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)),
               0);
    }
}

/* Without a descriptor there is no way to ask; with one, there is.  */
static void
exhaustion (void)
{
  int fd = connect_udp ("127.0.0.1", 0, -1);
  struct rlimit few = { .rlim_cur = (rlim_t) fd + 10, .rlim_max = 1000 };
  if (setrlimit (RLIMIT_NOFILE, &few) != 0)
    err (1, "setrlimit");
  int last = -1;
  for (int got = dup (0); got >= 0; got = dup (0))
    last = got;
  for (int i = 0; i < 1000; i++)
    must_be ("without a free descriptor",
             ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)), ENOTCONN);
  close (last);
  for (int i = 0; i < 1000; i++)
    must_be ("with one", ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)), 0);
  must_be ("lowest free descriptor", dup (0), last);
}

static void
do_nothing (int number)
{
  (void) number;
}

/* How much of a signal stack a call uses: the rest keeps its pattern.  */
static void
stack (void)
{
  enum
  {
    SIZE = 65536,
    MOST = 2048
  };
  handler_fd = connect_udp ("127.0.0.1", 0, -1);
  /* So that the loader need not look the functions up on that stack.  */
  errno = 0;
  must_be ("the first call",
           ask_for_port_0 (handler_fd, htonl (INADDR_LOOPBACK)), 0);
  unsigned char *memory = mmap (NULL, SIZE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stack_t alternative = { .ss_sp = memory, .ss_size = SIZE };
  struct sigaction action
      = { .sa_handler = ask_in_handler, .sa_flags = SA_ONSTACK };
  struct sigaction nothing
      = { .sa_handler = do_nothing, .sa_flags = SA_ONSTACK };
  if (memory == MAP_FAILED || sigaltstack (&alternative, NULL) != 0)
    err (1, "sigaltstack");
  int used[2];
  for (int round = 0; round < 2; round++)
    {
      sigaction (SIGUSR1, round == 0 ? &nothing : &action, NULL);
      memset (memory, 0xa5, SIZE);
      raise (SIGUSR1);
      int untouched = 0;
      while (memory[untouched] == 0xa5)
        untouched++;
      used[round] = SIZE - untouched;
    }
  must_be ("calls in the handler that failed", (int) failed, 0);
  printf ("%d bytes of stack for the call\n", used[1] - used[0]);
  if (used[1] - used[0] > MOST)
    errx (1, "more than %d bytes of stack", MOST);
}

static const struct named contexts[] = {
  { "namespace", namespace }, { "cancellation", cancellation },
  { "signals", signals },     { "longjmp", longjmp_out },
  { "children", children },   { "exhaustion", exhaustion },
  { "stack", stack },
};

int
main (int argc, char **argv)
{
  run_named (argc, argv, contexts, sizeof contexts / sizeof *contexts);
  return 0;
}
