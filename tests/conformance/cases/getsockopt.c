/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The socket option SO_PEERNAME: Linux's other way to ask for the peer.  */

#include "case.h"

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
