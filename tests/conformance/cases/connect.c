/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* connect() to port 0.  */

#include "case.h"

#define BASIS "POSIX.1-2017 connect(), "

CASE (connect, peer,
      .question = "Does connect() to port 0 succeed as to another port?",
      .basis = BASIS "DESCRIPTION: no port number is exempt",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  observe_connect (test, "", new_socket (test), &test->peer, result (0));
}

CASE (connect, refused,
      .question = "Is a connection to port 0 refused where nothing listens?",
      .basis = BASIS "ERRORS: [ECONNREFUSED]", .families = ANY_FAMILY,
      .protocols = CONNECTION)
{
  observe_connect (test, "", new_socket (test), &test->peer,
                   error (ECONNREFUSED));
}

CASE (connect, twice,
      .question = "Does a second connect() know that the socket is connected?",
      .basis = BASIS "ERRORS: [EISCONN]", .families = ANY_FAMILY,
      .protocols = CONNECTION, .needs = STEERING)
{
  listener (test);
  observe_connect (test, "", connected_socket (test), &test->peer,
                   error (EISCONN));
}

CASE (connect, again_for_datagrams,
      .question = "Can a datagram socket change its peer to port 0 and back?",
      .basis = BASIS "DESCRIPTION: datagram sockets may use connect() "
                     "multiple times",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = connected_socket (test);
  struct name other = test->peer;
  set_port (&other, 7);
  observe_connect (test, "to another port", fd, &other, result (0));
  observe_connect (test, "back", fd, &test->peer, result (0));
}

CASE (connect, to_nobody,
      .question = "Does AF_UNSPEC undo a connection to port 0?",
      .basis = BASIS "DESCRIPTION: a null address resets the peer; Linux "
                     "takes AF_UNSPEC for it on streams, too",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL & ~SCTP,
      .needs = STEERING)
{
  struct name nobody
      = { .length = sizeof nobody.any, .any.sa_family = AF_UNSPEC };
  listener (test);
  observe_connect (test, "", connected_socket (test), &nobody, result (0));
}
