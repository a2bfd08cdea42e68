/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other ways to send to port 0.  */

#define _GNU_SOURCE
#include "case.h"

#include <string.h>
#include <sys/socket.h>

#define SENDTO                                                                 \
  "POSIX.1-2017 sendto(), DESCRIPTION: sent to the address; RFC 768 gives no " \
  "port a meaning of its own"
#define SEND "POSIX.1-2017 send(), DESCRIPTION: sent to the connected peer"

CASE (sendmsg, unconnected,
      .question = "Does a datagram sent to port 0 by sendmsg() arrive?",
      .basis = SENDTO, .families = ANY_FAMILY, .protocols = DATAGRAM,
      .needs = STEERING)
{
  int at_peer = listener (test);
  bool sent = observe_sendmsg (test, "sendmsg", new_socket (test), &test->peer,
                               result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, sent, result (PAYLOAD_SIZE));
}

CASE (sendmsg, connected,
      .question = "Does sendmsg() without a name reach a peer at port 0?",
      .basis = SEND, .families = ANY_FAMILY, .protocols = CONNECTION | DATAGRAM,
      .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  if (is_connection (test))
    at_peer = accepted (at_peer);
  bool sent
      = observe_sendmsg (test, "sendmsg", fd, NULL, result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, sent, result (PAYLOAD_SIZE));
}

CASE (sendmsg, connected_named,
      .question = "Does sendmsg() to port 0 work on a socket connected there?",
      .basis = SENDTO, .families = ANY_FAMILY, .protocols = DATAGRAM,
      .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  bool sent = observe_sendmsg (test, "sendmsg", fd, &test->peer,
                               result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, sent, result (PAYLOAD_SIZE));
}

CASE (write, connected, .question = "Does write() reach a peer at port 0?",
      .basis = "POSIX.1-2017 write(): as send() without flags",
      .families = ANY_FAMILY, .protocols = CONNECTION | DATAGRAM,
      .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = connected_socket (test);
  if (is_connection (test))
    at_peer = accepted (at_peer);
  long written = -1;
  observe_call (test, "write", "write",
                written = test->entry->write (fd, payload, PAYLOAD_SIZE),
                result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_peer, written == PAYLOAD_SIZE,
                   result (PAYLOAD_SIZE));
}

/* Send one payload to each of COUNT names by sendmmsg().  */
static long
send_many (struct test *test, int fd, const struct name **names, unsigned count)
{
  struct iovec data = { (void *) payload, PAYLOAD_SIZE };
  struct mmsghdr messages[3];
  memset (messages, 0, sizeof messages);
  for (unsigned i = 0; i < count; i++)
    {
      messages[i].msg_hdr.msg_iov = &data;
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = (void *) &names[i]->storage;
      messages[i].msg_hdr.msg_namelen = names[i]->length;
    }
  return test->entry->sendmmsg (fd, messages, count, 0);
}

CASE (sendmmsg, first, .question = "Does sendmmsg() send to port 0?",
      .basis = "POSIX.1-2024 has no sendmmsg(); Linux: as sendmsg()",
      .families = ANY_FAMILY, .protocols = DATAGRAM, .needs = STEERING)
{
  listener (test);
  struct name other = local_name (bound_socket (test));
  const struct name *names[] = { &test->peer, &other };
  observe_call (test, "", "sendmmsg",
                send_many (test, new_socket (test), names, 2), result (2));
}

CASE (sendmmsg, middle,
      .question = "Does sendmmsg() get past a message for port 0?",
      .basis = "POSIX.1-2024 has no sendmmsg(); Linux: as sendmsg()",
      .families = ANY_FAMILY, .protocols = DATAGRAM, .needs = STEERING)
{
  listener (test);
  struct name other = local_name (bound_socket (test));
  const struct name *names[] = { &other, &test->peer, &other };
  observe_call (test, "", "sendmmsg",
                send_many (test, new_socket (test), names, 3), result (3));
}

CASE (sendto, elsewhere,
      .question = "Does sendto() reach another port if the peer is at port 0?",
      .basis = "POSIX.1-2017 sendto(): to the address, or [EISCONN]",
      .families = ANY_FAMILY, .protocols = DATAGRAM, .needs = STEERING)
{
  listener (test);
  int at_other = bound_socket (test);
  struct name other = local_name (at_other);
  int fd = connected_socket (test);
  bool sent
      = observe_sendto (test, "sendto", fd, &other, result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_other, sent, result (PAYLOAD_SIZE));
}

CASE (sendto, unspecified_family,
      .question = "What of a name without a family beside the port?",
      .basis = "No standard; Linux takes AF_UNSPEC for AF_INET on IPv4, and "
               "for no name on IPv6",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = connected_socket (test);
  struct name nameless = test->peer;
  nameless.any.sa_family = AF_UNSPEC;
  observe_call (test, "", "sendto",
                test->entry->sendto (fd, payload, PAYLOAD_SIZE, 0,
                                     &nameless.any, nameless.length),
                unspecified ());
}

CASE (sendto, autobound,
      .question = "Has a socket a port of its own after sendto() to port 0?",
      .basis = "No standard; Linux binds first (inet_send_prepare())",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int fd = new_socket (test);
  test->entry->sendto (fd, payload, PAYLOAD_SIZE, 0, &test->peer.any,
                       test->peer.length);
  struct name own = local_name (fd);
  struct name unbound = at_port (&own, 0);
  observe_value (test, "", "has a port",
                 memcmp (&own.storage, &unbound.storage, own.length) != 0,
                 result (1));
}

