/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's side: connections whose client is at port 0.  */

#define _GNU_SOURCE
#include "case.h"

#include <fcntl.h>

#define BASIS                                                                  \
  "POSIX.1-2017 accept(), DESCRIPTION: the peer's address is stored; ERRORS: " \
  "[ECONNABORTED] only if a connection has been aborted"

CASE (accept, address,
      .question = "Does accept() give the connection and name the client?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = CONNECTION & ~DCCP,
      .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  observe_accept (test, "", listening, 0, name (&test->client));
}

CASE (accept, accept4_address, .question = "Does accept4() do so, too?",
      .basis = "POSIX.1-2024 accept4(), in no edition before; as accept(): "
               "the peer's address is stored",
      .families = ANY_FAMILY, .protocols = CONNECTION & ~DCCP,
      .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  int fd = observe_accept (test, "", listening, SOCK_NONBLOCK,
                           name (&test->client));
  observe_value (test, "flags", "O_NONBLOCK",
                 fd >= 0 && (fcntl (fd, F_GETFL) & O_NONBLOCK) != 0,
                 result (1));
}

CASE (accept, connection_kept,
      .question = "Is the connection still there after accept()?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = CONNECTION & ~DCCP,
      .needs = STEERING)
{
  struct name peer = { .length = sizeof peer.storage };
  int listening = listener (test);
  int fd = client_from_source (test);
  int server = test->entry->accept (listening, &peer.any, &peer.length);
  char byte = 0;
  if (server >= 0 && send (server, &byte, 1, 0) != 1)
    broken (test, "send", errno);
  observe_value (test, "", "bytes that arrived", recv (fd, &byte, 1, 0),
                 result (1));
}

CASE (getpeername, of_client,
      .question = "Does getpeername() name a client at port 0?",
      .basis = "POSIX.1-2017 getpeername()", .families = ANY_FAMILY,
      .protocols = CONNECTION & ~DCCP, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  observe_getpeername (test, "", accepted (listening), name (&test->client));
}
