/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ways by which packets for port 0 reach a server, and what both ends see: a
   row for each; and sockets whose own port is 0.  */

#define _GNU_SOURCE
#include "network.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#define BASIS                                                                  \
  "POSIX.1-2017 getsockname(): the locally-bound name; getpeername(), "        \
  "accept(): the peer's name; no port is exempt"
#define REAL_PORTS (TCP | UDP)

#ifndef IPV6_ORIGDSTADDR
#define IPV6_ORIGDSTADDR 74
#endif
#ifndef IP_ORIGDSTADDR
#define IP_ORIGDSTADDR 20
#endif

/* Have CLIENT, whose name the server should see as CLIENT_NAME, talk with a
   server at test->peer, which should see its own name as OWN.  Whether accept()
   names the client is another case's question.  */
static void
observe_both_ends (struct test *test, int at_peer, int client,
                   const struct name *client_name, const struct name *own)
{
  observe_getpeername (test, "client's peer", client, name (&test->peer));
  int server = at_peer;
  if (is_connection (test))
    {
      server = accepted (at_peer);
      observe_getsockname (test, "server's own name", server, name (own));
      observe_getpeername (test, "server's peer", server, name (client_name));
    }
  bool sent
      = observe_sendto (test, "request", client, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, "request arrives", server, sent,
                   result (PAYLOAD_SIZE));
  if (is_connection (test))
    {
      sent = observe_sendto (test, "answer", server, NULL,
                             result (PAYLOAD_SIZE));
      observe_arrival (test, "answer arrives", client, sent,
                       result (PAYLOAD_SIZE));
    }
}

static void
observe_route (struct test *test, enum route route)
{
  int at_peer = socket_at_peer (test, route, false);
  int client = connected_socket (test);
  struct name client_name = local_name (client);
  observe_both_ends (test, at_peer, client, &client_name, &test->peer);
}

CASE (steering, redirect,
      .question = "What do both ends see if nftables redirects port 0?",
      .basis = BASIS, .families = ANY_FAMILY,
      .protocols = CONNECTION | DATAGRAM, .needs = STEERING)
{
  int at_peer = listener (test);
  int client = connected_socket (test);
  struct name client_name = local_name (client);
  observe_both_ends (test, at_peer, client, &client_name, &test->listener);
}

