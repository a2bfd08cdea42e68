/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs the variants of a case in a process of its own.  */

#define _GNU_SOURCE
#include "runner.h"

#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  CANNOT_TELL = 100, /* Exit status of a case's process.  */
  MOST_FILES = 100   /* That a variant has open.  */
};

int listener_port = 8080;
int time_limit = 15;
/* For which protocols packets to port 0 reach the listener's port.  */
static enum protocols steered;

/* Whether packets of a protocol for port 0 reach the listener's port: try it.
   Where nothing steers them, they are refused at once.  Asked of the kernel
   directly: a libc that fails here must not make cases skipped.  */
static bool
is_steered (const struct protocol *protocol)
{
  struct name here = loopback (&families[0], (in_port_t) listener_port);
  struct name there = loopback (&families[0], 0);
  int type = protocol->type | SOCK_CLOEXEC;
  int listening = socket (AF_INET, type, protocol->number);
  int fd = socket (AF_INET, type, protocol->number);
  struct linger at_once = { .l_onoff = 1 };
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  struct timeval limit = { .tv_sec = PATIENCE / 1000 };
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  /* What a connection leaves behind must not keep the port from cases.  */
  setsockopt (listening, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int));
  bool yes = bind (listening, &here.any, here.length) == 0
             && listen (listening, 1) == 0
             && syscall (SYS_connect, fd, &there.any, there.length) == 0;
  close (fd);
  close (listening);
  return yes;
}

void
find_steering (void)
{
  steered = PORTLESS;
  for (const struct protocol *p = protocols; p->name != NULL; p++)
    if (p->bit & (TCP | SCTP | DCCP) && is_steered (p))
      /* What steers TCP steers UDP; MPTCP is TCP to it.  */
      steered |= p->bit == TCP ? STREAM | DATAGRAM : p->bit;
  if (steered & SCTP)
    steered |= SCTP_MANY;
}

/* The variant that runs, in memory that the runner sees, too: to wake it for
   each of them would cost as much as many of them take.  */
static struct variant *running;
/* The process of a case; a child of its own ends a variant by its status.  */
static pid_t case_process;
static jmp_buf end_of_variant;
/* Descriptors from this one on are a variant's.  */
static int first_free_fd;

void
end_variant (enum status status)
{
  if (getpid () != case_process)
    _exit ((int) status);
  running->status = status;
  __atomic_store_n (&running->ended, true, __ATOMIC_RELEASE);
  longjmp (end_of_variant, 1);
}

_Noreturn static void
run (struct test *test)
{
  all_as_the_standard = true;
  asked = test;
  if (test->test_case->needs & STEERING && !test->control
      && !(steered & test->protocol->bit))
    {
      char missing[200];
      snprintf (
          missing, sizeof missing,
          "no steering of %s: packets for port 0 reach no listener (needs "
          "nftables with NAT for it in the network namespace)",
          test->protocol->name);
      skip (test, missing);
    }
  test->test_case->run (test);
  end_variant (all_as_the_standard ? AS_THE_STANDARD : OTHERWISE);
}

static void
close_from (int first)
{
  if (syscall (SYS_close_range, first, ~0U, 0) == 0)
    return;
  for (int fd = first; fd < 1024; fd++)
    close (fd);
}

/* Close what a DCCP variant left open, so that no port of it is refused later:
   the end that gets a reset keeps both ports for a minute (TIME_WAIT in
   dccp_rcv_reset(), Linux's net/dccp/input.c).  If that is the client's, the
   port is not given to another socket; if it is the server's, who gets it is
   refused.  So the servers' ends reset first: they are the younger ones.  */
