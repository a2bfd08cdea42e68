/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* getpeername() on sockets that have a peer at port 0, however they came by
   it.  */

#define _GNU_SOURCE
#include "case.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BASIS                                                                  \
  "POSIX.1-2017 getpeername(), DESCRIPTION: the peer address is stored; "      \
  "ERRORS: [ENOTCONN] only without a peer"

CASE (getpeername, connected,
      .question = "Does getpeername() name a peer at port 0?", .basis = BASIS,
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  observe_getpeername (test, "", connected_socket (test), name (&test->peer));
}

CASE (getpeername, connected_without_packets,
      .question = "Does it, if no packet filter had a hand in it?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = TCP, .needs = REPAIR)
{
  observe_getpeername (test, "", repaired_socket (test), name (&test->peer));
}

CASE (getpeername, reconnected,
      .question = "Does it follow a datagram socket from port to port?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = connected_socket (test);
  struct name other = test->peer;
  set_port (&other, 7);
  if (connect (fd, &other.any, other.length) != 0)
    broken (test, "connect to port 7", errno);
  observe_getpeername (test, "at port 7", fd, name (&other));
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  observe_getpeername (test, "back", fd, name (&test->peer));
}

CASE (getpeername, wildcard,
      .question = "Who is the peer of a connection to the wildcard address?",
      .basis = "No standard; BSD takes the wildcard address for this host",
      .families = IPV4 | IPV6, .protocols = DATAGRAM)
{
  int fd = new_socket (test);
  struct name anybody = test->peer;
  if (anybody.any.sa_family == AF_INET)
    anybody.in.sin_addr.s_addr = htonl (INADDR_ANY);
  else
    anybody.in6.sin6_addr = in6addr_any;
  if (connect (fd, &anybody.any, anybody.length) != 0)
    broken (test, "connect", errno);
  observe_getpeername (test, "", fd, name (&test->peer));
}

CASE (getpeername, accepted,
      .question = "Does the other side of the connection see its own peer?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = CONNECTION,
      .needs = STEERING)
{
  int listening = listener (test);
  struct name client = local_name (connected_socket (test));
  observe_getpeername (test, "", accepted (listening), name (&client));
}

CASE (getpeername, duplicated,
      .question = "Does it name the peer through a duplicate descriptor?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = ANY_PROTOCOL,
      .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  int duplicate = dup (fd);
  close (fd);
  observe_getpeername (test, "", duplicate, name (&test->peer));
}

static void
observe_inherited (struct test *test, int fd)
{
  observe_getpeername (test, "", fd, name (&test->peer));
}

CASE (getpeername, inherited,
      .question = "Does it name the peer in a child process?", .basis = BASIS,
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  in_child (test, observe_inherited, connected_socket (test));
}

/* Send FD through a UNIX socket and return the descriptor that arrives.  */
static int
passed (struct test *test, int fd)
{
  union
  {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { .header = { .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS,
                            .cmsg_len = CMSG_LEN (sizeof (int)) } };
  memcpy (CMSG_DATA (&control.header), &fd, sizeof fd);
  char byte = 0;
  struct iovec data = { &byte, 1 };
  struct msghdr message = { .msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
  int ends[2];
  if (socketpair (AF_UNIX, SOCK_STREAM, 0, ends) != 0
      || sendmsg (ends[0], &message, 0) != 1 || close (fd) != 0
      || recvmsg (ends[1], &message, MSG_CMSG_CLOEXEC) != 1)
    broken (test, "passing the descriptor", errno);
  memcpy (&fd, CMSG_DATA (&control.header), sizeof fd);
  return fd;
}

CASE (getpeername, passed,
      .question = "Does it name the peer of a socket got by SCM_RIGHTS?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = ANY_PROTOCOL,
      .needs = STEERING)
{
  listener (test);
  int fd = passed (test, connected_socket (test));
  observe_getpeername (test, "", fd, name (&test->peer));
}

CASE (getpeername, link_local,
      .question = "Does it name the scope of a link-local peer?",
      .basis = BASIS "; RFC 4007 section 6: zone indices", .families = IPV6,
      .protocols = DATAGRAM, .needs = INTERFACE)
{
  test->peer = link_local_peer (test);
  /* Linux reports the interface the socket is bound to, and connect() to a
     link-local address binds it.  */
  observe_getpeername (test, "", connected_socket (test), name (&test->peer));
}

CASE (getpeername, link_local_stream,
      .question = "Does it name the scope of a link-local peer of a stream?",
      .basis = BASIS "; RFC 4007 section 6: zone indices", .families = IPV6,
      .protocols = TCP, .needs = REPAIR | INTERFACE)
{
  test->peer = link_local_peer (test);
  observe_getpeername (test, "", repaired_socket (test), name (&test->peer));
}

CASE (getpeername, no_descriptor_left,
      .question = "Does the call leave the process's descriptors alone?",
      .basis = "POSIX.1-2017 section 2.14: the lowest one not open is given "
               "out; getpeername() opens none",
      .families = ANY_FAMILY, .protocols = ANY_PROTOCOL, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  int before = dup (fd);
  close (before);
  struct name peer = { .length = sizeof peer.storage };
  test->entry->getpeername (fd, &peer.any, &peer.length);
  observe_value (test, "", "lowest free descriptor", dup (fd), result (before));
}

CASE (getpeername, other_families,
      .question = "Does it treat sockets without ports as ever?",
      .basis = BASIS, .families = NO_FAMILY, .protocols = NO_PROTOCOL)
{
  int ends[2];
  if (socketpair (AF_UNIX, SOCK_STREAM, 0, ends) != 0)
    broken (test, "socketpair", errno);
  struct name nameless
      = { .length = sizeof (sa_family_t), .any.sa_family = AF_UNIX };
  observe_getpeername (test, "connected UNIX", ends[0], name (&nameless));
  observe_getpeername (test, "unconnected UNIX stream",
                       socket (AF_UNIX, SOCK_STREAM, 0), error (ENOTCONN));
  observe_getpeername (test, "unconnected UNIX datagram",
                       socket (AF_UNIX, SOCK_DGRAM, 0), error (ENOTCONN));
  if (pipe (ends) != 0)
    broken (test, "pipe", errno);
  observe_getpeername (test, "pipe", ends[0], error (ENOTSOCK));
  observe_getpeername (test, "no descriptor", -1, error (EBADF));
}
