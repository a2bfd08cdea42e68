/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Socket options that know of a peer.  */

#define _GNU_SOURCE
#include "network.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

enum
{
  ORIGINAL_DESTINATION = 80, /* SO_ORIGINAL_DST, IP6T_SO_ORIGINAL_DST  */
  MPTCP_LEVEL = 284,         /* SOL_MPTCP  */
  SUBFLOW_ADDRESSES = 3      /* MPTCP_SUBFLOW_ADDRS  */
};

CASE (getsockopt, original_destination,
      .question = "Does SO_ORIGINAL_DST tell a client that it dialled port 0?",
      .basis = "Not in POSIX; Linux getorigdst(): the address before NAT",
      .families = IPV4 | IPV6, .protocols = TCP | UDP | MPTCP,
      .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  int level = test->family->domain == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  if (test->protocol->bit == TCP)
    observe_option_name (test, "", fd, level, ORIGINAL_DESTINATION,
                         name (&test->peer));
  else
    observe_option_name (test, "", fd, level, ORIGINAL_DESTINATION,
                         unspecified ());
}

CASE (getsockopt, original_destination_of_client,
      .question = "Does it tell a server where its client at port 0 went?",
      .basis = "Not in POSIX; Linux getorigdst(): the address before NAT",
      .families = IPV4 | IPV6, .protocols = TCP, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  int level = test->family->domain == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  observe_option_name (test, "", accepted (listening), level,
                       ORIGINAL_DESTINATION, name (&test->listener));
}

#ifndef IPV6_ADDRFORM
#define IPV6_ADDRFORM 1
#endif

CASE (setsockopt, address_form,
      .question = "Can a socket with a mapped peer at port 0 become IPv4?",
      .basis = "RFC 2133 section 5.1; Linux ipv6(7), IPV6_ADDRFORM",
      .families = IPV4_MAPPED, .protocols = UDP | TCP, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  observe_call (test, "", "setsockopt",
                test->entry->setsockopt (fd, IPPROTO_IPV6, IPV6_ADDRFORM,
                                         &(int){ AF_INET }, sizeof (int)),
                result (0));
  struct name narrow = { .length = sizeof narrow.in };
  narrow.in.sin_family = AF_INET;
  narrow.in.sin_port = test->peer.in6.sin6_port;
  memcpy (&narrow.in.sin_addr, test->peer.in6.sin6_addr.s6_addr + 12, 4);
  observe_getpeername (test, "peer", fd, name (&narrow));
}

CASE (getsockopt, address_form,
      .question = "Does IPV6_ADDRFORM tell a connected socket from others?",
      .basis = "No standard; Linux do_ipv6_getsockopt(): [ENOTCONN] unless "
               "established",
      .families = IPV6 | IPV4_MAPPED, .protocols = DATAGRAM)
{
  int form;
  socklen_t size = sizeof form;
  observe_call (test, "connected", "getsockopt",
                test->entry->getsockopt (connected_socket (test), IPPROTO_IPV6,
                                         IPV6_ADDRFORM, &form, &size),
                result (0));
  observe_call (test, "unconnected", "getsockopt",
                test->entry->getsockopt (new_socket (test), IPPROTO_IPV6,
                                         IPV6_ADDRFORM, &form, &size),
                error (ENOTCONN));
}

CASE (getsockopt, path_mtu,
      .question = "Is the path's MTU known of a peer at port 0, as of others?",
      .basis = "Not in POSIX; Linux ip(7), IP_MTU: [ENOTCONN] without a route",
      .families = IPV4 | IPV6, .protocols = DATAGRAM)
{
  int level = test->family->domain == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
  int option = level == IPPROTO_IPV6 ? IPV6_MTU : IP_MTU;
  int mtu = 0;
  socklen_t size = sizeof mtu;
  observe_call (test, "connected", "getsockopt",
                test->entry->getsockopt (connected_socket (test), level, option,
                                         &mtu, &size),
                result (0));
  observe_call (
      test, "unconnected", "getsockopt",
      test->entry->getsockopt (new_socket (test), level, option, &mtu, &size),
      error (ENOTCONN));
}

