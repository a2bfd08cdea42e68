/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Port 0 in bind(), where it asks for any port: the one meaning of its own
   that it has.  */

#define _GNU_SOURCE
#include "network.h"

#include <string.h>
#include <sys/socket.h>

#define SILENT                                                                 \
  "POSIX.1-2017 bind() does not say; BSD tradition, RFC 6056 section 3: an "   \
  "ephemeral port"
#define PORTS (CONNECTION | DATAGRAM)

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

static in_port_t
port_of (int fd)
{
  struct name own = local_name (fd);
  return ntohs (own.any.sa_family == AF_INET ? own.in.sin_port
                                             : own.in6.sin6_port);
}

static struct name
any_port (const struct test *test)
{
  return at_port (&test->peer, 0);
}

CASE (bind, any_port, .question = "Does bind() to port 0 choose a port?",
      .basis = SILENT, .families = ANY_FAMILY, .protocols = PORTS)
{
  int fd = new_socket (test);
  struct name any = any_port (test);
  observe_call (test, "bind", "bind",
                test->entry->bind (fd, &any.any, any.length), result (0));
  observe_value (test, "has a port", "getsockname", port_of (fd) != 0,
                 result (1));
}

CASE (bind, any_port_twice,
      .question = "Is a socket bound by port 0 bound, once and for all?",
      .basis = "POSIX.1-2017 bind(), ERRORS: [EINVAL] already bound",
      .families = ANY_FAMILY, .protocols = PORTS)
{
  struct name any = any_port (test);
  int fd = bound_socket (test);
  observe_call (test, "", "bind", test->entry->bind (fd, &any.any, any.length),
                error (EINVAL));
}

CASE (bind, distinct_ports,
      .question = "Do two sockets bound by port 0 get different ports?",
      .basis = SILENT, .families = ANY_FAMILY, .protocols = PORTS)
{
  observe_value (test, "", "differ",
                 port_of (bound_socket (test)) != port_of (bound_socket (test)),
                 result (1));
}

CASE (bind, connected,
      .question = "Is a socket with a peer at port 0 past binding?",
      .basis = "POSIX.1-2017 bind(), ERRORS: [EINVAL], [EISCONN]",
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM, .needs = STEERING)
{
  listener (test);
  struct name any = any_port (test);
  observe_call (
      test, "", "bind",
      test->entry->bind (connected_socket (test), &any.any, any.length),
      error (EINVAL));
}

CASE (bind, disconnected,
      .question = "Can a socket be bound after its peer at port 0 was undone?",
      .basis = "POSIX.1-2017 connect(), DESCRIPTION: the peer is reset; then "
               "as a new socket",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = connected_socket (test);
  disconnect (test, fd);
  struct name any = any_port (test);
  observe_call (test, "", "bind", test->entry->bind (fd, &any.any, any.length),
                result (0));
}

CASE (getsockname, disconnected,
      .question = "What is left of the own name after AF_UNSPEC?",
      .basis = "POSIX.1-2017 getsockname(): unspecified if not bound; Linux "
               "keeps a stream's port",
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  disconnect (test, fd);
  observe_value (test, "", "has a port", port_of (fd) != 0, unspecified ());
}

CASE (getsockname, address_without_port,
      .question = "Is the port 0 until connect() with IP_BIND_ADDRESS_NO_PORT?",
      .basis = "Not in POSIX; Linux ip(7)", .families = ANY_FAMILY,
      .protocols = TCP, .needs = STEERING)
{
  listener (test);
  int fd = new_socket (test);
  struct name any = any_port (test);
  close_by_reset (fd);
  if (setsockopt (fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 },
                  sizeof (int))
          != 0
      || bind (fd, &any.any, any.length) != 0)
    broken (test, "IP_BIND_ADDRESS_NO_PORT", errno);
  observe_getsockname (test, "bound", fd, name (&any));
  observe_connect (test, "connect", fd, &test->peer, result (0));
  observe_value (test, "has a port", "getsockname", port_of (fd) != 0,
                 result (1));
}

CASE (setsockopt, local_port_range,
      .question = "Does a bound of 0 in IP_LOCAL_PORT_RANGE mean none?",
      .basis = "Not in POSIX; Linux ip(7): 0 leaves the bound as it is",
      .families = ANY_FAMILY, .protocols = TCP)
{
  static const struct
  {
    const char *step;
    unsigned low, high;
  } ranges[] = { { "both 0", 0, 0 },
                 { "only low", 40000, 0 },
                 { "only high", 0, 50000 },
                 { "both", 40000, 50000 } };
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
    {
      unsigned range = ranges[i].high << 16 | ranges[i].low;
      int fd = new_socket (test);
      int set = test->entry->setsockopt (fd, IPPROTO_IP, IP_LOCAL_PORT_RANGE,
                                         &range, sizeof range);
      if (set != 0 && errno == ENOPROTOOPT)
        skip (test, "IP_LOCAL_PORT_RANGE (Linux 6.3)");
      observe_value (test, ranges[i].step, "setsockopt", set, result (0));
    }
}

