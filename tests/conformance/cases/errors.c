/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Errors that the network reports of a peer at port 0, and arguments of
   connect().  */

#define _GNU_SOURCE
#include "network.h"

#include <linux/errqueue.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define UNREACHABLE                                                            \
  "RFC 1122 section 4.1.3.3: ICMP errors are passed to the application; "      \
  "POSIX.1-2017 "

/* IPv4-mapped sockets connected to port 0 cannot send everywhere: another
   case's question.  */
#define NATIVE (IPV4 | IPV6)

/* A datagram socket with the error that nobody is at its peer.  */
static int
refused_socket (struct test *test)
{
  own_network (test, "");
  int fd = connected_socket (test);
  struct pollfd at = { .fd = fd, .events = POLLIN };
  if (send (fd, payload, PAYLOAD_SIZE, 0) != PAYLOAD_SIZE
      || poll (&at, 1, PATIENCE) != 1)
    broken (test, "waiting for the ICMP error", errno);
  return fd;
}

CASE (poll, refused,
      .question = "Does poll() show that nobody is at the peer's port 0?",
      .basis = UNREACHABLE "poll(): POLLERR", .families = NATIVE,
      .protocols = DATAGRAM)
{
  observe_poll (test, "", refused_socket (test), POLLIN, 0, result (POLLERR));
}