CASE (setsockopt, bind_to_device,
      .question = "Does a socket bound to an interface reach port 0 there?",
      .basis = "Not in POSIX; Linux socket(7), SO_BINDTODEVICE",
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM, .needs = STEERING)
{
  listener (test);
  int fd = new_socket (test);
  if (is_connection (test))
    close_by_reset (fd);
  if (test->entry->setsockopt (fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) != 0)
    {
      if (errno == EPERM)
        skip (test, "CAP_NET_RAW, for SO_BINDTODEVICE");
      broken (test, "SO_BINDTODEVICE", errno);
    }
  observe_connect (test, "connect", fd, &test->peer, result (0));
  observe_getpeername (test, "peer", fd, name (&test->peer));
}

CASE (getpeername, fallen_back,
      .question = "Does an MPTCP socket name a peer that knows TCP only?",
      .basis = "POSIX.1-2017 getpeername(), DESCRIPTION; RFC 8684 section 3.7: "
               "fallback to TCP",
      .families = ANY_FAMILY, .protocols = MPTCP, .needs = STEERING)
{
  struct test plain = by_tcp (test);
  int listening = listener (&plain);
  int fd = connected_socket (test);
  accepted (listening);
  observe_getpeername (test, "", fd, name (&test->peer));
  struct
  {
    uint32_t size, kernel_count, kernel_size, user_size;
  } data = { .size = 16 };
  observe_call (test, "MPTCP_SUBFLOW_ADDRS", "getsockopt",
                test->entry->getsockopt (fd, MPTCP_LEVEL, SUBFLOW_ADDRESSES,
                                         &data, &(socklen_t){ sizeof data }),
                unspecified ());
}

CASE (getsockopt, subflow_addresses,
      .question = "Does MPTCP_SUBFLOW_ADDRS name the peer at port 0?",
      .basis = "Not in POSIX; Linux mptcp(7)", .families = IPV4 | IPV6,
      .protocols = MPTCP, .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  accepted (listening);
  /* struct mptcp_subflow_data, one struct mptcp_subflow_addrs.  */
  struct
  {
    uint32_t size, kernel_count, kernel_size, user_size;
    struct sockaddr_storage local, remote;
  } __attribute__ ((aligned (8))) data
      = { .size = 16, .user_size = 2 * sizeof (struct sockaddr_storage) };
  socklen_t size = sizeof data;
  int got = test->entry->getsockopt (fd, MPTCP_LEVEL, SUBFLOW_ADDRESSES, &data,
                                     &size);
  if (got != 0 && errno == EOPNOTSUPP)
    skip (test, "MPTCP without a fall-back to TCP (or Linux 5.16)");
  if (got != 0)
    broken (test, "MPTCP_SUBFLOW_ADDRS", errno);
  struct name remote = { .length = test->peer.length };
  memcpy (&remote.storage, &data.remote, remote.length);
  observe_name (test, "", "getsockopt", &remote, name (&test->peer));
}

CASE (getsockopt, accepting,
      .question = "Does SO_ACCEPTCONN tell listening from connected to 0?",
      .basis = "POSIX.1-2017 section 2.10.16, SO_ACCEPTCONN",
      .families = ANY_FAMILY, .protocols = STREAM, .needs = STEERING)
{
  int accepting = -1;
  socklen_t size = sizeof accepting;
  int listening = listener (test);
  int fd = connected_socket (test);
  test->entry->getsockopt (fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &size);
  observe_value (test, "connected", "SO_ACCEPTCONN", accepting, result (0));
  test->entry->getsockopt (listening, SOL_SOCKET, SO_ACCEPTCONN, &accepting,
                           &size);
  observe_value (test, "listening", "SO_ACCEPTCONN", accepting, result (1));
}

#ifndef IPV6_2292PKTINFO
#define IPV6_2292PKTINFO 2
#define IPV6_2292PKTOPTIONS 6
#endif

CASE (getsockopt, packet_options,
      .question = "What does IPV6_2292PKTOPTIONS say on an accepted socket?",
      .basis
      = "RFC 2292 section 7; Linux gives the peer's address, and no port",
      .families = IPV6, .protocols = TCP, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  int fd = accepted (listening);
  if (setsockopt (fd, IPPROTO_IPV6, IPV6_2292PKTINFO, &(int){ 1 }, sizeof (int))
      != 0)
    broken (test, "IPV6_2292PKTINFO", errno);
  char options[200];
  socklen_t size = sizeof options;
  observe_call (test, "", "getsockopt",
                test->entry->getsockopt (fd, IPPROTO_IPV6, IPV6_2292PKTOPTIONS,
                                         options, &size),
                result (0));
  observe_value (test, "length", "getsockopt", size, unspecified ());
}