CASE (steering, sk_lookup,
      .question = "What do both ends see if a BPF sk_lookup program steers?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = REAL_PORTS)
{
  observe_route (test, SK_LOOKUP);
}

CASE (steering, tproxy,
      .question = "What do both ends see if nftables' tproxy steers?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = REAL_PORTS)
{
  observe_route (test, TPROXY);
}

/* A client from test->client of a server at test->peer.  */
static int
client_of_peer (struct test *test)
{
  struct test both = *test;
  both.listener = test->peer;
  return client_from_source (&both);
}

CASE (steering, zero_to_zero,
      .question = "What do both ends see if both are at port 0?",
      .basis = BASIS, .families = ANY_FAMILY, .protocols = REAL_PORTS)
{
  int at_peer = socket_at_peer (test, SK_LOOKUP, true);
  int client = client_of_peer (test);
  observe_both_ends (test, at_peer, client, &test->client, &test->peer);
}

/* A server whose own port is the one in question.  */
static int
server_at_peer (struct test *test)
{
  int at_peer = socket_at_peer (test, SK_LOOKUP, false);
  connected_socket (test);
  return accepted (at_peer);
}

CASE (bind, own_port_zero,
      .question = "Is a socket with the own port 0 known as bound, connected?",
      .basis = "POSIX.1-2017 bind(), ERRORS: [EINVAL]; connect(): [EISCONN]",
      .families = ANY_FAMILY, .protocols = TCP)
{
  int server = server_at_peer (test);
  struct name any = at_port (&test->peer, 0);
  observe_call (test, "bind", "bind",
                test->entry->bind (server, &any.any, any.length),
                error (EINVAL));
  observe_connect (test, "connect", server, &test->listener, error (EISCONN));
}

CASE (connect, own_port_zero_undone,
      .question = "What is left of the own port 0 after AF_UNSPEC?",
      .basis = "No standard: POSIX undoes connect() for datagrams only",
      .families = ANY_FAMILY, .protocols = TCP)
{
  int server = server_at_peer (test);
  disconnect (test, server);
  observe_getpeername (test, "no peer", server, error (ENOTCONN));
  observe_call (test, "listen", "listen", test->entry->listen (server, 1),
                unspecified ());
}

/* The data of the control message LEVEL, TYPE of what arrives at FD; NULL if
   there is none.  */
static const void *
control_data (struct test *test, int fd, int level, int type)
{
  static union
  {
    struct cmsghdr header;
    char bytes[512];
  } control;
  char data[PAYLOAD_SIZE];
  struct iovec place = { data, sizeof data };
  struct msghdr message = { .msg_iov = &place,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof control };
  if (test->entry->recvmsg (fd, &message, 0) < 0)
    broken (test, "recvmsg", errno);
  for (struct cmsghdr *part = CMSG_FIRSTHDR (&message); part != NULL;
       part = CMSG_NXTHDR (&message, part))
    if (part->cmsg_level == level && part->cmsg_type == type)
      return CMSG_DATA (part);
  return NULL;
}

CASE (recvmsg, original_destination,
      .question = "Does IP_RECVORIGDSTADDR tell the own port 0?",
      .basis = "Not in POSIX; Linux ip(7)", .families = IPV4 | IPV6,
      .protocols = UDP)
{
  int at_peer = socket_at_peer (test, SK_LOOKUP, false);
  bool wide = test->family->domain == AF_INET6;
  int level = wide ? IPPROTO_IPV6 : IPPROTO_IP;
  int option = wide ? IPV6_ORIGDSTADDR : IP_ORIGDSTADDR;
  if (setsockopt (at_peer, level, option, &(int){ 1 }, sizeof (int)) != 0)
    broken (test, "IP_RECVORIGDSTADDR", errno);
  if (send (connected_socket (test), payload, PAYLOAD_SIZE, 0) < 0)
    broken (test, "send", errno);
  const void *data = control_data (test, at_peer, level, option);
  struct name own = { .length = data != NULL ? test->peer.length : 0 };
  if (data != NULL)
    memcpy (&own.storage, data, own.length);
  observe_name (test, "", "recvmsg", &own, name (&test->peer));
}

CASE (recvmsg, packet_information,
      .question = "Does IP_PKTINFO tell the own address beside the port 0?",
      .basis = "RFC 3542 section 6.3; Linux ip(7)", .families = IPV4 | IPV6,
      .protocols = UDP)
{
  int at_peer = socket_at_peer (test, SK_LOOKUP, false);
  bool wide = test->family->domain == AF_INET6;
  int level = wide ? IPPROTO_IPV6 : IPPROTO_IP;
  int option = wide ? IPV6_RECVPKTINFO : IP_PKTINFO;
  if (setsockopt (at_peer, level, option, &(int){ 1 }, sizeof (int)) != 0)
    broken (test, "IP_PKTINFO", errno);
  if (send (connected_socket (test), payload, PAYLOAD_SIZE, 0) < 0)
    broken (test, "send", errno);
  const void *data
      = control_data (test, at_peer, level, wide ? IPV6_PKTINFO : IP_PKTINFO);
  bool same
      = data != NULL
        && (wide ? memcmp (&((const struct in6_pktinfo *) data)->ipi6_addr,
                           &test->peer.in6.sin6_addr, 16)
                       == 0
                 : memcmp (&((const struct in_pktinfo *) data)->ipi_addr,
                           &test->peer.in.sin_addr, 4)
                       == 0);
  observe_value (test, "", "own address", same, result (1));
}

static const char tproxy_to_port_in_question[]
    = "table inet $table {\n"
      "chain prerouting {\n"
      "type filter hook prerouting priority -150; policy accept;\n"
      "meta nfproto ipv4 tcp dport $source tproxy ip to :$zero\n"
      "meta nfproto ipv6 tcp dport $source tproxy ip6 to :$zero\n"
      "}\n"
      "}\n";

CASE (steering, tproxy_to_zero,
      .question
      = "Who gets a connection that tproxy is told to give to port 0?",
      .basis
      = "No standard; Linux nft_tproxy_eval(): 0 keeps the packet's port",
      .families = IPV4 | IPV6, .protocols = TCP)
{
  own_network (test, tproxy_to_port_in_question);
  struct test dialled = *test;
  dialled.listener = test->source;
  int at_dialled = listener (&dialled);
  int at_listener = listener (test);
  bool wide = test->family->domain == AF_INET6;
  int level = wide ? IPPROTO_IPV6 : IPPROTO_IP;
  int option = wide ? 75 /* IPV6_TRANSPARENT */ : 19 /* IP_TRANSPARENT */;
  if (setsockopt (at_dialled, level, option, &(int){ 1 }, sizeof (int)) != 0
      || setsockopt (at_listener, level, option, &(int){ 1 }, sizeof (int))
             != 0)
    broken (test, "IP_TRANSPARENT", errno);
  dialled.peer = test->source;
  connected_socket (&dialled);
  /* It arrives at one of the two.  */
  struct pollfd ends[] = { { .fd = at_dialled, .events = POLLIN },
                           { .fd = at_listener, .events = POLLIN } };
  if (poll (ends, 2, PATIENCE) != 1)
    broken (test, "waiting for the connection", errno);
  observe_value (test, "the dialled port", "poll", ends[0].revents,
                 unspecified ());
}

static const char to_port_in_question[]
    = "table inet $table {\n"
      "chain output {\n"
      "type nat hook output priority -100; policy accept;\n"
      "meta l4proto {tcp, udp} th dport $source redirect to :$zero\n"
      "}\n"
      "}\n";

CASE (steering, rewritten_to_zero,
      .question = "Can nftables send a connection for another port to port 0?",
      .basis = "No standard; nft(8): redirect to :0 is no special case",
      .families = ANY_FAMILY, .protocols = REAL_PORTS)
{
  own_network (test, to_port_in_question);
  int at_peer = socket_at_peer (test, SK_LOOKUP, false);
  struct test other = *test;
  other.peer = test->source;
  int client = connected_socket (&other);
  struct name client_name = local_name (client);
  observe_getpeername (test, "dialled peer", client, name (&test->source));
  if (is_connection (test))
    observe_getsockname (test, "server's own name", accepted (at_peer),
                         name (&test->peer));
  else
    {
      observe_sendto (test, "dialled", client, NULL, result (PAYLOAD_SIZE));
      observe_sender (test, "recvfrom", at_peer, name (&client_name));
    }
}
