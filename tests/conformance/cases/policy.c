/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Policies: BPF programs in a cgroup that allow, deny or rewrite, to port 0
   and from it.  None of them may be bypassed at port 0, and none may change
   anything that it does not want to.  */

#define _GNU_SOURCE
#include "network.h"

#include <linux/bpf.h>
#include <string.h>
#include <sys/socket.h>

#define POLICY                                                                 \
  "No standard; Linux's documentation of BPF_PROG_TYPE_CGROUP_SOCK_ADDR: a "   \
  "program decides for every port"
#define BOTH (IPV4 | IPV6)

static int
hook (const struct test *test, int ipv4, int ipv6)
{
  return test->family->domain == AF_INET6 ? ipv6 : ipv4;
}

static in_port_t
port_of (const struct name *name)
{
  return ntohs (name->any.sa_family == AF_INET ? name->in.sin_port
                                               : name->in6.sin6_port);
}

CASE (policy, connect_denied,
      .question = "Can a policy deny connect() to port 0?", .basis = POLICY,
      .families = BOTH, .protocols = TCP | UDP)
{
  own_network (test, "");
  policy (test, hook (test, BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT),
          DENY, 0, 0);
  observe_connect (test, "", new_socket (test), &test->peer, error (EPERM));
}

CASE (policy, connect_from_zero,
      .question = "Can a policy turn connect() to port 0 elsewhere?",
      .basis = POLICY, .families = BOTH, .protocols = TCP | UDP)
{
  own_network (test, "");
  listener (test);
  struct name elsewhere = test->listener;
  policy (test, hook (test, BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT),
          REWRITE, port_of (&test->peer), port_of (&test->listener));
  int fd = new_socket (test);
  observe_connect (test, "connect", fd, &test->peer, result (0));
  observe_getpeername (test, "rewritten peer", fd, name (&elsewhere));
}

CASE (policy, connect_to_zero,
      .question = "Can a policy turn a connect() to port 0?", .basis = POLICY,
      .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  policy (test, hook (test, BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT),
          REWRITE, 4242, port_of (&test->peer));
  struct name other = at_port (&test->peer, 4242);
  int fd = new_socket (test);
  observe_connect (test, "connect", fd, &other, result (0));
  observe_getpeername (test, "peer", fd, name (&test->peer));
}

CASE (policy, send_allowed,
      .question = "Does sendto() to port 0 do as before if all is allowed?",
      .basis = POLICY "; POSIX.1-2017 sendto(): sent to the address",
      .families = ANY_FAMILY, .protocols = UDP)
{
  own_network (test, "");
  policy (test, BPF_CGROUP_UDP4_SENDMSG, ALLOW, 0, 0);
  policy (test, BPF_CGROUP_UDP6_SENDMSG, ALLOW, 0, 0);
  observe_sendto (test, "", new_socket (test), &test->peer,
                  result (PAYLOAD_SIZE));
}

CASE (policy, send_denied, .question = "Can a policy deny sendto() to port 0?",
      .basis = POLICY, .families = ANY_FAMILY, .protocols = UDP)
{
  own_network (test, "");
  policy (test, BPF_CGROUP_UDP4_SENDMSG, DENY, 0, 0);
  policy (test, BPF_CGROUP_UDP6_SENDMSG, DENY, 0, 0);
  observe_sendto (test, "", new_socket (test), &test->peer, error (EPERM));
}

CASE (policy, send_denied_connected,
      .question = "Is a policy for datagrams asked of send() to a mapped peer?",
      .basis = POLICY "; Linux asks it where send() has a name of its own",
      .families = ANY_FAMILY, .protocols = UDP)
{
  own_network (test, "");
  int fd = connected_socket (test);
  policy (test, BPF_CGROUP_UDP4_SENDMSG, DENY, 0, 0);
  policy (test, BPF_CGROUP_UDP6_SENDMSG, DENY, 0, 0);
  observe_sendto (test, "", fd, NULL, unspecified ());
}

CASE (policy, send_from_zero,
      .question = "Can a policy turn sendto() to port 0 elsewhere?",
      .basis = POLICY, .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  int at_listener = listener (test);
  policy (test, hook (test, BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_UDP6_SENDMSG),
          REWRITE, port_of (&test->peer), port_of (&test->listener));
  bool sent = observe_sendto (test, "sendto", new_socket (test), &test->peer,
                              result (PAYLOAD_SIZE));
  observe_arrival (test, "arrival", at_listener, sent, result (PAYLOAD_SIZE));
}

