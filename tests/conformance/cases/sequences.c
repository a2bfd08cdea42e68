/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All sequences of calls up to a length, against a small model of what POSIX
   says of the state of a socket.

   P is the port in question, Q another.  Each sequence is made on a new
   socket, at port 0 and at the control; what its last call answers and whom
   getpeername() names then must be as the model says or, where POSIX leaves it
   open, the same at both.  Of all sequences that show the same finding, the
   shortest is an observation, called by its calls: where only port 0 is not
   as the model says, with the model's answer beside it; where the control is
   not so either (Linux then differs from POSIX at every port), or the model
   has no answer, as unspecified.  */

#define _GNU_SOURCE
#include "model.h"
#include "network.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  LONGEST = 3, /* Calls in a sequence of datagram sockets' calls.  */
  UP_TO_TWO = MOST_CALLS + MOST_CALLS * MOST_CALLS,
  UP_TO_THREE = UP_TO_TWO + MOST_CALLS * MOST_CALLS * MOST_CALLS,
  MOST_FINDINGS = 100
};

/* What happened, and what the model says: errors as 0 (none) or errno.  */
struct outcome
{
  int error;
  int peer;
};

/* The other ends.  */
struct ends
{
  struct name p, q;
  int at_p, at_q;
};

/* What is sent: of an ICMP socket, a request for an echo (RFC 792, RFC 4443),
   PAYLOAD_SIZE bytes like the payload.  */
static const char *
message_of (const struct test *test)
{
  static const char echo[PAYLOAD_SIZE] = { 8 }, echo6[PAYLOAD_SIZE] = { -128 };
  return test->protocol->bit != PING       ? payload
         : test->family->domain == AF_INET ? echo
                                           : echo6;
}

static int
make_call (const struct test *test, const struct ends *ends, int fd,
           enum call call)
{
  const struct entry *by = test->entry;
  struct name nobody
      = { .length = sizeof nobody.any, .any.sa_family = AF_UNSPEC };
  struct name any = at_port (&ends->p, 0);
  switch (call)
    {
    case CONNECT_P:
      return connect_by (by->connect, test, fd, &ends->p);
    case CONNECT_Q:
      return connect_by (by->connect, test, fd, &ends->q);
    case CONNECT_NOBODY:
      return by->connect (fd, &nobody.any, nobody.length);
    case BIND:
      return by->bind (fd, &any.any, any.length);
    case LISTEN:
      return by->listen (fd, 1);
    case SEND:
      return (int) by->sendto (fd, message_of (test), PAYLOAD_SIZE,
                               MSG_NOSIGNAL, NULL, 0);
    case SENDTO_P:
      return (int) by->sendto (fd, message_of (test), PAYLOAD_SIZE,
                               MSG_NOSIGNAL, &ends->p.any, ends->p.length);
    case SHUT_DOWN:
      return by->shutdown (fd, SHUT_WR);
    }
  return -1;
}

static int
peer_of (const struct test *test, const struct ends *ends, int fd)
{
  struct name peer = { .length = sizeof peer.storage };
  if (test->entry->getpeername (fd, &peer.any, &peer.length) != 0)
    return errno == ENOTCONN ? NOBODY : SOMEBODY;
  if (peer.length == ends->p.length
      && memcmp (&peer.storage, &ends->p.storage, peer.length) == 0)
    return AT_P;
  return peer.length == ends->q.length
                 && memcmp (&peer.storage, &ends->q.storage, peer.length) == 0
             ? AT_Q
             : SOMEBODY;
}

/* Close the connections that arrived at the other ends.  These close first, so
   that the port of the socket that was tried is not given to another one while
   they remember it: a connection AWAITED there, if that is not negative, is
   there for certain.  Nobody is asked who is not there: SCTP waits a tick of
   the clock before it says so (sctp_wait_for_accept(), Linux's
   net/sctp/socket.c).  */
static void
take_connections (struct test *test, const struct ends *ends, int awaited)
{
  struct pollfd arrivals[] = { { .fd = ends->at_p, .events = POLLIN },
                               { .fd = ends->at_q, .events = POLLIN } };
  struct pollfd first = { .fd = awaited, .events = POLLIN };
  if (awaited >= 0 && poll (&first, 1, PATIENCE) != 1)
    broken (test, "waiting for the connection", errno);
  while (poll (arrivals, 2, 0) > 0)
    for (int i = 0; i < 2; i++)
      if (arrivals[i].revents != 0)
        {
          int server = accept4 (arrivals[i].fd, NULL, NULL, SOCK_CLOEXEC);
          if (server < 0 && errno == EAGAIN)
            continue; /* It has been reset since.  */
          if (server < 0)
            broken (test, "accept", errno);
          close_by_reset (server);
          close (server);
        }
}

