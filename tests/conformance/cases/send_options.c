/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sending to port 0 with options that change when and how packets leave.  */

#define _GNU_SOURCE
#include "network.h"

#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef TCPI_OPT_SYN_DATA
#define TCPI_OPT_SYN_DATA 32
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

CASE (sendto, corked,
      .question = "Can a datagram for port 0 be put together piece by piece?",
      .basis = "Not in POSIX; Linux send(2), MSG_MORE", .families = ANY_FAMILY,
      .protocols = DATAGRAM, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = new_socket (test);
  observe_call (test, "first", "sendto",
                test->entry->sendto (fd, payload, 4, MSG_MORE, &test->peer.any,
                                     test->peer.length),
                result (4));
  long last = -1;
  observe_call (test, "last", "sendto",
                last
                = test->entry->sendto (fd, payload + 4, PAYLOAD_SIZE - 4, 0,
                                       &test->peer.any, test->peer.length),
                result (PAYLOAD_SIZE - 4));
  observe_arrival (test, "arrival", at_peer, last > 0, result (PAYLOAD_SIZE));
}

CASE (send, corked,
      .question = "Can one for a peer at port 0 be put together by send()?",
      .basis = "Not in POSIX; Linux send(2), MSG_MORE", .families = ANY_FAMILY,
      .protocols = DATAGRAM, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  observe_call (test, "first", "send",
                test->entry->sendto (fd, payload, 4, MSG_MORE, NULL, 0),
                result (4));
  long last = -1;
  observe_call (test, "last", "send",
                last = test->entry->sendto (fd, payload + 4, PAYLOAD_SIZE - 4,
                                            0, NULL, 0),
                result (PAYLOAD_SIZE - 4));
  observe_arrival (test, "arrival", at_peer, last > 0, result (PAYLOAD_SIZE));
}

CASE (sendto, segmented,
      .question = "Does a train of datagrams (UDP_SEGMENT) leave for port 0?",
      .basis = "Not in POSIX; Linux udp(7)", .families = ANY_FAMILY,
      .protocols = UDP, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = new_socket (test);
  char train[3 * PAYLOAD_SIZE];
  for (int i = 0; i < 3; i++)
    memcpy (train + (ptrdiff_t) i * PAYLOAD_SIZE, payload, PAYLOAD_SIZE);
  if (setsockopt (fd, IPPROTO_UDP, UDP_SEGMENT, &(int){ PAYLOAD_SIZE },
                  sizeof (int))
      != 0)
    broken (test, "UDP_SEGMENT", errno);
  long sent = -1;
  observe_call (test, "sendto", "sendto",
                sent = test->entry->sendto (fd, train, sizeof train, 0,
                                            &test->peer.any, test->peer.length),
                result (3L * PAYLOAD_SIZE));
  observe_arrival (test, "first arrives", at_peer, sent > 0,
                   result (PAYLOAD_SIZE));
}

CASE (send, segmented,
      .question = "Does such a train leave for a connected peer at port 0?",
      .basis = "Not in POSIX; Linux udp(7)", .families = ANY_FAMILY,
      .protocols = UDP, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  char train[2 * PAYLOAD_SIZE];
  memcpy (train, payload, PAYLOAD_SIZE);
  memcpy (train + PAYLOAD_SIZE, payload, PAYLOAD_SIZE);
  if (setsockopt (fd, IPPROTO_UDP, UDP_SEGMENT, &(int){ PAYLOAD_SIZE },
                  sizeof (int))
      != 0)
    broken (test, "UDP_SEGMENT", errno);
  long sent = -1;
  observe_call (test, "send", "send",
                sent
                = test->entry->sendto (fd, train, sizeof train, 0, NULL, 0),
                result (2L * PAYLOAD_SIZE));
  observe_arrival (test, "first arrives", at_peer, sent > 0,
                   result (PAYLOAD_SIZE));
}

/* Skip the variant if this kernel has no Fast Open by MPTCP, to whose sockets
   it then refuses the option of servers, too.  */
