/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Receiving: who may send to a socket whose peer is at port 0, and what is
   said of a sender that is there.  */

#define _GNU_SOURCE
#include "network.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMITS                                                                 \
  "POSIX.1-2017 connect(), DESCRIPTION: a datagram socket's peer limits the "  \
  "remote sender for recv()"
#define SOURCE                                                                 \
  "POSIX.1-2017 recvfrom(), DESCRIPTION: the source address is stored; RFC "   \
  "768: source port 0 is one not used"

/* Stay on one processor, on which packets are delivered in the order in which
   they were sent.  */
static void
stay (void)
{
  cpu_set_t here;
  CPU_ZERO (&here);
  CPU_SET (sched_getcpu (), &here);
  sched_setaffinity (0, sizeof here, &here);
}

/* Wait until all that was sent by this process has been delivered.  */
static void
await_delivery (struct test *test)
{
  int fd = bound_socket (test);
  struct name own = local_name (fd);
  struct pollfd readable = { .fd = fd, .events = POLLIN };
  if (sendto (fd, "", 1, 0, &own.any, own.length) != 1
      || poll (&readable, 1, PATIENCE) != 1)
    broken (test, "waiting for the delivery", errno);
  close (fd);
}

/* Have a new socket, bound to FROM (with port 0: any), send to FD.  */
static void
send_from (struct test *test, const struct name *from, int fd)
{
  struct name to = local_name (fd);
  int other = new_socket (test);
  if (bind (other, &from->any, from->length) != 0
      || sendto (other, payload, PAYLOAD_SIZE, 0, &to.any, to.length)
             != PAYLOAD_SIZE)
    broken (test, "sending from elsewhere", errno);
}

CASE (recvfrom, other_port_of_peer,
      .question = "Is a sender at another port of the peer's host kept out?",
      .basis = LIMITS, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  stay ();
  int fd = connected_socket (test);
  struct name other = at_port (&test->peer, 0);
  send_from (test, &other, fd);
  await_delivery (test);
  observe_arrival (test, "", fd, false, result (0));
}

CASE (recvfrom, other_host, .question = "Is a sender on another host kept out?",
      .basis = LIMITS, .families = IPV4 | IPV4_MAPPED, .protocols = DATAGRAM)
{
  stay ();
  int fd = bound_socket (test);
  struct name own = local_name (fd), other = at_port (&test->peer, 0);
  if (test->family->bit == IPV4)
    other.in.sin_addr.s_addr = htonl (INADDR_LOOPBACK + 1);
  else
    other.in6.sin6_addr.s6_addr[15]++;
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  (void) own;
  send_from (test, &other, fd);
  await_delivery (test);
  observe_arrival (test, "", fd, false, result (0));
}

CASE (recvfrom, from_zero, .question = "Is a sender at port 0 named?",
      .basis = SOURCE, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = listener (test);
  struct name own = local_name (fd);
  send_datagram (test, &test->client, &own);
  observe_sender (test, "", fd, name (&test->client));
}

CASE (recvfrom, from_zero_connected,
      .question = "Does a datagram of the connected peer at port 0 arrive?",
      .basis = LIMITS, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = listener (test);
  if (connect (fd, &test->client.any, test->client.length) != 0)
    broken (test, "connect", errno);
  struct name own = local_name (fd);
  send_datagram (test, &test->client, &own);
  observe_sender (test, "", fd, name (&test->client));
}

CASE (recvfrom, from_zero_kept_out,
      .question = "Is a sender at port 0 kept out if another port is the peer?",
      .basis = LIMITS, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  stay ();
  int fd = listener (test);
  struct name other = at_port (&test->peer, 7);
  if (connect (fd, &other.any, other.length) != 0)
    broken (test, "connect", errno);
  struct name own = local_name (fd);
  send_datagram (test, &test->client, &own);
  await_delivery (test);
  observe_arrival (test, "", fd, false, result (0));
}

CASE (recvmsg, from_zero, .question = "Does recvmsg() name such a sender?",
      .basis = SOURCE, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = listener (test);
  struct name own = local_name (fd), sender = { 0 };
  send_datagram (test, &test->client, &own);
  char data[PAYLOAD_SIZE];
  struct iovec place = { data, sizeof data };
  struct msghdr message = { .msg_iov = &place,
                            .msg_iovlen = 1,
                            .msg_name = &sender.storage,
                            .msg_namelen = sizeof sender.storage };
  observe_call (test, "", "recvmsg", test->entry->recvmsg (fd, &message, 0),
                result (PAYLOAD_SIZE));
  sender.length = message.msg_namelen;
  observe_name (test, "sender", "recvmsg", &sender, name (&test->client));
}

CASE (recvmmsg, from_zero, .question = "Does recvmmsg() name such a sender?",
      .basis = "POSIX.1-2024 has no recvmmsg(); Linux: as recvmsg()",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = listener (test);
  struct name own = local_name (fd), sender = { 0 };
  send_datagram (test, &test->client, &own);
  char data[PAYLOAD_SIZE];
  struct iovec place = { data, sizeof data };
  struct mmsghdr message;
  memset (&message, 0, sizeof message);
  message.msg_hdr.msg_iov = &place;
  message.msg_hdr.msg_iovlen = 1;
  message.msg_hdr.msg_name = &sender.storage;
  message.msg_hdr.msg_namelen = sizeof sender.storage;
  observe_call (test, "", "recvmmsg",
                test->entry->recvmmsg (fd, &message, 1, 0, NULL), result (1));
  sender.length = message.msg_hdr.msg_namelen;
  observe_name (test, "sender", "recvmmsg", &sender, name (&test->client));
}

