/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accepting clients at port 0 in every state that a client and a server can
   be in.  */

#define _GNU_SOURCE
#include "network.h"

#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <unistd.h>

#define BASIS "POSIX.1-2017 accept(), "
#define STORED BASIS "DESCRIPTION: the peer's address is stored"
#define FROM_SOURCE (STREAM | SCTP)

#ifndef TCP_SAVE_SYN
#define TCP_SAVE_SYN 27
#define TCP_SAVED_SYN 28
#endif

CASE (accept, null_address,
      .question = "Does accept() give the connection if no address is asked?",
      .basis = BASIS "DESCRIPTION: address may be a null pointer",
      .families = ANY_FAMILY, .protocols = FROM_SOURCE, .needs = STEERING)
{
  int listening = listener (test);
  int client = client_from_source (test);
  int server = test->entry->accept (listening, NULL, NULL);
  observe_value (test, "descriptor", "accept", server >= 0 ? 0 : -1,
                 result (0));
  bool sent
      = observe_sendto (test, "to client", server, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, "at client", client, sent, result (PAYLOAD_SIZE));
  sent
      = observe_sendto (test, "to server", client, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, "at server", server, sent, result (PAYLOAD_SIZE));
}

CASE (accept, client_reset,
      .question = "Is a client that reset before accept() given all the same?",
      .basis = BASIS "ERRORS: [ECONNABORTED] would do, too, at every port; "
                     "Linux gives it, as dead",
      .families = ANY_FAMILY, .protocols = TCP, .needs = STEERING)
{
  int listening = listener (test);
  close (client_from_source (test));
  struct name client = { .length = sizeof client.storage };
  observe_call (
      test, "", "accept",
      test->entry->accept (listening, &client.any, &client.length) < 0 ? -1 : 0,
      result (0));
}

CASE (accept, client_closed,
      .question = "Is a client that closed before accept() named?",
      .basis = STORED, .families = IPV4 | IPV6, .protocols = TCP)
{
  own_network (test, from_port_in_question);
  /* Where accept() gives the connection up, the client waits for late packets,
     and its port could not be used again.  */
  set_network (test, "ipv4/tcp_max_tw_buckets", "0");
  int listening = listener (test);
  int client = client_from_source (test);
  shutdown (client, SHUT_WR);
  observe_accept (test, "", listening, 0, name (&test->client));
}

CASE (accept, last_descriptor,
      .question = "Does accept() manage with the last free descriptor?",
      .basis = BASIS "ERRORS: [EMFILE] only if all are open",
      .families = ANY_FAMILY, .protocols = FROM_SOURCE, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  int lowest = dup (listening);
  close (lowest);
  struct rlimit before, limit;
  getrlimit (RLIMIT_NOFILE, &before);
  limit = before;
  limit.rlim_cur = (rlim_t) lowest;
  setrlimit (RLIMIT_NOFILE, &limit);
  struct name client = { .length = sizeof client.storage };
  observe_call (test, "none left", "accept",
                test->entry->accept (listening, &client.any, &client.length),
                error (EMFILE));
  limit.rlim_cur = (rlim_t) lowest + 1;
  setrlimit (RLIMIT_NOFILE, &limit);
  observe_accept (test, "one left", listening, 0, name (&test->client));
  setrlimit (RLIMIT_NOFILE, &before);
}

CASE (accept, syn_cookies,
      .question = "Is a client named that was remembered by a SYN cookie only?",
      .basis = STORED, .families = IPV4 | IPV6, .protocols = TCP)
{
  own_network (test, from_port_in_question);
  set_network (test, "ipv4/tcp_syncookies", "2");
  int listening = listener (test);
  client_from_source (test);
  observe_accept (test, "", listening, 0, name (&test->client));
}

CASE (accept, nonblocking_without_client,
      .question = "Does accept4() say EAGAIN after the only client was taken?",
      .basis = BASIS "ERRORS: [EAGAIN]", .families = ANY_FAMILY,
      .protocols = FROM_SOURCE, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  struct name client = { .length = sizeof client.storage };
  test->entry->accept4 (listening, &client.any, &client.length, SOCK_CLOEXEC);
  if (ioctl (listening, FIONBIO, &(int){ 1 }) != 0)
    broken (test, "FIONBIO", errno);
  observe_call (test, "", "accept", test->entry->accept (listening, NULL, NULL),
                error (EAGAIN));
}