CASE (getsockopt, error_refused,
      .question = "Does SO_ERROR tell that nobody is at port 0, once?",
      .basis = UNREACHABLE "getsockopt(): SO_ERROR is cleared",
      .families = NATIVE, .protocols = DATAGRAM)
{
  int fd = refused_socket (test);
  for (int i = 0; i < 2; i++)
    {
      int error_number = -1;
      socklen_t size = sizeof error_number;
      test->entry->getsockopt (fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
      observe_value (test, i == 0 ? "first" : "second", "SO_ERROR",
                     error_number, result (i == 0 ? ECONNREFUSED : 0));
    }
}

CASE (recvfrom, refused, .question = "Does recv() fail for that reason?",
      .basis = UNREACHABLE "recv()", .families = NATIVE, .protocols = DATAGRAM)
{
  char byte;
  observe_call (test, "", "recvfrom",
                test->entry->recvfrom (refused_socket (test), &byte, 1,
                                       MSG_DONTWAIT, NULL, NULL),
                error (ECONNREFUSED));
}

CASE (send, refused, .question = "Does the next send() fail for that reason?",
      .basis = UNREACHABLE "send()", .families = NATIVE, .protocols = DATAGRAM)
{
  int fd = refused_socket (test);
  observe_sendto (test, "next", fd, NULL, error (ECONNREFUSED));
  observe_sendto (test, "after that", fd, NULL, result (PAYLOAD_SIZE));
}

CASE (getpeername, refused_datagram,
      .question = "Has a datagram socket still its peer after such an error?",
      .basis = "POSIX.1-2017 connect(): the peer stays until it is changed",
      .families = NATIVE, .protocols = DATAGRAM)
{
  observe_getpeername (test, "", refused_socket (test), name (&test->peer));
}

static void
queue_errors (struct test *test, int fd)
{
  int level = test->family->domain == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  int option = level == IPPROTO_IPV6 ? IPV6_RECVERR : IP_RECVERR;
  if (setsockopt (fd, level, option, &(int){ 1 }, sizeof (int)) != 0)
    broken (test, "IP_RECVERR", errno);
}

/* Record the next entry of the error queue: whose address it names, and which
   error it is.  */
static void
observe_error_queue (struct test *test, int fd, int error_number)
{
  union
  {
    struct cmsghdr header;
    char bytes[512];
  } control;
  struct name peer = { .length = 0 };
  char data[PAYLOAD_SIZE];
  struct iovec place = { data, sizeof data };
  struct msghdr message = { .msg_iov = &place,
                            .msg_iovlen = 1,
                            .msg_name = &peer.storage,
                            .msg_namelen = sizeof peer.storage,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
  struct pollfd at = { .fd = fd };
  poll (&at, 1, PATIENCE);
  if (test->entry->recvmsg (fd, &message, MSG_ERRQUEUE) < 0)
    broken (test, "MSG_ERRQUEUE", errno);
  peer.length = message.msg_namelen;
  observe_name (test, "address", "recvmsg", &peer, name (&test->peer));
  long shown = 0;
  for (struct cmsghdr *part = CMSG_FIRSTHDR (&message); part != NULL;
       part = CMSG_NXTHDR (&message, part))
    if (part->cmsg_type == IP_RECVERR || part->cmsg_type == IPV6_RECVERR)
      shown = ((const struct sock_extended_err *) CMSG_DATA (part))->ee_errno;
  observe_value (test, "error", "recvmsg", shown, result (error_number));
}

CASE (recvmsg, error_queue,
      .question = "Does the error queue name the peer at port 0?",
      .basis = "Not in POSIX; Linux ip(7), IP_RECVERR", .families = NATIVE,
      .protocols = DATAGRAM)
{
  own_network (test, "");
  int fd = connected_socket (test);
  queue_errors (test, fd);
  if (send (fd, payload, PAYLOAD_SIZE, 0) != PAYLOAD_SIZE)
    broken (test, "send", errno);
  observe_error_queue (test, fd, ECONNREFUSED);
}

CASE (recvmsg, error_queue_too_long,
      .question = "Does it, for a datagram that was too long to leave?",
      .basis = "Not in POSIX; Linux ip(7), IP_RECVERR", .families = NATIVE,
      .protocols = DATAGRAM)
{
  int fd = connected_socket (test);
  queue_errors (test, fd);
  static char large[65535];
  observe_call (test, "send", "send",
                test->entry->sendto (fd, large, sizeof large, 0, NULL, 0),
                error (EMSGSIZE));
  observe_error_queue (test, fd, EMSGSIZE);
}

CASE (connect, nonblocking,
      .question = "Does a connection to port 0 become ready, without an error?",
      .basis = "POSIX.1-2017 connect(), ERRORS: [EINPROGRESS]; then writable",
      .families = ANY_FAMILY, .protocols = STREAM | SCTP, .needs = STEERING)
{
  listener (test);
  int fd = nonblocking_socket (test);
  close_by_reset (fd);
  /* On loopback, it may be done at once.  */
  if (test->entry->connect (fd, &test->peer.any, test->peer.length) != 0
      && errno != EINPROGRESS)
    broken (test, "connect", errno);
  observe_poll (test, "poll", fd, POLLOUT, PATIENCE, result (POLLOUT));
  int error_number = -1;
  socklen_t size = sizeof error_number;
  test->entry->getsockopt (fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
  observe_value (test, "SO_ERROR", "getsockopt", error_number, result (0));
}

CASE (connect, nonblocking_refused,
      .question = "Is a refusal by port 0 told later, without blocking?",
      .basis = "POSIX.1-2017 connect(), ERRORS: [EINPROGRESS]; getsockopt(): "
               "SO_ERROR",
      .families = ANY_FAMILY, .protocols = STREAM)
{
  int fd = nonblocking_socket (test);
  test->entry->connect (fd, &test->peer.any, test->peer.length);
  struct pollfd at = { .fd = fd, .events = POLLOUT };
  poll (&at, 1, PATIENCE);
  int error_number = -1;
  socklen_t size = sizeof error_number;
  test->entry->getsockopt (fd, SOL_SOCKET, SO_ERROR, &error_number, &size);
  observe_value (test, "SO_ERROR", "getsockopt", error_number,
                 result (ECONNREFUSED));
  observe_getpeername (test, "no peer", fd, error (ENOTCONN));
}

CASE (connect, after_refusal,
      .question = "Can a socket connect elsewhere after port 0 refused it?",
      .basis = "POSIX.1-2017 connect(): unspecified; Linux lets it",
      .families = ANY_FAMILY, .protocols = TCP)
{
  int fd = new_socket (test);
  close_by_reset (fd);
  if (connect (fd, &test->peer.any, test->peer.length) == 0)
    broken (test, "something listens at the peer's address", 0);
  int elsewhere = bound_socket (test);
  if (listen (elsewhere, 1) != 0)
    broken (test, "listen", errno);
  struct name other = local_name (elsewhere);
  observe_connect (test, "", fd, &other, result (0));
}

CASE (connect, arguments,
      .question = "Are bad names of port 0 refused as bad names are?",
      .basis = "POSIX.1-2017 connect(), ERRORS: [EINVAL], [EAFNOSUPPORT]",
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM)
{
  int fd = new_socket (test);
  struct name shorter = test->peer, foreign = test->peer;
  shorter.length = 7;
  observe_connect (test, "short name", fd, &shorter, error (EINVAL));
  foreign.any.sa_family = AF_UNIX;
  observe_connect (test, "another family", fd, &foreign, error (EAFNOSUPPORT));
  observe_connect (test, "no descriptor", -1, &test->peer, error (EBADF));
}

CASE (connect, broadcast,
      .question = "Does connect() to a broadcast address ask for permission?",
      .basis = "POSIX.1-2017 connect(), ERRORS: [EACCES]; Linux: SO_BROADCAST",
      .families = IPV4, .protocols = DATAGRAM)
{
  int fd = new_socket (test);
  struct name all = test->peer;
  all.in.sin_addr.s_addr = htonl (INADDR_LOOPBACK | 0xffffff);
  observe_connect (test, "without", fd, &all, error (EACCES));
  if (setsockopt (fd, SOL_SOCKET, SO_BROADCAST, &(int){ 1 }, sizeof (int)) != 0)
    broken (test, "SO_BROADCAST", errno);
  observe_connect (test, "with", fd, &all, result (0));
}

CASE (connect, reset_on_wire,
      .question = "Is a SYN for port 0 answered by a reset from port 0?",
      .basis = "RFC 9293 section 3.10.7.1: a closed port answers with a reset",
      .families = ANY_FAMILY, .protocols = TCP)
{
  own_network (test, "");
  int tap = wiretap (test);
  int fd = new_socket (test);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int));
  if (bind (fd, &test->source.any, test->source.length) != 0)
    broken (test, "bind", errno);
  observe_connect (test, "connect", fd, &test->peer, error (ECONNREFUSED));
  struct name from, to;
  packet_seen (test, tap, &test->source, 4 /* RST */, &from, &to);
  observe_name (test, "reset comes from", "packet", &from, name (&test->peer));
}

CASE (send, on_wire,
      .question = "Is the packet for a peer at port 0 one for port 0?",
      .basis = "RFC 768, RFC 9293: the destination port is the peer's",
      .families = NATIVE, .protocols = STREAM | DATAGRAM)
{
  own_network (test, "");
  int tap = wiretap (test);
  int fd = new_socket (test);
  if (connect (fd, &test->peer.any, test->peer.length) == 0)
    send (fd, payload, PAYLOAD_SIZE, MSG_NOSIGNAL);
  struct name from, to;
  packet_seen (test, tap, &test->peer, 0, &from, &to);
  observe_name (test, "", "packet", &to, name (&test->peer));
}
