/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sending to a peer at port 0.  */

#include "case.h"

CASE (send, connected,
      .question = "Does what is sent to a peer at port 0 arrive?",
      .basis = "POSIX.1-2017 send(), DESCRIPTION: sent to the connected peer",
      .families = ANY_FAMILY, .protocols = CONNECTION | DATAGRAM,
      .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  if (is_connection (test))
    at_peer = accepted (at_peer);
  bool sent = observe_sendto (test, "send", fd, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, sent, result (PAYLOAD_SIZE));
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
  observe_arrival (test, "arrival", at_peer, sent, result (PAYLOAD_SIZE));
}

CASE (sendto, connected,
      .question = "Does sendto() to port 0 work on a socket connected there?",
      .basis = "POSIX.1-2017 sendto(): to the address, or [EISCONN]; a "
               "stream's address is ignored",
      .families = ANY_FAMILY, .protocols = CONNECTION | DATAGRAM,
      .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  if (is_connection (test))
    at_peer = accepted (at_peer);
  bool sent
      = observe_sendto (test, "sendto", fd, &test->peer, result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, sent, result (PAYLOAD_SIZE));
}