CASE (accept, bad_arguments,
      .question = "Are bad arguments reported for a client at port 0?",
      .basis = "POSIX.1-2017 does not say; Linux accept(2): EINVAL, EFAULT",
      .families = ANY_FAMILY, .protocols = TCP, .needs = STEERING)
{
  int listening = listener (test);
  struct name client;
  client_from_source (test);
  observe_call (test, "negative length", "accept",
                test->entry->accept (listening, &client.any,
                                     &(socklen_t){ (socklen_t) -1 }),
                error (EINVAL));
}

CASE (accept, no_socket,
      .question = "Are things that do not listen told apart as ever?",
      .basis = BASIS "ERRORS: [EBADF], [ENOTSOCK], [EINVAL], [EOPNOTSUPP]",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL)
{
  struct name client = { .length = sizeof client.storage };
  int ends[2];
  if (pipe (ends) != 0)
    broken (test, "pipe", errno);
  observe_call (test, "no descriptor", "accept",
                test->entry->accept (-1, &client.any, &client.length),
                error (EBADF));
  observe_call (test, "pipe", "accept",
                test->entry->accept (ends[0], &client.any, &client.length),
                error (ENOTSOCK));
  observe_call (test, "not listening", "accept",
                test->entry->accept (socket (AF_INET, SOCK_STREAM, 0),
                                     &client.any, &client.length),
                error (EINVAL));
  observe_call (test, "datagram", "accept",
                test->entry->accept (socket (AF_INET, SOCK_DGRAM, 0),
                                     &client.any, &client.length),
                error (EOPNOTSUPP));
}

CASE (poll, pending_client,
      .question = "Is a client at port 0 announced by poll, select and epoll?",
      .basis = "POSIX.1-2017 poll(), select(): readable when accept() would "
               "not block",
      .families = ANY_FAMILY, .protocols = FROM_SOURCE, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  observe_poll (test, "poll", listening, POLLIN, PATIENCE, result (POLLIN));
  fd_set readable;
  FD_ZERO (&readable);
  FD_SET (listening, &readable);
  struct timeval limit = { .tv_sec = PATIENCE / 1000 };
  observe_value (test, "select", "select",
                 select (listening + 1, &readable, NULL, NULL, &limit),
                 result (1));
  int set = epoll_create1 (EPOLL_CLOEXEC);
  struct epoll_event event = { .events = EPOLLIN };
  epoll_ctl (set, EPOLL_CTL_ADD, listening, &event);
  observe_value (test, "epoll", "epoll_wait",
                 epoll_wait (set, &event, 1, PATIENCE), result (1));
}

CASE (getsockopt, peername_of_client,
      .question = "Does SO_PEERNAME name an accepted client at port 0?",
      .basis = "Not in POSIX; Linux sk_getsockopt(): as accept()'s address",
      .families = ANY_FAMILY, .protocols = FROM_SOURCE, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  observe_so_peername (test, "", accepted (listening), name (&test->client));
}

CASE (getpeername, of_client_half_closed,
      .question = "Is a client at port 0 named after it closed its direction?",
      .basis = "POSIX.1-2017 getpeername(), DESCRIPTION",
      .families = IPV4 | IPV6, .protocols = STREAM)
{
  own_network (test, from_port_in_question);
  set_network (test, "ipv4/tcp_max_tw_buckets", "0");
  int listening = listener (test);
  int client = client_from_source (test);
  int server = accepted (listening);
  shutdown (client, SHUT_WR);
  await_end_of_stream (server);
  observe_getpeername (test, "", server, name (&test->client));
}

CASE (getsockopt, saved_syn,
      .question = "Does the saved SYN show the client's port 0?",
      .basis = "Not in POSIX; Linux tcp(7), TCP_SAVED_SYN",
      .families = ANY_FAMILY, .protocols = TCP, .needs = STEERING)
{
  int listening = listener (test);
  if (setsockopt (listening, IPPROTO_TCP, TCP_SAVE_SYN, &(int){ 1 },
                  sizeof (int))
      != 0)
    broken (test, "TCP_SAVE_SYN", errno);
  client_from_source (test);
  unsigned char syn[200] = { 0 };
  socklen_t size = sizeof syn;
  int got = test->entry->getsockopt (accepted (listening), IPPROTO_TCP,
                                     TCP_SAVED_SYN, syn, &size);
  size_t header = syn[0] >> 4 == 6 ? 40 : 4 * (size_t) (syn[0] & 15);
  struct name client = at_port (
      &test->client, (in_port_t) (syn[header] << 8 | syn[header + 1]));
  if (got != 0)
    client.length = 0;
  observe_name (test, "", "getsockopt", &client, name (&test->client));
}