static void
close_servers_first (int first)
{
  /* Which are open is one question, not one of each.  */
  struct pollfd files[MOST_FILES];
  for (int i = 0; i < MOST_FILES; i++)
    files[i] = (struct pollfd){ .fd = first + i };
  poll (files, MOST_FILES, 0);
  for (int i = MOST_FILES; i-- > 0;)
    {
      int fd = files[i].fd, is_listening = 0, server;
      socklen_t size = sizeof is_listening;
      if ((files[i].revents & POLLNVAL)
          || getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size)
                 != 0)
        continue;
      close_by_reset (fd);
      if (is_listening && fcntl (fd, F_SETFL, O_NONBLOCK) == 0)
        while ((server = accept4 (fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
          {
            close_by_reset (server);
            close (server);
          }
    }
  for (int i = MOST_FILES; i-- > 0;)
    if (!(files[i].revents & POLLNVAL))
      close (files[i].fd);
}

/* The process of a case: runs those variants that have not ended, and says so
   by a byte to DONE.  What one leaves open is closed before the next.  */
_Noreturn static void
run_variants (struct variant *variants, int count, int done)
{
  case_process = getpid ();
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setpgid (0, 0);
  /* A crash is an observation, not worth a file.  */
  setrlimit (RLIMIT_CORE, &(struct rlimit){ 0, 0 });
  first_free_fd = keep_wiretap (keep_networks (first_free_fd));
  for (volatile int i = 0; i < count; i++)
    if (!variants[i].ended)
      {
        running = &variants[i];
        if (setjmp (end_of_variant) == 0)
          run (&variants[i].test);
        if (variants[i].test.protocol->bit == DCCP)
          close_servers_first (first_free_fd);
        close_from (first_free_fd);
        leave_own_network ();
      }
  _exit (write (done, "", 1) == 1 ? 0 : CANNOT_TELL);
}

/* After this many variants of a case that did not end in time, its others by
   the same entry are not waited for: what hangs would else take a day.  */
enum
{
  MOST_HANGS = 3
};

static void
give_up (struct variant *variants, int count, const struct entry *entry)
{
  char reason[100];
  snprintf (reason, sizeof reason,
            "not tried: %d of this case did not end within %d seconds",
            MOST_HANGS, time_limit);
  for (int i = 0; i < count; i++)
    if (!variants[i].ended && variants[i].test.entry == entry)
      {
        emit_absence (&variants[i].test, "broken", reason);
        variants[i].ended = true;
        variants[i].status = BROKEN;
      }
}

static int
hangs (const struct variant *variants, int count, const struct entry *entry)
{
  int hung = 0;
  for (int i = 0; i < count; i++)
    hung += variants[i].hung && variants[i].test.entry == entry;
  return hung;
}

/* The first variant that has not ended.  */
static int
first_left (const struct variant *variants, int count)
{
  int i = 0;
  while (i < count && __atomic_load_n (&variants[i].ended, __ATOMIC_ACQUIRE))
    i++;
  return i;
}

/* Wait until the process at the other end of DONE has run all, or has ended.
   Return false if a variant did not end in time: at least the limit, at most
   twice as long.  */
static bool
wait_for_all (const struct variant *variants, int count, int done)
{
  struct pollfd end = { .fd = done, .events = POLLIN };
  int before;
  do
    {
      before = first_left (variants, count);
      if (poll (&end, 1, time_limit * 1000) == 1)
        return true;
    }
  while (first_left (variants, count) != before);
  return false;
}

bool
run_contained (struct variant *variants, int count)
{
  fflush (stdout);
  int done[2];
  if (pipe2 (done, O_CLOEXEC) != 0)
    err (BROKEN, "pipe");
  /* Descriptors of variants are higher than ours.  */
  first_free_fd = dup (done[1]);
  close (first_free_fd);
  pid_t child = fork ();
  if (child == 0)
    run_variants (variants, count, done[1]);
  if (child < 0)
    err (BROKEN, "fork");
  close (done[1]);
  bool in_time = wait_for_all (variants, count, done[0]);
  if (!in_time)
    kill (child, SIGKILL);
  close (done[0]);
  int status;
  waitpid (child, &status, 0);
  /* What it left behind.  */
  kill (-child, SIGKILL);
  int i = first_left (variants, count);
  if (i == count)
    return true;

  char reason[100];
  if (!in_time)
    snprintf (reason, sizeof reason, "no end within %d seconds", time_limit);
  else if (WIFSIGNALED (status))
    snprintf (reason, sizeof reason, "killed by signal %d (%s)",
              WTERMSIG (status), strsignal (WTERMSIG (status)));
  else
    snprintf (reason, sizeof reason, "exit status %d", WEXITSTATUS (status));
  emit_absence (&variants[i].test, "broken", reason);
  variants[i].ended = true;
  variants[i].status = BROKEN;
  variants[i].hung = !in_time;
  const struct entry *entry = variants[i].test.entry;
  if (hangs (variants, count, entry) >= MOST_HANGS)
    give_up (variants, count, entry);
  return false;
}
