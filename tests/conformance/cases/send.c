/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sending to a peer at port 0.  */

#include "case.h"

#include <poll.h>
#include <string.h>

/* Whether what was sent arrived at FD, whole and unchanged.  It can take a
   moment, but nothing is waited for that was not SENT.  */
static void
observe_arrival (struct test *test, int fd, bool sent)
{
  char data[PAYLOAD_SIZE + 1];
  struct pollfd readable = { .fd = fd, .events = POLLIN };
  long got = 0;
  if (poll (&readable, 1, sent ? 1000 : 0) == 1)
    got = recv (fd, data, sizeof data, MSG_DONTWAIT);
  if (got == PAYLOAD_SIZE && memcmp (data, payload, PAYLOAD_SIZE) != 0)
    got = -1;
  observe_value (test, "arrival", "bytes that arrived", got,
                 result (PAYLOAD_SIZE));
}

CASE (send, connected,
      .question = "Does what is sent to a peer at port 0 arrive?",
      .basis = "POSIX.1-2017 send(), DESCRIPTION: sent to the connected peer",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  if (test->protocol->type == SOCK_STREAM)
    at_peer = accepted (at_peer);
  bool sent = observe_sendto (test, "send", fd, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, at_peer, sent);
}

CASE (sendto, unconnected,
      .question = "Does a datagram sent to port 0 by sendto() arrive?",
      .basis = "POSIX.1-2017 sendto(), DESCRIPTION: sent to the address; "
               "RFC 768 gives no port a meaning of its own",
      .families = ANY_FAMILY, .protocols = DATAGRAM, .needs = STEERING)
{
  int at_peer = listener (test);
  bool sent = observe_sendto (test, "sendto", new_socket (test), &test->peer,
                              result (PAYLOAD_SIZE));
  observe_arrival (test, at_peer, sent);
}

CASE (sendto, connected,
      .question = "Does sendto() to port 0 work on a socket connected there?",
      .basis = "POSIX.1-2017 sendto(): to the address, or [EISCONN]; a "
               "stream's address is ignored",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  if (test->protocol->type == SOCK_STREAM)
    at_peer = accepted (at_peer);
  bool sent
      = observe_sendto (test, "sendto", fd, &test->peer, result (PAYLOAD_SIZE));
  observe_arrival (test, at_peer, sent);
}
