/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Servers of remote procedure calls, as glibc has them to this day for old
   programs: a socket whose port is 0 is one that was not bound, and a client at
   port 0 is one like others.  */

#define _GNU_SOURCE
#include "network.h"
#include "old.h"

#include <poll.h>
#include <stdio.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

/* How struct SVCXPRT of <rpc/svc.h> begins.  */
struct transport
{
  int fd;
  unsigned short port; /* In host byte order.  */
};

typedef struct transport *create (int fd, unsigned send, unsigned receive);
typedef struct transport *create_datagram (int fd);

static struct transport *
create_transport (struct test *test, const char *function, int fd)
{
  void *found = old_function (test, function);
  struct transport *made = test->protocol->bit == TCP
                               ? ((create *) found) (fd, 0, 0)
                               : ((create_datagram *) found) (fd);
  if (made == NULL)
    broken (test, function, errno);
  return made;
}

static void
observe_transport (struct test *test, const char *step, const char *function,
                   int fd, bool was_bound)
{
  struct transport *made = create_transport (test, function, fd);
  struct name own = local_name (made->fd);
  long port = ntohs (own.in.sin_port);
  char of_step[60];
  snprintf (of_step, sizeof of_step, "%s: port told", step);
  observe_value (test, of_step, function, made->port == port && port != 0,
                 result (1));
  snprintf (of_step, sizeof of_step, "%s: reserved port", step);
  observe_value (test, of_step, function, port >= 512 && port < 1024,
                 result (was_bound ? 0 : 1));
}

/* Let a server be made of a socket that has no port yet; the control is one
   that has.  Then let the function make a socket, too.  */
static void
observe_server (struct test *test, const char *function)
{
  own_network (test, "");
  int fd = new_socket (test);
  struct name reserved = at_port (&test->peer, 1023);
  if (bind (new_socket (test), &reserved.any, reserved.length) != 0
      && errno == EACCES)
    skip (test, "CAP_NET_BIND_SERVICE, for ports below 1024");
  if (test->control
      && bind (fd, &test->listener.any, test->listener.length) != 0)
    broken (test, "bind", errno);
  observe_transport (test, "given", function, fd, test->control);
  observe_transport (test, "made", function, -1, false);
}

#define BINDS                                                                  \
  "Not in POSIX; rpc(3): if the socket is not bound to a local port, it is "   \
  "bound to an arbitrary one; glibc: by bindresvport()"

CASE (svctcp_create, zero,
      .question = "Does svctcp_create() bind a socket whose port is 0?",
      .basis = BINDS, .families = IPV4, .protocols = TCP, .entries = LIBC)
{
  observe_server (test, "svctcp_create");
}

CASE (svcudp_create, zero,
      .question = "Does svcudp_create() bind a socket whose port is 0?",
      .basis = BINDS, .families = IPV4, .protocols = UDP, .entries = LIBC)
{
  observe_server (test, "svcudp_create");
}

/* The server's procedure: to send an answer without a result.  */
static int (*send_reply) (struct transport *, int (*encode) (void), void *);
static long replied;

static int
encode_nothing (void)
{
  return 1;
}

static void
serve (void *request, struct transport *transport)
{
  (void) request;
  replied = send_reply (transport, encode_nothing, NULL);
}

/* Let a server answer one call of a client at the port in question.  */
static void
observe_answer (struct test *test, const char *function)
{
  int (*add) (struct transport *, unsigned long, unsigned long,
              void (*) (void *, struct transport *), unsigned long)
      = old_function (test, "svc_register");
  void (*handle) (fd_set *) = old_function (test, "svc_getreqset");
  send_reply = old_function (test, "svc_sendreply");
  own_network (test, from_port_in_question);
  int server = listener (test);
  enum
  {
    PROGRAM = 300000
  };
  /* No protocol: the portmapper is not told.  */
  if (!add (create_transport (test, function, server), PROGRAM, 1, serve, 0))
    broken (test, "svc_register", errno);

  /* RFC 5531 section 9: transaction, CALL, version of the protocol, program,
     its version, procedure 0, no credentials; for a stream, one record.  */
  bool is_stream = test->protocol->bit == TCP;
  uint32_t call[] = { htonl (0x80000000 | 40),
                      htonl (1),
                      0,
                      htonl (2),
                      htonl (PROGRAM),
                      htonl (1),
                      0,
                      0,
                      0,
                      0,
                      0 };
  size_t skipped = is_stream ? 0 : 1;
  int client = client_from_source (test);
  if (send (client, call + skipped, sizeof call - 4 * skipped, 0) < 0)
    broken (test, "the call", errno);

  struct pollfd ready = { .fd = server, .events = POLLIN };
  poll (&ready, 1, PATIENCE);
  /* A connection gets the next free descriptor, and reads from it.  */
  int next = dup (server);
  close (next);
  replied = -1;
  fd_set asked;
  FD_ZERO (&asked);
  FD_SET (server, &asked);
  handle (&asked);
  if (is_stream)
    {
      FD_ZERO (&asked);
      FD_SET (next, &asked);
      handle (&asked);
    }
  observe_value (test, "svc_sendreply", function, replied, result (1));
  char reply[100];
  ssize_t size
      = recv (client, reply, sizeof reply, replied == 1 ? 0 : MSG_DONTWAIT);
  observe_value (test, "answered", function, size > 0, result (1));
}

#define ANSWERS                                                                \
  "RFC 5531 section 4: to the caller; a port has no meaning beyond that of "   \
  "the transport"

CASE (svctcp_create, client,
      .question = "Does such a server answer a client at port 0?",
      .basis = ANSWERS, .families = IPV4, .protocols = TCP, .entries = LIBC)
{
  observe_answer (test, "svctcp_create");
}

CASE (svcudp_create, client,
      .question = "Does such a server answer a client at port 0?",
      .basis = ANSWERS, .families = IPV4, .protocols = UDP, .entries = LIBC)
{
  observe_answer (test, "svcudp_create");
}