static void
need_fast_open (struct test *test, int fd)
{
  socklen_t size = sizeof (int);
  if (test->protocol->bit == MPTCP
      && getsockopt (fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){ 0 }, &size) != 0
      && errno == EOPNOTSUPP)
    skip (test, "Fast Open by MPTCP in this kernel (Linux 6.2)");
}

CASE (sendto, fast_open,
      .question = "Does TCP Fast Open to port 0 connect and send?",
      .basis = "RFC 7413 section 4.2; Linux tcp(7), MSG_FASTOPEN",
      .families = ANY_FAMILY, .protocols = STREAM, .needs = STEERING)
{
  int listening = listener (test);
  int fd = new_socket (test);
  close_by_reset (fd);
  need_fast_open (test, fd);
  observe_call (test, "sendto", "sendto",
                test->entry->sendto (fd, payload, PAYLOAD_SIZE, MSG_FASTOPEN,
                                     &test->peer.any, test->peer.length),
                result (PAYLOAD_SIZE));
  observe_getpeername (test, "peer", fd, name (&test->peer));
  observe_arrival (test, "arrival", accepted (listening), true,
                   result (PAYLOAD_SIZE));
}

CASE (sendto, fast_open_again,
      .question = "And the second time, when the data goes with the SYN?",
      .basis = "RFC 7413 section 4.2; Linux tcp(7), MSG_FASTOPEN",
      .families = ANY_FAMILY, .protocols = STREAM)
{
  int at_peer = socket_at_peer (test, TPROXY, false);
  need_fast_open (test, at_peer);
  set_network (test, "ipv4/tcp_fastopen", "3");
  if (setsockopt (at_peer, IPPROTO_TCP, TCP_FASTOPEN, &(int){ 4 }, sizeof (int))
      != 0)
    broken (test, "TCP_FASTOPEN", errno);
  for (int i = 0; i < 2; i++)
    {
      int fd = new_socket (test);
      close_by_reset (fd);
      bool is_second = i == 1;
      ssize_t sent
          = test->entry->sendto (fd, payload, PAYLOAD_SIZE, MSG_FASTOPEN,
                                 &test->peer.any, test->peer.length);
      int server = accepted (at_peer);
      if (!is_second)
        continue;
      observe_value (test, "sendto", "sendto", sent, result (PAYLOAD_SIZE));
      observe_getpeername (test, "peer", fd, name (&test->peer));
      observe_arrival (test, "arrival", server, true, result (PAYLOAD_SIZE));
      struct tcp_info info = { 0 };
      socklen_t size = sizeof info;
      getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &size);
      observe_value (test, "in the SYN", "TCP_INFO",
                     (info.tcpi_options & TCPI_OPT_SYN_DATA) != 0, result (1));
    }
}

CASE (connect, fast_open,
      .question = "Does a connect() deferred by TCP_FASTOPEN_CONNECT work?",
      .basis = "RFC 7413; Linux tcp(7), TCP_FASTOPEN_CONNECT",
      .families = ANY_FAMILY, .protocols = STREAM, .needs = STEERING)
{
  int listening = listener (test);
  int fd = new_socket (test);
  close_by_reset (fd);
  if (setsockopt (fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &(int){ 1 },
                  sizeof (int))
      != 0)
    broken (test, "TCP_FASTOPEN_CONNECT", errno);
  observe_connect (test, "connect", fd, &test->peer, result (0));
  observe_sendto (test, "send", fd, NULL, result (PAYLOAD_SIZE));
  observe_getpeername (test, "peer", fd, name (&test->peer));
  observe_arrival (test, "arrival", accepted (listening), true,
                   result (PAYLOAD_SIZE));
}

CASE (send, too_long_while_corked,
      .question = "What is left of a corked datagram after one too long?",
      .basis = "No standard; Linux udp_sendmsg() drops what was corked",
      .families = IPV4 | IPV6, .protocols = DATAGRAM, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  static char large[65535];
  observe_call (test, "corked", "send",
                test->entry->sendto (fd, payload, 4, MSG_MORE, NULL, 0),
                result (4));
  observe_call (test, "too long", "send",
                test->entry->sendto (fd, large, sizeof large, 0, NULL, 0),
                error (EMSGSIZE));
  bool sent = observe_sendto (test, "next", fd, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, sent, unspecified ());
}
