/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connects a UDP socket to another peer at port 0 while the patched
   getpeername() is at work: what another thread does by chance in threads.c,
   done here at each of its system calls, before and after.

   usage: moved udp

   The socket has a peer all the time.  So one has to be named if it changes
   once or twice, whenever that is, and if it changes after each of the first
   looks into the tables; if it never stays the same, the kernel's own error is
   right, too.  What looks twice and then gives up fails.
   Prints a line for each of these.  Exit status 0 if all is well.  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sockets.h"
#include "tracer.h"

enum
{
  NEVER = -1,
  PEERS = 250, /* 127.0.0.1 and so on; none comes twice.  */
  /* It looks ten times, and two of these must say the same.  */
  MOST_MOVES = 8
};

/* When the peer changes: at these of the stops, or at all, or at the first so
   many requests to the kernel's tables.  */
struct moves
{
  int fd;
  int first, second;
  bool always;
  int requests;
  int stops; /* So far.  */
  int peer;  /* The last byte of its address.  */
};

static void
move (struct moves *moves)
{
  char address[20];
  moves->peer = moves->peer % PEERS + 1;
  snprintf (address, sizeof address, "127.0.0.%d", moves->peer);
  connect_udp (address, 0, moves->fd);
}

static void
look (pid_t child, const struct __ptrace_syscall_info *call,
      const struct __ptrace_syscall_info *now, void *more)
{
  struct moves *moves = more;
  (void) child;
  int stop = moves->stops++;
  bool asked = call->entry.nr == SYS_getpeername && is_end (now) && stop > 1
               && moves->requests > 0;
  if (moves->always || stop == moves->first || stop == moves->second || asked)
    move (moves);
  moves->requests -= asked;
}

/* In a child.  */
static int
ask (int fd)
{
  struct sockaddr_in name = { 0 };
  socklen_t size = sizeof name;
  mark_traced ();
  int result = getpeername (fd, (struct sockaddr *) &name, &size);
  int got = errno;
  mark_traced ();
  if (result != 0)
    return got == ENOTCONN ? REFUSED : WRONG;
  return size == sizeof name && name.sin_port == 0
                 && ntohl (name.sin_addr.s_addr) - INADDR_LOOPBACK < PEERS
             ? NAMED
             : WRONG;
}

/* Ask while the peer changes as in MOVES, count the outcome, and return how
   many stops there were.  */
static int
ask_moved (struct moves moves, int count[OUTCOMES])
{
  moves.fd = connect_udp ("127.0.0.1", 0, -1);
  moves.peer = 1;
  int outcome = traced (ask, moves.fd, look, &moves);
  count[outcome < WRONG ? outcome : WRONG]++;
  close (moves.fd);
  return moves.stops;
}

/* Print COUNT of WHAT.  Return how many outcomes are not right: REFUSED is if
   the peer never stays.  */
static int
not_right (const char *what, const int count[OUTCOMES], bool may_refuse)
{
  int wrong = print_outcomes ("udp", what, count);
  return wrong + (may_refuse ? 0 : count[REFUSED]);
}

static void
udp (void)
{
  struct moves never = { .first = NEVER, .second = NEVER };
  int still[OUTCOMES] = { 0 }, once[OUTCOMES] = { 0 }, twice[OUTCOMES] = { 0 },
      often[OUTCOMES] = { 0 }, always[OUTCOMES] = { 0 };
  int stops = ask_moved (never, still);
  int bad = not_right ("not moved", still, false);
  for (int first = 0; first < stops; first++)
    {
      struct moves moves = never;
      moves.first = first;
      /* Those that come of it may be followed by a second.  */
      int now = ask_moved (moves, once);
      for (moves.second = first + 1; moves.second < now; moves.second++)
        ask_moved (moves, twice);
    }
  bad += not_right ("moved once", once, false);
  bad += not_right ("moved twice", twice, false);
  for (int requests = 1; requests <= MOST_MOVES; requests++)
    {
      struct moves moves = never;
      moves.requests = requests;
      ask_moved (moves, often);
    }
  bad += not_right ("moved after each look", often, false);
  struct moves moves = never;
  moves.always = true;
  ask_moved (moves, always);
  bad += not_right ("moved at each system call", always, true);
  must_be ("not right", bad, 0);
}

static const struct named ways[] = { { "udp", udp } };

int
main (int argc, char **argv)
{
  run_named (argc, argv, ways, 1);
  return 0;
}
