/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets in the states that the questions are about.  All calls here go
   through the libc: what is not asked about is not varied.  */

#define _GNU_SOURCE
#include "runner.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int
new_socket (struct test *test)
{
  if (test->protocol->bit == PING)
    allow_ping (test);
  int fd = socket (test->family->domain, test->protocol->type | SOCK_CLOEXEC,
                   test->protocol->number);
  if (fd >= 0)
    return fd;
  char missing[100];
  if (errno == EPERM || errno == EACCES)
    {
      snprintf (missing, sizeof missing, "CAP_NET_RAW, for a %s socket",
                test->protocol->name);
      skip (test, missing);
    }
  if (errno == EPROTONOSUPPORT || errno == EAFNOSUPPORT
      || errno == ESOCKTNOSUPPORT)
    {
      const char *option = test->protocol->option;
      snprintf (missing, sizeof missing, "no %s over %s in this kernel%s%s",
                test->protocol->name, test->family->name,
                option != NULL ? ": it lacks " : "",
                option != NULL ? option : "");
      skip (test, missing);
    }
  broken (test, "socket", errno);
}

bool
is_connection (const struct test *test)
{
  return (test->protocol->bit & CONNECTION) != 0;
}

void
set_port (struct name *name, in_port_t port)
{
  if (name->any.sa_family == AF_INET)
    name->in.sin_port = htons (port);
  else
    name->in6.sin6_port = htons (port);
}

struct name
at_port (const struct name *name, in_port_t port)
{
  struct name other = *name;
  set_port (&other, port);
  return other;
}

int
bound_socket (struct test *test)
{
  int fd = new_socket (test);
  struct name local = test->peer;
  set_port (&local, 0);
  if (bind (fd, &local.any, local.length) != 0)
    broken (test, "bind", errno);
  return fd;
}

static int
socket_at_listener (struct test *test)
{
  int fd = new_socket (test);
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)) != 0)
    broken (test, "SO_REUSEADDR", errno);
  if (bind (fd, &test->listener.any, test->listener.length) != 0)
    broken (test, "bind to the listener's port", errno);
  return fd;
}

void
close_by_reset (int fd)
{
  struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

int
listener (struct test *test)
{
  /* What has no ports arrives at every socket.  */
  int fd = test->protocol->bit & PORTLESS ? new_socket (test)
                                          : socket_at_listener (test);
  if ((is_connection (test) || test->protocol->bit == SCTP_MANY)
      && listen (fd, 1) != 0)
    broken (test, "listen", errno);
  return fd;
}

struct test
by_tcp (const struct test *test)
{
  struct test plain = *test;
  plain.protocol = &protocols[0];
  return plain;
}

int
deaf_listener (struct test *test)
{
  /* MPTCP knows no filters.  */
  struct test plain = test->protocol->bit == MPTCP ? by_tcp (test) : *test;
  int fd = socket_at_listener (&plain);
  struct sock_filter drop = BPF_STMT (BPF_RET | BPF_K, 0);
  struct sock_fprog program = { .len = 1, .filter = &drop };
  if (setsockopt (fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program)
      != 0)
    broken (test, "SO_ATTACH_FILTER", errno);
  if (listen (fd, 1) != 0)
    broken (test, "listen", errno);
  return fd;
}

int
accepted (int listening)
{
  int fd;
  do
    fd = accept4 (listening, NULL, NULL, SOCK_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  return fd;
}

int
connect_by (connect_call *call, const struct test *test, int fd,
            const struct name *to)
{
  int before = errno;
  int tries = test->protocol->bit == DCCP ? 3 : 1;
  int returned;
  while ((returned = call (fd, &to->any, to->length)) != 0 && --tries > 0
         && errno == ECONNREFUSED)
    errno = before;
  return returned;
}

int
connected_socket (struct test *test)
{
  int fd = new_socket (test);
  if (is_connection (test))
    close_by_reset (fd);
  if (connect_by (connect, test, fd, &test->peer) != 0)
    broken (test, "connect", errno);
  return fd;
}

int
client_from_source (struct test *test)
{
  int fd = new_socket (test);
  close_by_reset (fd);
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)) != 0
      || bind (fd, &test->source.any, test->source.length) != 0)
    broken (test, "bind to the client's port", errno);
  if (connect (fd, &test->listener.any, test->listener.length) != 0)
    broken (test, "connect", errno);
  return fd;
}

int
nonblocking_socket (struct test *test)
{
  int fd = new_socket (test);
  if (ioctl (fd, FIONBIO, &(int){ 1 }) != 0)
    broken (test, "FIONBIO", errno);
  return fd;
}

int
reset_socket (struct test *test)
{
  int listening = listener (test);
  int fd = connected_socket (test);
  int server = accepted (listening);
  close_by_reset (server);
  close (server);
  await_end_of_stream (fd);
  return fd;
}

int
repaired_socket (struct test *test)
{
  int fd = bound_socket (test);
  if (setsockopt (fd, IPPROTO_TCP, TCP_REPAIR, &(int){ 1 }, sizeof (int)) != 0)
    {
      if (errno == EPERM)
        skip (test, "CAP_NET_ADMIN over the network namespace, for TCP_REPAIR");
      broken (test, "TCP_REPAIR", errno);
    }
  if (connect (fd, &test->peer.any, test->peer.length) != 0)
    broken (test, "connect under TCP_REPAIR", errno);
  return fd;
}

void
disconnect (struct test *test, int fd)
{
  struct sockaddr nobody = { .sa_family = AF_UNSPEC };
  if (test->entry->connect (fd, &nobody, sizeof nobody) != 0)
    broken (test, "connect to AF_UNSPEC", errno);
}

struct name
local_name (int fd)
{
  struct name name = { .length = sizeof name.storage };
  if (syscall (SYS_getsockname, fd, &name.any, &name.length) != 0)
    name.length = 0;
  return name;
}

void
await_end_of_stream (int fd)
{
  char byte;
  while (recv (fd, &byte, 1, 0) > 0)
    ;
}

struct name
link_local_peer (struct test *test)
{
  struct name peer = test->peer;
  if (inet_pton (AF_INET6, "fe80::1", &peer.in6.sin6_addr) != 1)
    broken (test, "inet_pton", 0);
  peer.in6.sin6_scope_id = if_nametoindex ("lo");

  struct
  {
    struct in6_addr address;
    uint32_t prefix_length;
    int interface;
  } request = { peer.in6.sin6_addr, 64, (int) peer.in6.sin6_scope_id };
  int fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (ioctl (fd, SIOCSIFADDR, &request) != 0 && errno != EEXIST)
    {
      if (errno == EPERM)
        skip (test, "CAP_NET_ADMIN over the network namespace, to add an "
                    "address");
      broken (test, "SIOCSIFADDR", errno);
    }
  close (fd);

  /* The address can be used once the kernel's worker has looked at it, even
     though the loopback interface knows no duplicates (addrconf_dad_begin()
     in Linux's net/ipv6/addrconf.c).  */
  struct name probe = peer;
  set_port (&probe, 0);
  fd = socket (AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  while (bind (fd, &probe.any, probe.length) != 0)
    {
      if (errno != EADDRNOTAVAIL)
        broken (test, "bind to fe80::1", errno);
      sched_yield ();
    }
  close (fd);
  return peer;
}
