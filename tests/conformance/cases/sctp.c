/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Protocols with ways of their own to come by a peer: SCTP and L2TP.  */

#define _GNU_SOURCE
#include "case.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  PRIMARY_ADDRESS = 6,      /* SCTP_PRIMARY_ADDR  */
  GET_ASSOCIATIONS = 29,    /* SCTP_GET_ASSOC_ID_LIST  */
  GET_PEER_ADDRESSES = 108, /* SCTP_GET_PEER_ADDRS  */
  L2TP = 115                /* IPPROTO_L2TP  */
};

CASE (getpeername, implicit_association,
      .question = "Has a socket a peer that sent without connect() before?",
      .basis = "RFC 6458 section 4.2: one-to-one style sendto() does not set "
               "up; Linux associates, and names nobody at any port",
      .families = IPV4 | IPV6, .protocols = SCTP, .needs = STEERING)
{
  int listening = listener (test);
  int fd = new_socket (test);
  close_by_reset (fd);
  observe_call (test, "sendto", "sendto",
                test->entry->sendto (fd, payload, PAYLOAD_SIZE, 0,
                                     &test->peer.any, test->peer.length),
                unspecified ());
  struct pollfd readable = { .fd = listening, .events = POLLIN };
  poll (&readable, 1, PATIENCE);
  observe_call (test, "no peer", "getpeername",
                test->entry->getpeername (
                    fd, &(struct name){ 0 }.any,
                    &(socklen_t){ sizeof (struct sockaddr_storage) }),
                error (ENOTCONN));
}

CASE (getpeername, one_to_many,
      .question = "Has a socket with many associations no one peer?",
      .basis = "RFC 6458 section 3.1: getpeername() does not apply; Linux "
               "[ENOTCONN]",
      .families = IPV4 | IPV6, .protocols = SCTP_MANY, .needs = STEERING)
{
  listener (test);
  observe_getpeername (test, "", connected_socket (test), error (ENOTCONN));
}

CASE (getpeername, one_to_many_listening,
      .question = "And one that listens besides?",
      .basis = "RFC 6458 section 3.1: getpeername() does not apply",
      .families = IPV4 | IPV6, .protocols = SCTP_MANY, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  if (listen (fd, 1) != 0)
    broken (test, "listen", errno);
  struct name peer = { .length = sizeof peer.storage };
  observe_call (test, "", "getpeername",
                test->entry->getpeername (fd, &peer.any, &peer.length),
                unspecified ());
}

CASE (getsockopt, peername_one_to_many,
      .question = "Whom does SO_PEERNAME name, of many associations?",
      .basis = "RFC 6458 section 3.1: getpeername() does not apply; Linux "
               "names who was given to connect(), at other ports",
      .families = IPV4 | IPV6, .protocols = SCTP_MANY, .needs = STEERING)
{
  listener (test);
  observe_so_peername (test, "unconnected", new_socket (test),
                       error (ENOTCONN));
  observe_so_peername (test, "", connected_socket (test), unspecified ());
}

/* The first address of the peer that SCTP_GET_PEER_ADDRS tells of ASSOCIATION;
   of length 0 if there is none.  */
static struct name
peer_of_association (struct test *test, int fd, int association)
{
  struct
  {
    int association;
    uint32_t count;
    unsigned char addresses[500];
  } data = { .association = association };
  socklen_t size = sizeof data;
  struct name peer = { .length = test->peer.length };
  if (test->entry->getsockopt (fd, IPPROTO_SCTP, GET_PEER_ADDRESSES, &data,
                               &size)
          != 0
      || data.count == 0)
    peer.length = 0;
  memcpy (&peer.storage, data.addresses, peer.length);
  return peer;
}

CASE (getsockopt, peer_addresses,
      .question = "Does SCTP_GET_PEER_ADDRS name the peer at port 0?",
      .basis = "RFC 6458 section 9.3: all addresses, with the peer's port",
      .families = IPV4 | IPV6, .protocols = SCTP, .needs = STEERING)
{
  listener (test);
  struct name peer = peer_of_association (test, connected_socket (test), 0);
  observe_name (test, "", "getsockopt", &peer, name (&test->peer));
}

