/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* getsockname() on a socket whose peer is at port 0.  */

#include "case.h"

#define BASIS "POSIX.1-2017 getsockname(), DESCRIPTION: the locally-bound name"

CASE (getsockname, connected,
      .question = "Is a stream's own name the one that its peer sees?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = CONNECTION,
      .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  struct name seen = { .length = sizeof seen.storage };
  if (accept (listening, &seen.any, &seen.length) < 0)
    broken (test, "accept", errno);
  observe_getsockname (test, "", fd, name (&seen));
}

CASE (getsockname, bound_and_connected,
      .question = "Does a bound datagram socket keep its name in connect()?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = bound_socket (test);
  struct name before = local_name (fd);
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  observe_getsockname (test, "", fd, name (&before));
}

CASE (getsockname, fresh,
      .question = "Is the name of a new socket the wildcard, port 0?",
      .basis = "POSIX.1-2017 getsockname(): unspecified if not bound",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL)
{
  observe_getsockname (test, "", new_socket (test), unspecified ());
}