/* Make a sequence of calls, given by its digits, and say how it ends.  */
static struct outcome
play (struct test *test, const struct ends *ends, const int *calls, int count)
{
  int fd = new_socket (test);
  if (is_connection (test))
    close_by_reset (fd);
  struct outcome outcome = { 0 };
  int awaited = -1;
  for (int i = 0; i < count; i++)
    {
      errno = 0;
      int returned = make_call (test, ends, fd, (enum call) calls[i]);
      outcome.error = returned < 0 ? errno : 0;
      if (calls[i] <= CONNECT_NOBODY && returned == 0)
        awaited = calls[i] == CONNECT_P   ? ends->at_p
                  : calls[i] == CONNECT_Q ? ends->at_q
                                          : -1;
    }
  outcome.peer = peer_of (test, ends, fd);
  /* Datagrams stay: what finds the queue full is dropped, and nobody told.  */
  if (is_connection (test))
    take_connections (test, ends, awaited);
  close (fd);
  return outcome;
}

/* The digits of the sequence NUMBER, shortest first; return how many.  */
static int
digits (int number, int *calls)
{
  int count = 1, many = MOST_CALLS;
  while (number >= many)
    {
      number -= many;
      many *= MOST_CALLS;
      count++;
    }
  for (int i = count; i-- > 0; number /= MOST_CALLS)
    calls[i] = number % MOST_CALLS;
  return count;
}

/* What BPF does not steer is translated, in a network in which no other case
   has left a trace.  */
static const char redirect[]
    = "table inet $table {\n"
      "chain output {\n"
      "type nat hook output priority -100; policy accept;\n"
      "meta l4proto {tcp, sctp, dccp, udplite} th dport $zero"
      " redirect to :$listener\n"
      "}\n"
      "}\n";

/* Make the other ends for a walk.  */
static struct ends
other_ends (struct test *test, struct test *here)
{
  if (test->protocol->bit & PORTLESS)
    /* Nobody needs to be there.  */
    return (struct ends){
      .p = here->peer, .q = at_port (&here->peer, 7), .at_p = -1, .at_q = -1
    };
  /* Without address translation, of which thousands of datagrams would leave
     traces; for protocols that BPF does not steer, shorter sequences with it.
   */
  bool is_translated = test->test_case->needs & STEERING;
  if (is_translated)
    own_network (test, redirect);
  struct ends ends
      = { .p = here->peer,
          .at_p = is_translated ? listener (here)
                                : socket_at_peer (here, SK_LOOKUP, false) };
  here->listener = at_port (&test->listener, 0);
  ends.at_q = listener (here);
  ends.q = local_name (ends.at_q);
  if (is_connection (test)
      && (listen (ends.at_p, 100) != 0 || listen (ends.at_q, 100) != 0))
    broken (test, "listen", errno);
  ioctl (ends.at_p, FIONBIO, &(int){ 1 });
  ioctl (ends.at_q, FIONBIO, &(int){ 1 });
  return ends;
}

/* What all sequences gave at one port, in one variant.  */
static struct outcome at_zero[UP_TO_THREE], at_control[UP_TO_THREE];

static void
walk (struct test *test, bool control, int sequences, struct outcome *outcomes)
{
  /* The two ports of a variant, whichever is its own.  */
  struct test here = *test;
  in_port_t own
      = ntohs (test->family->domain == AF_INET ? test->listener.in.sin_port
                                               : test->listener.in6.sin6_port);
  in_port_t arrival
      = (in_port_t) (own + (control ? 1 : 0) - (test->control ? 1 : 0));
  here.control = control;
  here.listener = at_port (&test->listener, arrival);
  here.peer = at_port (&test->peer, control ? arrival : 0);
  struct ends ends = other_ends (test, &here);
  for (int number = 0; number < sequences; number++)
    {
      int calls[LONGEST];
      int count = digits (number, calls);
      outcomes[number] = play (test, &ends, calls, count);
    }
  close (ends.at_p);
  close (ends.at_q);
}

/* What makes two findings the same.  */
struct finding
{
  int call;            /* The last one, or -1 for getpeername().  */
  struct state before; /* The last call.  */
  int wanted, zero, control;
};

