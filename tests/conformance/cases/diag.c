/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One socket, one peer: do all that tell of it tell the same?  */

#define _GNU_SOURCE
#include "diag.h"
#include "network.h"
#include "program.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define AGREE                                                                  \
  "No standard: one socket has one peer, by whatever interface it is asked"

CASE (sock_diag, connected,
      .question = "Does sock_diag name the peer at port 0?", .basis = AGREE,
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM | RAW,
      .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  struct name peer = peer_by_diag (test, fd, NULL);
  observe_name (test, "", "sock_diag", &peer, name (&test->peer));
}

CASE (proc, connected, .question = "Does /proc/net name the peer at port 0?",
      .basis = AGREE, .families = ANY_FAMILY,
      .protocols = TCP | DATAGRAM | PING, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  struct name peer = peer_by_proc (test, fd);
  observe_name (test, "", "/proc/net", &peer, name (&test->peer));
}

CASE (proc, raw, .question = "Which port does /proc/net show of a raw peer?",
      .basis = "No standard; Linux raw_sock_seq_show(): 0, whatever connect() "
               "was given",
      .families = IPV4, .protocols = RAW)
{
  int fd = connected_socket (test);
  struct name peer = peer_by_proc (test, fd), portless = at_port (&peer, 0);
  observe_name (test, "", "/proc/net", &peer, name (&portless));
}

/* The same peer by everything, and the same as the packets'.  */
CASE (peer, by_all_means,
      .question = "Do all interfaces and the packets agree on the peer?",
      .basis = AGREE, .families = IPV4 | IPV6, .protocols = TCP)
{
  int at_peer = socket_at_peer (test, SK_LOOKUP, false);
  int tap = wiretap (test);
  int fd = connected_socket (test);
  accepted (at_peer);
  observe_getpeername (test, "getpeername", fd, name (&test->peer));
  observe_so_peername (test, "SO_PEERNAME", fd, name (&test->peer));
  struct name peer = peer_by_diag (test, fd, NULL), source;
  observe_name (test, "sock_diag", "sock_diag", &peer, name (&test->peer));
  peer = peer_by_proc (test, fd);
  observe_name (test, "/proc/net", "/proc/net", &peer, name (&test->peer));
  packet_seen (test, tap, &test->peer, 0, &source, &peer);
  observe_name (test, "packet", "packet", &peer, name (&test->peer));
}

CASE (peer, by_all_means_datagram,
      .question = "Do all interfaces and the datagrams agree on the peer?",
      .basis = AGREE, .families = IPV4 | IPV6, .protocols = DATAGRAM)
{
  own_network (test, "");
  int tap = wiretap (test);
  int fd = connected_socket (test);
  observe_getpeername (test, "getpeername", fd, name (&test->peer));
  observe_so_peername (test, "SO_PEERNAME", fd, name (&test->peer));
  struct name peer = peer_by_diag (test, fd, NULL), source;
  observe_name (test, "sock_diag", "sock_diag", &peer, name (&test->peer));
  peer = peer_by_proc (test, fd);
  observe_name (test, "/proc/net", "/proc/net", &peer, name (&test->peer));
  send (fd, payload, PAYLOAD_SIZE, 0);
  packet_seen (test, tap, &test->peer, 0, &source, &peer);
  observe_name (test, "packet", "packet", &peer, name (&test->peer));
}

CASE (sock_diag, after_reset,
      .question = "Is a connection that was reset gone from sock_diag?",
      .basis = AGREE, .families = ANY_FAMILY, .protocols = TCP,
      .needs = STEERING)
{
  struct name peer = peer_by_diag (test, reset_socket (test), NULL);
  observe_value (test, "", "found", peer.length != 0, result (0));
}

CASE (sock_diag, disconnected,
      .question = "Which state has a datagram socket whose peer was undone?",
      .basis = "No standard; Linux keeps an IPv6 peer's address in sock_diag, "
               "so that only the state tells",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = listener (test);
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect", errno);
  disconnect (test, fd);
  int state;
  peer_by_diag (test, fd, &state);
  observe_value (test, "", "state", state, result (7 /* TCP_CLOSE */));
}

CASE (getpeername, destroyed,
      .question = "Has a socket none after the administrator ended it?",
      .basis = "POSIX.1-2017 getpeername(), ERRORS: [ENOTCONN]; Linux "
               "sock_diag(7), SOCK_DESTROY",
      .families = ANY_FAMILY, .protocols = TCP | UDP, .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  if (is_connection (test))
    accepted (listening);
  destroy_by_diag (test, fd);
  observe_getpeername (test, "", fd, error (ENOTCONN));
}

/* What TCP_INFO tells first: the state.  */
static void
observe_tcp_info (struct test *test, const char *step, int fd,
                  struct answer standard)
{
  unsigned char state = 0;
  socklen_t size = sizeof state;
  test->entry->getsockopt (fd, IPPROTO_TCP, TCP_INFO, &state, &size);
  observe_value (test, step, "tcpi_state", state, standard);
}

