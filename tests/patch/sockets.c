/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See sockets.h.  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sockets.h"

struct sockaddr_in
loopback (in_port_t port)
{
  return (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_port = htons (port),
                               .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
}

int
udp_at_port_0 (int family)
{
  int fd = socket (family, SOCK_DGRAM, 0);
  struct sockaddr_in peer = loopback (0);
  struct sockaddr_in6 peer6
      = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
  int result = family == AF_INET
                   ? connect (fd, (struct sockaddr *) &peer, sizeof peer)
                   : connect (fd, (struct sockaddr *) &peer6, sizeof peer6);
  if (result != 0)
    err (BROKEN, "connect");
  return fd;
}

int
connect_udp (const char *address, in_port_t port, int fd)
{
  struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons (port) };
  inet_pton (AF_INET, address, &peer.sin_addr);
  if (fd < 0)
    fd = socket (AF_INET, SOCK_DGRAM, 0);
  if (connect (fd, (struct sockaddr *) &peer, sizeof peer) != 0)
    err (BROKEN, "connect");
  return fd;
}

int
ask_for_port_0 (int fd, in_addr_t address)
{
  struct sockaddr_in name = { 0 };
  socklen_t size = sizeof name;
  if (getpeername (fd, (struct sockaddr *) &name, &size) != 0)
    return errno;
  return name.sin_addr.s_addr == address && name.sin_port == 0 ? 0 : -1;
}

int
listening (in_port_t port)
{
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in name = loopback (port);
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)) != 0
      || bind (fd, (struct sockaddr *) &name, sizeof name) != 0
      || listen (fd, 8) != 0)
    err (BROKEN, "listen");
  return fd;
}

in_port_t
port_of (int fd)
{
  struct sockaddr_in name = { 0 };
  socklen_t size = sizeof name;
  if (getsockname (fd, (struct sockaddr *) &name, &size) != 0)
    err (BROKEN, "getsockname");
  return ntohs (name.sin_port);
}

int
tcp (in_port_t port, in_port_t source_port)
{
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in name = loopback (port);
  struct sockaddr_in source = loopback (source_port);
  struct linger at_once = { .l_onoff = 1 };
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)) != 0
      || setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0
      || bind (fd, (struct sockaddr *) &source, sizeof source) != 0
      || connect (fd, (struct sockaddr *) &name, sizeof name) != 0)
    err (BROKEN, "connect");
  return fd;
}

static int
mptcp_at_port_0 (void)
{
  int fd = socket (AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
  struct sockaddr_in name = loopback (0);
  if (connect (fd, (struct sockaddr *) &name, sizeof name) != 0)
    err (BROKEN, "MPTCP");
  return fd;
}

int
connected_by (const char *way)
{
  if (strcmp (way, "tcp") == 0)
    return tcp (0, 0);
  if (strcmp (way, "udp") == 0)
    return udp_at_port_0 (AF_INET);
  if (strcmp (way, "udp6") == 0)
    return udp_at_port_0 (AF_INET6);
  if (strcmp (way, "mptcp") == 0)
    return mptcp_at_port_0 ();
  errx (BROKEN, "no way '%s'", way);
}

int
client_at_port_0 (int *server)
{
  if (*server >= 0)
    close (*server);
  *server = listening (0);
  return tcp (port_of (*server), SOURCE);
}

int
lowest_free (void)
{
  int fd = dup (0);
  if (fd >= 0)
    syscall (SYS_close_range, fd, fd, 0);
  return fd;
}

bool
is_port_0_of_loopback (const struct sockaddr_storage *name, socklen_t size)
{
  const struct sockaddr_in *in = (const struct sockaddr_in *) name;
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) name;
  if (name->ss_family == AF_INET)
    return size == sizeof *in && in->sin_port == 0
           && in->sin_addr.s_addr == htonl (INADDR_LOOPBACK);
  return name->ss_family == AF_INET6 && size == sizeof *in6
         && in6->sin6_port == 0 && IN6_IS_ADDR_LOOPBACK (&in6->sin6_addr);
}