CASE (getsockopt, peer_addresses_one_to_many,
      .question = "Does it, and the primary address, of one of many?",
      .basis = "RFC 6458 section 8.1.9, SCTP_PRIMARY_ADDR; section 8.2.6, "
               "SCTP_GET_ASSOC_ID_LIST; section 9.3",
      .families = IPV4 | IPV6, .protocols = SCTP_MANY, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  struct
  {
    uint32_t count;
    int first;
  } list = { 0 };
  socklen_t size = sizeof list;
  observe_call (test, "associations", "getsockopt",
                test->entry->getsockopt (fd, IPPROTO_SCTP, GET_ASSOCIATIONS,
                                         &list, &size),
                result (0));
  observe_value (test, "how many", "SCTP_GET_ASSOC_ID_LIST", list.count,
                 result (1));
  struct name peer = peer_of_association (test, fd, list.first);
  observe_name (test, "addresses", "getsockopt", &peer, name (&test->peer));
  /* struct sctp_prim, which has no padding.  */
  struct
  {
    int association;
    struct sockaddr_storage address;
  } __attribute__ ((packed, aligned (4))) primary
      = { .association = list.first };
  size = sizeof primary;
  peer.length = test->peer.length;
  if (test->entry->getsockopt (fd, IPPROTO_SCTP, PRIMARY_ADDRESS, &primary,
                               &size)
      != 0)
    peer.length = 0;
  memcpy (&peer.storage, &primary.address, peer.length);
  observe_name (test, "primary", "getsockopt", &peer, name (&test->peer));
}

CASE (connect, undone_association,
      .question = "Can an SCTP socket's peer be undone by AF_UNSPEC?",
      .basis = "RFC 6458 does not say; Linux [EOPNOTSUPP] at any port",
      .families = IPV4 | IPV6, .protocols = SCTP, .needs = STEERING)
{
  struct name nobody
      = { .length = sizeof nobody.any, .any.sa_family = AF_UNSPEC };
  listener (test);
  observe_connect (test, "", connected_socket (test), &nobody, unspecified ());
}

CASE (getpeername, stale_association,
      .question = "Who is the peer after another one refused?",
      .basis = "POSIX.1-2017 getpeername(): the peer it has; Linux names the "
               "one that refused, at any port",
      .families = IPV4 | IPV6, .protocols = SCTP, .needs = STEERING)
{
  struct name nobody_there = at_port (&test->peer, 4);
  listener (test);
  int fd = new_socket (test);
  close_by_reset (fd);
  if (connect (fd, &nobody_there.any, nobody_there.length) == 0)
    broken (test, "something listens at port 4", 0);
  if (sendto (fd, payload, PAYLOAD_SIZE, 0, &test->peer.any, test->peer.length)
      < 0)
    broken (test, "sendto", errno);
  struct name peer = { .length = sizeof peer.storage };
  int got = test->entry->getpeername (fd, &peer.any, &peer.length);
  observe_value (
      test, "", "names the one that refused",
      got == 0
          && memcmp (&peer.storage, &nobody_there.storage, peer.length) == 0,
      unspecified ());
}

CASE (getpeername, without_ports_in_name,
      .question = "Is a peer named whose name has 0 where others have a port?",
      .basis = "No standard; Linux l2tp_ip_getname() tests a reserved field",
      .families = IPV4, .protocols = UDP)
{
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, L2TP);
  if (fd < 0)
    skip (test, "L2TP over IP in this kernel: it lacks CONFIG_L2TP_IP");
  /* struct sockaddr_l2tpip: the port's place is reserved, then the address,
     then the number of the connection.  */
  struct name peer = test->peer;
  peer.in.sin_zero[0] = 1;
  struct name own = peer;
  own.in.sin_zero[0] = 2;
  /* l2tp_ip_connect() wants a socket that is bound.  */
  if (bind (fd, &own.any, own.length) != 0)
    broken (test, "bind", errno);
  if (connect (fd, &peer.any, peer.length) != 0)
    broken (test, "connect", errno);
  observe_call (test, "", "getpeername",
                test->entry->getpeername (
                    fd, &(struct name){ 0 }.any,
                    &(socklen_t){ sizeof (struct sockaddr_storage) }),
                result (0));
}