CASE (getsockopt, tcp_state,
      .question = "Does TCP_INFO know that a peer at port 0 is connected?",
      .basis = "Not in POSIX; Linux tcp(7), TCP_INFO", .families = ANY_FAMILY,
      .protocols = STREAM, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  observe_tcp_info (test, "", fd, result (TCP_ESTABLISHED));
}

CASE (getsockopt, tcp_state_half_closed_by_peer,
      .question = "Does TCP_INFO know that a peer at port 0 closed its side?",
      .basis = "RFC 9293 section 3.6; RFC 8684 section 3.3.3: DATA_FIN is to a "
               "connection what FIN is; Linux's TCP_INFO is that of a subflow",
      .families = ANY_FAMILY, .protocols = STREAM, .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  shutdown (accepted (listening), SHUT_WR);
  await_end_of_stream (fd);
  int of_connection = 0;
  peer_by_diag (test, fd, &of_connection);
  observe_value (test, "sock_diag", "state", of_connection,
                 result (TCP_CLOSE_WAIT));
  observe_tcp_info (test, "TCP_INFO", fd,
                    test->protocol->bit == MPTCP ? unspecified ()
                                                 : result (TCP_CLOSE_WAIT));
}

CASE (getsockopt, tcp_state_half_closed,
      .question = "And that this side is closed?",
      .basis = "RFC 9293 section 3.6; RFC 8684 section 3.3.3: DATA_FIN is to a "
               "connection what FIN is; Linux's TCP_INFO is that of a subflow",
      .families = ANY_FAMILY, .protocols = STREAM, .needs = STEERING)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  int server = accepted (listening);
  shutdown (fd, SHUT_WR);
  await_end_of_stream (server);
  /* The acknowledgement comes after the end of the stream did.  */
  int of_connection = 0;
  do
    peer_by_diag (test, fd, &of_connection);
  while (of_connection == TCP_FIN_WAIT1);
  observe_value (test, "sock_diag", "state", of_connection,
                 result (TCP_FIN_WAIT2));
  observe_tcp_info (test, "TCP_INFO", fd,
                    test->protocol->bit == MPTCP ? unspecified ()
                                                 : result (TCP_FIN_WAIT2));
}

CASE (sock_diag, destination_port,
      .question = "Can sock_diag be asked for the destination port 0?",
      .basis = "No standard; Linux inet_diag_dump_icsk(), udp_dump(): 0 asks "
               "for any, in a filter for 0 and for none",
      .families = ANY_FAMILY, .protocols = TCP | DATAGRAM, .needs = STEERING)
{
  int without = listener (test);
  int there = connected_socket (test);
  in_port_t port = test->family->domain == AF_INET
                       ? ntohs (test->peer.in.sin_port)
                       : ntohs (test->peer.in6.sin6_port);
  static const char *const steps[][2]
      = { { "by identity, there", "by identity, without a peer" },
          { "by filter, there", "by filter, without a peer" } };
  for (int i = BY_IDENTITY; i <= BY_FILTER; i++)
    {
      enum diag_question question = (enum diag_question) i;
      observe_value (test, steps[i][0], "found",
                     is_in_diag (test, there, question, port), result (1));
      observe_value (test, steps[i][1], "found",
                     is_in_diag (test, without, question, port),
                     unspecified ());
    }
}

/* The last word of what `ss` prints of the socket FD: its peer.  */
static void
peer_by_ss (struct test *test, int fd, char peer[100])
{
  struct name own = local_name (fd);
  char filter[40], told[1000];
  snprintf (filter, sizeof filter, "sport = :%d",
            ntohs (own.any.sa_family == AF_INET ? own.in.sin_port
                                                : own.in6.sin6_port));
  const char *const command[]
      = { "ss", "--no-header", "--numeric", "--all", "--udp", filter, NULL };
  int status = run_program (command, told, sizeof told);
  if (status == 127)
    skip (test, "ss (package iproute2)");
  if (status != 0 || sscanf (told, "%*s %*s %*s %*s %99s", peer) != 1)
    broken (test, "what ss prints of the socket", 0);
}

CASE (ss, connected, .question = "Does ss(8) print the port of a peer at 0?",
      .basis = "No standard; iproute2 prints 0 as *, as of a socket without a "
               "peer",
      .families = IPV4 | IPV6, .protocols = UDP, .entries = LIBC)
{
  own_network (test, "");
  char peer[100];
  peer_by_ss (test, connected_socket (test), peer);
  const char *port = strrchr (peer, ':');
  observe_value (test, "", "prints a number",
                 port != NULL && port[1] >= '0' && port[1] <= '9',
                 unspecified ());
}

CASE (sock_diag, other_network,
      .question = "Is a socket of another network namespace out of sight?",
      .basis = "No standard; Linux sock_diag(7): the caller's namespace",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = connected_socket (test);
  own_network (test, "");
  struct name peer = peer_by_diag (test, fd, NULL);
  observe_value (test, "", "found", peer.length != 0, result (0));
}