CASE (sendto, without_ports,
      .question = "Does the port matter to a raw socket's sendto()?",
      .basis = "RFC 3542 section 3: not said; Linux rawv6_sendmsg(): 0 or the "
               "protocol's number",
      .families = IPV4 | IPV6, .protocols = RAW)
{
  struct name protocol = at_port (&test->peer, 253);
  observe_sendto (test, "port", new_socket (test), &test->peer, unspecified ());
  observe_sendto (test, "protocol's number", new_socket (test), &protocol,
                  result (PAYLOAD_SIZE));
}

CASE (sendto, echo, .question = "Does the port matter to an ICMP socket's?",
      .basis = "No standard; Linux icmp(7): the port is not used",
      .families = IPV4 | IPV6, .protocols = PING)
{
  int fd = new_socket (test);
  char request[16] = { test->family->domain == AF_INET ? 8 : (char) 128 };
  observe_call (test, "sendto", "sendto",
                test->entry->sendto (fd, request, sizeof request, 0,
                                     &test->peer.any, test->peer.length),
                result (sizeof request));
  struct name nobody = at_port (&test->peer, 0);
  observe_sender (test, "answer", fd, name (&nobody));
}

CASE (sendto, one_to_many,
      .question = "Does sendto() to port 0 begin an SCTP association?",
      .basis = "RFC 6458 section 3.1.3; RFC 9260 section 3.1: port 0 MUST NOT "
               "be used",
      .families = ANY_FAMILY, .protocols = SCTP_MANY, .needs = STEERING)
{
  int at_peer = listener (test);
  int fd = new_socket (test);
  bool sent = observe_sendto (test, "sendto", fd, &test->peer, unspecified ());
  observe_arrival (test, "arrival", at_peer, sent, unspecified ());
}

CASE (send, nothing, .question = "Does an empty datagram leave for port 0?",
      .basis = SEND, .families = IPV4 | IPV6, .protocols = DATAGRAM)
{
  observe_call (
      test, "", "send",
      test->entry->sendto (connected_socket (test), "", 0, 0, NULL, 0),
      result (0));
}

CASE (send, shut_down,
      .question = "Is sending refused after shutdown() as for another port?",
      .basis = "POSIX.1-2017 send(), ERRORS: [EPIPE]", .families = ANY_FAMILY,
      .protocols = STREAM | DATAGRAM, .needs = STEERING)
{
  listener (test);
  int fd = connected_socket (test);
  observe_call (test, "shutdown", "shutdown",
                test->entry->shutdown (fd, SHUT_WR), result (0));
  observe_sendto (test, "send", fd, NULL, error (EPIPE));
}

CASE (shutdown, unconnected,
      .question = "Does shutdown() know an unconnected socket from one at 0?",
      .basis = "POSIX.1-2017 shutdown(), ERRORS: [ENOTCONN]",
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM)
{
  observe_call (test, "", "shutdown",
                test->entry->shutdown (new_socket (test), SHUT_WR),
                error (ENOTCONN));
}

CASE (send, probe,
      .question = "Does a probing send() tell a connected socket from others?",
      .basis = "No standard; Linux udp_sendmsg(): [EDESTADDRREQ] without a "
               "peer",
      .families = ANY_FAMILY, .protocols = DATAGRAM)
{
  int flags = MSG_CONFIRM | MSG_MORE | MSG_DONTWAIT | 0x10 /* MSG_PROBE */;
  observe_call (
      test, "connected", "send",
      test->entry->sendto (connected_socket (test), NULL, 0, flags, NULL, 0),
      result (0));
  observe_call (
      test, "unconnected", "send",
      test->entry->sendto (bound_socket (test), NULL, 0, flags, NULL, 0),
      error (EDESTADDRREQ));
}

CASE (send, probe_without_ports,
      .question = "Does it, for sockets whose packets have no ports?",
      .basis
      = "No standard; Linux raw_sendmsg(): [EDESTADDRREQ] without a peer",
      .families = IPV4 | IPV6, .protocols = RAW)
{
  int flags = MSG_CONFIRM | MSG_DONTWAIT | 0x10 /* MSG_PROBE */;
  observe_call (
      test, "connected", "send",
      test->entry->sendto (connected_socket (test), NULL, 0, flags, NULL, 0),
      result (0));
  observe_call (
      test, "unconnected", "send",
      test->entry->sendto (new_socket (test), NULL, 0, flags, NULL, 0),
      error (EDESTADDRREQ));
}

CASE (send, probe_echo,
      .question = "Does it, for ICMP sockets, which only echo requests leave?",
      .basis = "No standard; Linux ping_v4_sendmsg(), ping_v6_sendmsg(): "
               "[EDESTADDRREQ] without a peer; IPv6 does send the probe",
      .families = IPV4 | IPV6, .protocols = PING)
{
  int flags = MSG_CONFIRM | MSG_DONTWAIT | 0x10 /* MSG_PROBE */;
  char type = test->family->domain == AF_INET ? 8 : (char) 128;
  /* The last byte is that of the sequence number.  */
  char probe[8] = { type, [7] = 1 }, request[8] = { type, [7] = 2 };
  int fd = connected_socket (test);
  observe_call (test, "connected", "send",
                test->entry->sendto (fd, probe, sizeof probe, flags, NULL, 0),
                result (sizeof probe));
  observe_call (test, "unconnected", "send",
                test->entry->sendto (new_socket (test), probe, sizeof probe,
                                     flags, NULL, 0),
                error (EDESTADDRREQ));
  if (send (fd, request, sizeof request, 0) != sizeof request)
    broken (test, "send", errno);
  /* Packets on loopback keep their order: this is the probe's, if that left. */
  char answer[8] = "";
  recv (fd, answer, sizeof answer, 0);
  observe_value (test, "first answer", "sequence number", answer[7],
                 unspecified ());
}