CASE (listen, unbound,
      .question = "Does listen() on an unbound socket choose a port?",
      .basis = "POSIX.1-2017 listen(), ERRORS: [EDESTADDRREQ] may be; Linux "
               "binds",
      .families = ANY_FAMILY, .protocols = CONNECTION)
{
  int fd = new_socket (test);
  observe_call (test, "listen", "listen", test->entry->listen (fd, 1),
                result (0));
  observe_value (test, "has a port", "getsockname", port_of (fd) != 0,
                 result (1));
}

CASE (listen, connected, .question = "Does listen() know a peer at port 0?",
      .basis = "POSIX.1-2017 listen(), ERRORS: [EINVAL] already connected",
      .families = ANY_FAMILY, .protocols = STREAM, .needs = STEERING)
{
  listener (test);
  observe_call (test, "", "listen",
                test->entry->listen (connected_socket (test), 1),
                error (EINVAL));
}

CASE (connect, autobind,
      .question = "Does connect() to port 0 choose a port of its own?",
      .basis = "POSIX.1-2017 connect(), DESCRIPTION: an unbound socket is "
               "bound",
      .families = ANY_FAMILY, .protocols = PORTS, .needs = STEERING)
{
  listener (test);
  observe_value (test, "", "has a port", port_of (connected_socket (test)) != 0,
                 result (1));
}

CASE (bind, source_port_zero,
      .question = "Can a client choose the source port 0 by bind()?",
      .basis = SILENT, .families = ANY_FAMILY, .protocols = STREAM,
      .needs = STEERING)
{
  /* The port in question is that of bind(), so the control is its mirror.  */
  int listening = bound_socket (test);
  if (listen (listening, 1) != 0)
    broken (test, "listen", errno);
  struct name to = local_name (listening);
  int fd = new_socket (test);
  close_by_reset (fd);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int));
  struct name own = test->control ? test->source : any_port (test);
  if (bind (fd, &own.any, own.length) != 0
      || connect (fd, &to.any, to.length) != 0)
    broken (test, "bind and connect", errno);
  accepted (listening);
  observe_value (test, "", "the source port is not 0", port_of (fd) != 0,
                 result (1));
}

CASE (bind, wildcard,
      .question = "Does port 0 choose a port on the wildcard address, too?",
      .basis = SILENT, .families = IPV4 | IPV6, .protocols = PORTS)
{
  int fd = new_socket (test);
  struct name wildcard = test->peer;
  memset (&wildcard.storage, 0, sizeof wildcard.storage);
  wildcard.any.sa_family = test->peer.any.sa_family;
  observe_call (test, "bind", "bind",
                test->entry->bind (fd, &wildcard.any, wildcard.length),
                result (0));
  observe_value (test, "has a port", "getsockname", port_of (fd) != 0,
                 result (1));
}

CASE (bind, shared_any_port,
      .question = "Do sockets with SO_REUSEPORT get ports of their own by 0?",
      .basis = SILENT "; Linux socket(7), SO_REUSEPORT", .families = ANY_FAMILY,
      .protocols = STREAM | DATAGRAM)
{
  in_port_t ports[2];
  for (int i = 0; i < 2; i++)
    {
      int fd = new_socket (test);
      struct name any = any_port (test);
      if (setsockopt (fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof (int))
              != 0
          || bind (fd, &any.any, any.length) != 0)
        broken (test, "SO_REUSEPORT", errno);
      ports[i] = port_of (fd);
    }
  observe_value (test, "", "differ", ports[0] != ports[1], result (1));
}

CASE (getsockname, raw, .question = "Which port does a raw socket say it has?",
      .basis = "No standard; Linux raw(7): the protocol's number",
      .families = IPV4, .protocols = RAW)
{
  int fd = new_socket (test);
  struct name own = at_port (&test->peer, 253);
  observe_call (test, "bind", "bind",
                test->entry->bind (fd, &test->peer.any, test->peer.length),
                result (0));
  observe_getsockname (test, "name", fd, name (&own));
}

CASE (bind, echo, .question = "Does an ICMP socket get an identifier by 0?",
      .basis = "No standard; Linux icmp(7): the port is the identifier",
      .families = IPV4 | IPV6, .protocols = PING)
{
  int fd = new_socket (test);
  struct name any = any_port (test);
  observe_call (test, "bind", "bind",
                test->entry->bind (fd, &any.any, any.length), result (0));
  observe_value (test, "has a port", "getsockname", port_of (fd) != 0,
                 result (1));
}
