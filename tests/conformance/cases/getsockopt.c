/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket option SO_PEERNAME: Linux's other way to ask for the peer.  */

#include "case.h"

#include <sys/socket.h>

#define BASIS "Not in POSIX; Linux sk_getsockopt(): as accept()'s address"

CASE (getsockopt, peername,
      .question = "Does SO_PEERNAME name a peer at port 0?", .basis = BASIS,
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  observe_so_peername (test, "", connected_socket (test), name (&test->peer));
}

CASE (getsockopt, peername_fresh,
      .question = "Does SO_PEERNAME name nobody on a new socket?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = ANY_PROTOCOL)
{
  observe_so_peername (test, "", new_socket (test), error (ENOTCONN));
}

CASE (getsockopt, peername_listening,
      .question = "Does SO_PEERNAME name nobody on a listening socket?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = CONNECTION)
{
  observe_so_peername (test, "", listener (test), error (ENOTCONN));
}

CASE (getsockopt, peername_connecting,
      .question = "Whom does SO_PEERNAME name while a connection is made?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = CONNECTION,
      .needs = STEERING)
{
  deaf_listener (test);
  int fd = nonblocking_socket (test);
  observe_connect (test, "connect", fd, &test->peer, error (EINPROGRESS));
  observe_so_peername (test, "", fd, name (&test->peer));
}

CASE (getsockopt, peername_reset,
      .question = "Whom does SO_PEERNAME name after the peer's reset?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = TCP,
      .needs = STEERING)
{
  observe_so_peername (test, "", reset_socket (test), name (&test->peer));
}

CASE (getsockopt, peername_half_closed_by_peer,
      .question = "Whom does SO_PEERNAME name after the peer closed its side?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = STREAM,
      .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  shutdown (accepted (listening), SHUT_WR);
  await_end_of_stream (fd);
  observe_so_peername (test, "", fd, name (&test->peer));
}

CASE (getsockopt, peername_half_closed,
      .question = "Whom does it name after this side was closed?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = STREAM,
      .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  int server = accepted (listening);
  shutdown (fd, SHUT_WR);
  await_end_of_stream (server);
  observe_so_peername (test, "", fd, name (&test->peer));
}

/* Record whether SO_PEERNAME names anybody: whom, is not asked.  */
static void
observe_whether_named (struct test *test, int fd, struct answer standard)
{
  struct name peer = { .length = test->peer.length };
  observe_call (test, "", "getsockopt",
                test->entry->getsockopt (fd, SOL_SOCKET, 28 /* SO_PEERNAME */,
                                         &peer.storage, &peer.length),
                standard);
}

CASE (getsockopt, peername_disconnected,
      .question = "Does it name nobody after AF_UNSPEC?",
      .basis = BASIS "; MPTCP goes on naming the old peer, at other ports",
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  disconnect (test, fd);
  observe_whether_named (test, fd,
                         test->protocol->bit == MPTCP ? unspecified ()
                                                      : error (ENOTCONN));
}

CASE (getsockopt, peername_refused,
      .question = "Does it name nobody after a refused connect()?",
      .basis = BASIS "; MPTCP goes on naming who refused, at other ports",
      .families = ANY_FAMILY, .protocols = STREAM)
{
  int fd = new_socket (test);
  if (connect (fd, &test->peer.any, test->peer.length) == 0)
    broken (test, "something listens at the peer's address", 0);
  observe_whether_named (test, fd,
                         test->protocol->bit == MPTCP ? unspecified ()
                                                      : error (ENOTCONN));
}