CASE (policy, send_to_zero,
      .question = "Can a policy turn a sendto() to port 0?", .basis = POLICY,
      .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  policy (test, hook (test, BPF_CGROUP_UDP4_SENDMSG, BPF_CGROUP_UDP6_SENDMSG),
          REWRITE, 4242, port_of (&test->peer));
  struct name other = at_port (&test->peer, 4242);
  observe_sendto (test, "", new_socket (test), &other, unspecified ());
}

CASE (policy, getpeername,
      .question = "Is a policy for getpeername() asked at port 0?",
      .basis = POLICY, .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  int fd = connected_socket (test);
  policy (
      test,
      hook (test, BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME),
      REWRITE, port_of (&test->peer), 4242);
  struct name shown = at_port (&test->peer, 4242);
  observe_getpeername (test, "", fd, name (&shown));
}

CASE (policy, getpeername_to_zero,
      .question = "Can a policy show a peer as one at port 0?", .basis = POLICY,
      .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  struct test other = *test;
  set_port (&other.peer, 4242);
  int fd = connected_socket (&other);
  policy (
      test,
      hook (test, BPF_CGROUP_INET4_GETPEERNAME, BPF_CGROUP_INET6_GETPEERNAME),
      REWRITE, 4242, port_of (&test->peer));
  observe_getpeername (test, "", fd, name (&test->peer));
}

CASE (policy, getsockname_to_zero,
      .question = "Can a policy show an own name as one at port 0?",
      .basis = POLICY, .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  int fd = bound_socket (test);
  struct name own = local_name (fd);
  policy (
      test,
      hook (test, BPF_CGROUP_INET4_GETSOCKNAME, BPF_CGROUP_INET6_GETSOCKNAME),
      REWRITE, port_of (&own), port_of (&test->peer));
  observe_getsockname (test, "", fd, name (&test->peer));
}

CASE (policy, recvmsg_to_zero,
      .question = "Can a policy show a sender as one at port 0?",
      .basis = POLICY, .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  int fd = bound_socket (test);
  struct name own = local_name (fd);
  policy (test, hook (test, BPF_CGROUP_UDP4_RECVMSG, BPF_CGROUP_UDP6_RECVMSG),
          REWRITE, 4242, port_of (&test->peer));
  struct name from = at_port (&test->peer, 4242);
  send_datagram (test, &from, &own);
  observe_sender (test, "", fd, name (&test->peer));
}

CASE (policy, recvmsg_from_zero,
      .question = "Is a policy for senders asked of one at port 0?",
      .basis = POLICY, .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  int fd = bound_socket (test);
  struct name own = local_name (fd);
  policy (test, hook (test, BPF_CGROUP_UDP4_RECVMSG, BPF_CGROUP_UDP6_RECVMSG),
          REWRITE, port_of (&test->client), 4242);
  struct name shown = at_port (&test->peer, 4242);
  send_datagram (test, &test->client, &own);
  observe_sender (test, "", fd, name (&shown));
}

CASE (policy, bind_to_zero,
      .question = "Does bind() choose a port if a policy turns one into 0?",
      .basis = POLICY "; 0 asks bind() for any port", .families = BOTH,
      .protocols = UDP)
{
  own_network (test, "");
  policy (test, hook (test, BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND),
          REWRITE, 5050, port_of (&test->peer));
  struct name wanted = at_port (&test->peer, 5050);
  int fd = new_socket (test);
  observe_call (test, "bind", "bind",
                test->entry->bind (fd, &wanted.any, wanted.length), result (0));
  struct name own = local_name (fd);
  observe_value (test, "has a port", "getsockname", port_of (&own) != 0,
                 result (1));
}

CASE (policy, bind_from_zero,
      .question = "Can a policy choose the port for bind() to port 0?",
      .basis = POLICY, .families = BOTH, .protocols = UDP)
{
  own_network (test, "");
  policy (test, hook (test, BPF_CGROUP_INET4_BIND, BPF_CGROUP_INET6_BIND),
          REWRITE, port_of (&test->peer), 5051);
  struct name chosen = at_port (&test->peer, 5051);
  int fd = new_socket (test);
  observe_call (test, "bind", "bind",
                test->entry->bind (fd, &test->peer.any, test->peer.length),
                result (0));
  observe_getsockname (test, "name", fd, name (&chosen));
}

CASE (policy, peername_answered,
      .question = "Can a policy answer SO_PEERNAME where the kernel does not?",
      .basis = "No standard; Linux's BPF_PROG_TYPE_CGROUP_SOCKOPT sees the "
               "socket's peer",
      .families = IPV4, .protocols = UDP)
{
  own_network (test, "");
  int fd = connected_socket (test);
  policy_for_peername (test);
  observe_so_peername (test, "", fd, name (&test->peer));
}
