/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls the patched getpeername() where a library function can break without
   a test of its results noticing: in another network namespace than that of
   the socket, under a pending cancellation, in a signal handler that
   interrupts malloc() and getpeername() itself, from many threads while the
   sockets change, left by siglongjmp(), on a small stack.

   usage: contexts NAME, where NAME is one of the functions in `contexts`
   Exit status 0 if all is well; says what is not.  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int
udp_at (const char *address, in_port_t port, int fd)
{
  struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons (port) };
  inet_pton (AF_INET, address, &peer.sin_addr);
  if (fd < 0)
    fd = socket (AF_INET, SOCK_DGRAM, 0);
  if (connect (fd, (struct sockaddr *) &peer, sizeof peer) != 0)
    err (1, "connect");
  return fd;
}

/* Return 0 if the peer is ADDRESS at port 0, an errno if the call failed, -1
   if it is another one.  Async-signal-safe.  */
static int
ask (int fd, in_addr_t address)
{
  struct sockaddr_in name = { 0 };
  socklen_t size = sizeof name;
  if (getpeername (fd, (struct sockaddr *) &name, &size) != 0)
    return errno;
  return name.sin_addr.s_addr == address && name.sin_port == 0 ? 0 : -1;
}

static void
must_be (const char *what, int got, int wanted)
{
  if (got != wanted)
    errx (1, "%s: %d, not %d", what, got, wanted);
}

static void namespace(void)
{
  int fd = udp_at ("127.0.0.1", 0, -1);
  must_be ("at home", ask (fd, htonl (INADDR_LOOPBACK)), 0);
  if (unshare (CLONE_NEWNET) != 0)
    err (1, "unshare");
  must_be ("abroad", ask (fd, htonl (INADDR_LOOPBACK)), ENOTCONN);
}

static void *
ask_and_survive (void *argument)
{
  int fd = *(int *) argument;
  pthread_cancel (pthread_self ());
  int got = ask (fd, htonl (INADDR_LOOPBACK));
  return got == 0 ? (void *) 1 : NULL;
}

static void
cancellation (void)
{
  int fd = udp_at ("127.0.0.1", 0, -1);
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
  if (ask (handler_fd, htonl (INADDR_LOOPBACK)) != 0)
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
  handler_fd = udp_at ("127.0.0.1", 0, -1);
  struct sigaction action = { .sa_handler = ask_in_handler };
  sigaction (SIGALRM, &action, NULL);
  every_50_microseconds ();
  int refused = 0;
  while (handled < 2000)
    {
      free (malloc ((size_t) handled * 50));
      if (ask (handler_fd, htonl (INADDR_LOOPBACK)) != 0)
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
  int fd = udp_at ("127.0.0.1", 0, -1);
  int before = dup (fd);
  close (before);
  struct sigaction action = { .sa_handler = leave };
  sigaction (SIGALRM, &action, NULL);
  volatile int left = 0;
  every_50_microseconds ();
  for (volatile int i = 0; i < 5000; i++)
    if (sigsetjmp (back, 1) == 0)
      while (true)
        ask (fd, htonl (INADDR_LOOPBACK));
    else
      left = left + 1;
  setitimer (ITIMER_REAL, &(struct itimerval){ 0 }, NULL);
  must_be ("left as often as meant", left >= 5000, true);
  must_be ("lowest free descriptor", dup (fd), before);
}

/* Each thread has sockets of its own at a peer of its own; others come and go
   beside them.  */
enum
{
  THREADS = 64
};
static atomic_bool enough;
static atomic_long asked, wrong;

static void *
ask_own (void *argument)
{
  char address[20];
  int number = (int) (intptr_t) argument;
  snprintf (address, sizeof address, "127.0.0.%d", number + 2);
  in_addr_t binary;
  inet_pton (AF_INET, address, &binary);
  while (!enough)
    {
      int fd = udp_at (address, 0, -1);
      for (int i = 0; i < 5; i++)
        {
          udp_at (address, i % 2 ? 7 : 0, fd);
          int got = ask (fd, binary);
          if (got != (i % 2 ? -1 : 0))
            wrong++;
          asked++;
        }
      close (fd);
    }
  return NULL;
}

static void
threads (void)
{
  pthread_t thread[THREADS];
  for (intptr_t i = 0; i < THREADS; i++)
    if (pthread_create (&thread[i], NULL, ask_own, (void *) i) != 0)
      errx (1, "pthread_create");
  while (asked < 20000)
    sched_yield ();
  enough = true;
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  must_be ("wrong answers", (int) wrong, 0);
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
    MOST = 6144
  };
  handler_fd = udp_at ("127.0.0.1", 0, -1);
  /* So that the loader need not look the function up on that stack.  */
  must_be ("the first call", ask (handler_fd, htonl (INADDR_LOOPBACK)), 0);
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

static const struct
{
  const char *name;
  void (*run) (void);
} contexts[] = {
  { "namespace", namespace }, { "cancellation", cancellation },
  { "signals", signals },     { "longjmp", longjmp_out },
  { "threads", threads },     { "stack", stack },
};

int
main (int argc, char **argv)
{
  for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++)
    if (argc == 2 && strcmp (argv[1], contexts[i].name) == 0)
      {
        contexts[i].run ();
        return 0;
      }
  errx (2, "usage: contexts NAME");
}