CASE (sendto, answer, .question = "Can a datagram from port 0 be answered?",
      .basis = "POSIX.1-2017 sendto(); RFC 768: source port 0 asks for no "
               "answer, and forbids none",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = listener (test);
  struct name own = local_name (fd);
  send_datagram (test, &test->client, &own);
  struct name sender = { .length = sizeof sender.storage };
  char data[PAYLOAD_SIZE];
  if (recvfrom (fd, data, sizeof data, 0, &sender.any, &sender.length) < 0)
    broken (test, "recvfrom", errno);
  observe_sendto (test, "sendto", fd, &sender, result (PAYLOAD_SIZE));
  observe_connect (test, "connect", fd, &sender, result (0));
  observe_getpeername (test, "peer", fd, name (&test->client));
}

CASE (recvfrom, answer_of_peer,
      .question = "Is the answer of a peer at port 0 named after port 0?",
      .basis = SOURCE, .families = IPV4 | IPV6, .protocols = UDP,
      .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  struct name client = local_name (fd);
  if (send (fd, payload, PAYLOAD_SIZE, 0) != PAYLOAD_SIZE)
    broken (test, "send", errno);
  char data[PAYLOAD_SIZE];
  if (recvfrom (at_peer, data, sizeof data, 0, &client.any, &client.length) < 0
      || sendto (at_peer, payload, PAYLOAD_SIZE, 0, &client.any, client.length)
             < 0)
    broken (test, "answering", errno);
  observe_sender (test, "", fd, name (&test->peer));
}

CASE (recvfrom, shared_port,
      .question = "Does a server keep its port beside a socket connected to 0?",
      .basis = LIMITS, .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  stay ();
  int sockets[2];
  for (int i = 0; i < 2; i++)
    {
      sockets[i] = new_socket (test);
      struct name own = at_port (&test->listener, i == 0 ? 0 : 1);
      if (i == 1)
        own = local_name (sockets[0]);
      setsockopt (sockets[i], SOL_SOCKET, SO_REUSEADDR, &(int){ 1 },
                  sizeof (int));
      if (bind (sockets[i], &own.any, own.length) != 0)
        broken (test, "bind to a shared port", errno);
    }
  if (connect (sockets[1], &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  struct name other = at_port (&test->peer, 0);
  send_from (test, &other, sockets[0]);
  await_delivery (test);
  observe_arrival (test, "at the server", sockets[0], false,
                   result (PAYLOAD_SIZE));
}

CASE (recvfrom, without_ports,
      .question = "Which port is that of a packet without ports?",
      .basis = "No standard; Linux raw(7), icmp(7): sin_port is 0",
      .families = IPV4 | IPV6, .protocols = RAW)
{
  int fd = new_socket (test);
  struct name nobody = at_port (&test->peer, 0);
  if (sendto (fd, payload, PAYLOAD_SIZE, 0, &nobody.any, nobody.length) < 0)
    broken (test, "sendto", errno);
  observe_sender (test, "", fd, name (&nobody));
}

CASE (recvfrom, multicast,
      .question
      = "Does a group's socket with a peer at port 0 keep others out?",
      .basis = LIMITS, .families = IPV4, .protocols = UDP)
{
  stay ();
  own_network (test, "");
  int fd = new_socket (test);
  struct ip_mreqn group = { .imr_ifindex = 1 };
  inet_pton (AF_INET, "239.1.2.3", &group.imr_multiaddr);
  if (setsockopt (fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0)
    {
      if (errno == ENOPROTOOPT)
        skip (test, "CONFIG_IP_MULTICAST in this kernel");
      broken (test, "IP_ADD_MEMBERSHIP", errno);
    }
  struct name here = at_port (&test->peer, 0);
  here.in.sin_addr = group.imr_multiaddr;
  if (bind (fd, &here.any, here.length) != 0
      || connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "bind and connect", errno);
  here = local_name (fd);
  here.in.sin_addr = group.imr_multiaddr;
  int other = bound_socket (test);
  setsockopt (other, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof group);
  if (sendto (other, payload, PAYLOAD_SIZE, 0, &here.any, here.length) < 0)
    broken (test, "sending to the group", errno);
  await_delivery (test);
  observe_arrival (test, "", fd, false, result (0));
}

CASE (poll, idle,
      .question = "Is an idle socket with a peer at port 0 writable only?",
      .basis = "POSIX.1-2017 poll()", .families = ANY_FAMILY,
      .protocols = STREAM | DATAGRAM, .needs = STEERING)
{
  listener (test);
  observe_poll (test, "", connected_socket (test), POLLIN | POLLOUT, 0,
                result (POLLOUT));
}

CASE (recvfrom, undone_peer,
      .question = "May anybody send after the peer was undone by AF_UNSPEC?",
      .basis = LIMITS "; AF_UNSPEC resets it.  Linux's IPv6 sockets keep the "
                      "address (udp_disconnect()), at any port",
      .families = IPV4 | IPV4_MAPPED, .protocols = DATAGRAM)
{
  stay ();
  int fd = listener (test);
  struct name own = local_name (fd), other = at_port (&test->peer, 0);
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  disconnect (test, fd);
  if (test->family->bit == IPV4)
    other.in.sin_addr.s_addr = htonl (INADDR_LOOPBACK + 1);
  else
    other.in6.sin6_addr.s6_addr[15]++;
  int sender = new_socket (test);
  if (bind (sender, &other.any, other.length) != 0
      || sendto (sender, payload, PAYLOAD_SIZE, 0, &own.any, own.length) < 0)
    broken (test, "sending from another host", errno);
  await_delivery (test);
  observe_arrival (test, "", fd, false,
                   test->family->bit == IPV4 ? result (PAYLOAD_SIZE)
                                             : unspecified ());
}