static bool
is_same (const struct finding *a, const struct finding *b)
{
  return a->call == b->call && a->before.peer == b->before.peer
         && a->before.is_listening == b->before.is_listening
         && a->before.is_shut_down == b->before.is_shut_down
         && a->before.is_bound == b->before.is_bound && a->wanted == b->wanted
         && a->zero == b->zero && a->control == b->control;
}

static bool
is_new (struct finding finding, struct finding *known, int *count)
{
  for (int i = 0; i < *count; i++)
    if (is_same (&known[i], &finding))
      return false;
  if (*count < MOST_FINDINGS)
    known[(*count)++] = finding;
  return true;
}

static void
observe_one (struct test *test, const char *sequence, struct finding finding)
{
  bool is_peer = finding.call < 0;
  char step[200];
  snprintf (step, sizeof step, "%s: %s", sequence, is_peer ? "peer" : "result");
  bool says = finding.wanted != OPEN && finding.control == finding.wanted;
  int here = test->control ? finding.control : finding.zero;
  if (is_peer)
    observe_value (test, step, "getpeername", here,
                   says ? result (finding.wanted) : unspecified ());
  else
    observe_value (test, step, call_names[finding.call], here,
                   says ? result (finding.wanted) : unspecified ());
}

static void
compare (struct test *test, int sequences)
{
  struct finding known[MOST_FINDINGS];
  int count = 0;
  for (int number = 0; number < sequences; number++)
    {
      int calls[LONGEST];
      int length = digits (number, calls);
      struct state before;
      struct state state;
      memset (&state, 0, sizeof state);
      int error = 0;
      char sequence[150] = "";
      size_t used = 0;
      for (int i = 0; i < length; i++)
        {
          before = state;
          error = model (&state, is_connection (test), (enum call) calls[i]);
          used += (size_t) snprintf (sequence + used, sizeof sequence - used,
                                     "%s%s", i > 0 ? ", " : "",
                                     call_names[calls[i]]);
        }
      const struct outcome *zero = &at_zero[number],
                           *control = &at_control[number];
      struct finding finding;
      memset (&finding, 0, sizeof finding);
      finding.call = calls[length - 1];
      finding.before = before;
      finding.wanted = error;
      finding.zero = zero->error;
      finding.control = control->error;
      if ((zero->error != control->error
           || (error != OPEN && control->error != error))
          && is_new (finding, known, &count))
        observe_one (test, sequence, finding);
      /* That this getpeername() fails says nothing of the calls.  */
      finding.call = -1;
      finding.before = state;
      finding.wanted = state.peer;
      finding.zero = zero->peer;
      finding.control = control->peer;
      if ((zero->peer != control->peer
           || (state.peer != OPEN && control->peer != state.peer))
          && is_new (finding, known, &count))
        observe_one (test, sequence, finding);
    }
}

static void
walk_and_compare (struct test *test, int sequences)
{
  /* The control comes first; it walks for both.  */
  static const void *walked[3];
  if (walked[0] != test->family || walked[1] != test->protocol
      || walked[2] != test->entry)
    {
      walk (test, false, sequences, at_zero);
      walk (test, true, sequences, at_control);
      walked[0] = test->family;
      walked[1] = test->protocol;
      walked[2] = test->entry;
    }
  observe_value (test, "sequences", "walked", sequences, result (sequences));
  compare (test, sequences);
}

#define BASIS                                                                  \
  "POSIX.1-2017 connect(), bind(), listen(), send(), sendto(), shutdown(), "   \
  "getpeername(): see the model"

CASE (sequences, datagrams,
      .question = "Which sequences of three calls end unlike the model?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = UDP)
{
  walk_and_compare (test, UP_TO_THREE);
}

/* Connections are slow to make: shorter sequences of theirs.  */
CASE (sequences, streams,
      .question = "Which sequences of two calls end unlike the model?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = TCP)
{
  walk_and_compare (test, UP_TO_TWO);
}

CASE (sequences, others, .question = "And which of other protocols?",
      .basis = BASIS, .families = ANY_FAMILY,
      .protocols = MPTCP | DCCP | UDPLITE, .needs = STEERING)
{
  walk_and_compare (test, UP_TO_TWO);
}

CASE (sequences, associations, .question = "And which of SCTP sockets?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = SCTP,
      .needs = STEERING)
{
  walk_and_compare (test, UP_TO_TWO);
}

CASE (sequences, without_ports,
      .question = "And of three calls of sockets whose packets have no ports?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = PORTLESS)
{
  walk_and_compare (test, UP_TO_THREE);
}
