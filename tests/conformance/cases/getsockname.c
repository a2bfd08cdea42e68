/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* getsockname() on a socket whose peer is at port 0.  */

#include "case.h"

#include <arpa/inet.h>
#include <string.h>

/* What the other side sees, as an address of the variant's family.  */
static struct name
as_seen_by_peer (struct test *test, const struct name *seen)
{
  if (test->family->bit != IPV4_MAPPED || seen->any.sa_family != AF_INET)
    return *seen;
  struct name mapped = test->peer;
  memcpy (&mapped.in6.sin6_addr.s6_addr[12], &seen->in.sin_addr, 4);
  set_port (&mapped, get_port (seen));
  return mapped;
}

CASE (getsockname, connected,
      .question = "Is a socket's own name the one that its peer sees?",
      .basis = "POSIX.1-2017 getsockname(), DESCRIPTION: the locally-bound "
               "name",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  struct name seen = { .length = sizeof seen.storage };
  if (test->protocol->type == SOCK_STREAM)
    {
      /* accept() would fail if the client's port were 0; it is not.  */
      if (accept (at_peer, &seen.any, &seen.length) < 0)
        broken (test, "accept", errno);
    }
  else
    {
      char byte = 0;
      if (send (fd, &byte, 1, 0) != 1)
        broken (test, "send", errno);
      if (recvfrom (at_peer, &byte, 1, 0, &seen.any, &seen.length) != 1)
        broken (test, "recvfrom", errno);
    }
  seen = as_seen_by_peer (test, &seen);
  observe_getsockname (test, "", fd, name (&seen));
}

CASE (getsockname, fresh,
      .question = "Is the name of a new socket the wildcard, port 0?",
      .basis = "POSIX.1-2017 getsockname(): unspecified if not bound",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL)
{
  observe_getsockname (test, "", new_socket (test), unspecified ());
}
