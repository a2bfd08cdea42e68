/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* getpeername() through the life of a socket: when there is a peer, and when
   there is none, whatever is left of a former one.  */

#define _GNU_SOURCE
#include "case.h"

#include <string.h>

#define NO_PEER "POSIX.1-2017 getpeername(), ERRORS: [ENOTCONN]"
#define PEER                                                                   \
  "POSIX.1-2017 getpeername(), DESCRIPTION: the peer address is stored"

CASE (getpeername, fresh, .question = "Has a new socket no peer?",
      .basis = NO_PEER, .families = ANY_FAMILY, .protocols = ANY_PROTOCOL)
{
  observe_getpeername (test, "", new_socket (test), error (ENOTCONN));
}

CASE (getpeername, bound, .question = "Has a socket that is only bound none?",
      .basis = NO_PEER, .families = ANY_FAMILY,
      .protocols = ANY_PROTOCOL & ~RAW)
{
  observe_getpeername (test, "to an address", bound_socket (test),
                       error (ENOTCONN));
  int fd = new_socket (test);
  struct name wildcard = test->peer;
  memset (&wildcard.storage, 0, sizeof wildcard.storage);
  wildcard.any.sa_family = test->peer.any.sa_family;
  if (bind (fd, &wildcard.any, wildcard.length) != 0)
    broken (test, "bind to the wildcard address", errno);
  observe_getpeername (test, "to the wildcard address", fd, error (ENOTCONN));
}

CASE (getpeername, listening, .question = "Has a listening socket none?",
      .basis = NO_PEER, .families = ANY_FAMILY, .protocols = CONNECTION)
{
  observe_getpeername (test, "", listener (test), error (ENOTCONN));
}

CASE (getpeername, connecting,
      .question = "Has a socket none while the connection is being made?",
      .basis = NO_PEER, .families = ANY_FAMILY, .protocols = CONNECTION,
      .needs = STEERING)
{
  deaf_listener (test);
  int fd = nonblocking_socket (test);
  observe_connect (test, "connect", fd, &test->peer, error (EINPROGRESS));
  observe_getpeername (test, "", fd, error (ENOTCONN));
  observe_connect (test, "connect again", fd, &test->peer, error (EALREADY));
}

CASE (getpeername, refused,
      .question = "Has a socket none after its connection was refused?",
      .basis = NO_PEER, .families = ANY_FAMILY, .protocols = CONNECTION)
{
  int fd = new_socket (test);
  if (connect (fd, &test->peer.any, test->peer.length) == 0)
    broken (test, "something listens at the peer's address", 0);
  observe_getpeername (test, "", fd, error (ENOTCONN));
}

CASE (getpeername, half_closed_by_peer,
      .question = "Has it one after the peer closed its direction?",
      .basis = PEER, .families = ANY_FAMILY, .protocols = STREAM,
      .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  shutdown (accepted (listening), SHUT_WR);
  await_end_of_stream (fd);
  observe_getpeername (test, "", fd, name (&test->peer));
}

CASE (getpeername, half_closed,
      .question = "Has it one after it closed its own direction?",
      .basis = PEER, .families = ANY_FAMILY, .protocols = STREAM,
      .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  int server = accepted (listening);
  shutdown (fd, SHUT_WR);
  await_end_of_stream (server);
  observe_getpeername (test, "", fd, name (&test->peer));
}

CASE (getpeername, closed,
      .question = "Has it none after both directions were closed?",
      .basis = NO_PEER "; [EINVAL] would do, too", .families = ANY_FAMILY,
      .protocols = STREAM, .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  int server = accepted (listening);
  shutdown (server, SHUT_WR);
  await_end_of_stream (fd);
  shutdown (fd, SHUT_WR);
  await_end_of_stream (server);
  /* The last acknowledgement comes after the end of the stream did.  A call
     that goes on naming the peer for ever runs into the time limit.  */
  struct name peer;
  do
    peer.length = sizeof peer.storage;
  while (getpeername (fd, &peer.any, &peer.length) == 0);
  observe_getpeername (test, "", fd, error (ENOTCONN));
}

CASE (getpeername, reset,
      .question = "Has it none after its peer reset the connection?",
      .basis = NO_PEER, .families = ANY_FAMILY, .protocols = CONNECTION & ~SCTP,
      .needs = STEERING)
{
  observe_getpeername (test, "", reset_socket (test), error (ENOTCONN));
}

CASE (getpeername, disconnected,
      .question = "Has it none after connect() to AF_UNSPEC?", .basis = NO_PEER,
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL & ~SCTP,
      .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  disconnect (test, fd);
  observe_getpeername (test, "", fd, error (ENOTCONN));
}

CASE (getpeername, disconnected_but_bound,
      .question = "Has a bound one none after connect() to AF_UNSPEC?",
      .basis = NO_PEER, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = bound_socket (test);
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  disconnect (test, fd);
  observe_getpeername (test, "", fd, error (ENOTCONN));
}

CASE (getpeername, listening_again,
      .question = "Has one that was connected before it listened none?",
      .basis = NO_PEER "; Linux keeps the old peer's address in the socket "
                       "(tcp_disconnect())",
      .families = ANY_FAMILY, .protocols = TCP, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  disconnect (test, fd);
  if (listen (fd, 1) != 0)
    broken (test, "listen", errno);
  observe_getpeername (test, "", fd, error (ENOTCONN));
}
