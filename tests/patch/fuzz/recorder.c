/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes records (see kernel.h) of the real kernel: of sockets of each kind
   with a peer at port 0, in files in the current folder.  They are what the
   fuzzer starts from.

   usage: recorder PORT, where PORT is one to which connections to port 0 go
   Exit status 0 if the peer of each socket was named.  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <linux/inet_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel.h"

static FILE *record;
int __port0_peers = 2;

/* Take down that a system call with RESULT was made.  */
static int
note (long result)
{
  fputc (0, record);
  return (int) (result < 0 ? -errno : result);
}

int
kernel_getsockopt (int fd, int level, int name, void *value, socklen_t *size)
{
  return note (syscall (SYS_getsockopt, fd, level, name, value, size));
}

int
kernel_getsockname (int fd, void *name, socklen_t *size)
{
  return note (syscall (SYS_getsockname, fd, name, size));
}

int
kernel_getpeername (int fd, void *name, socklen_t *size)
{
  return note (syscall (SYS_getpeername, fd, name, size));
}

int
kernel_socket (int family, int type, int protocol)
{
  return note (syscall (SYS_socket, family, type, protocol));
}

int
kernel_sendto (int fd, const void *data, size_t size, int flags,
               const void *name, socklen_t name_size)
{
  return note (syscall (SYS_sendto, fd, data, size, flags, name, name_size));
}

int
kernel_recvfrom (int fd, void *data, size_t size, int flags, void *name,
                 socklen_t *name_size)
{
  int result
      = note (syscall (SYS_recvfrom, fd, data, size, flags, name, name_size));
  if (result >= 0 && data != NULL)
    {
      fputc (result & 0xff, record);
      fputc (result >> 8, record);
      fwrite (data, 1, MIN ((size_t) result, size), record);
    }
  return result;
}

int
kernel_sigprocmask (int how, const sigset_t *set, sigset_t *old)
{
  return sigprocmask (how, set, old);
}

void
kernel_close (int fd)
{
  close (fd);
}

static int
is_refused (int result)
{
  if (result != 0)
    warn ("cannot make such a socket");
  return result;
}

/* Connect a socket to port 0 of ADDRESS and write the record of asking for
   its peer.  Return 1 if it was not named.  */
static int
write_record (const char *name, int protocol_index, bool is_inet6,
              const char *address, bool is_accept)
{
  static const int protocols[] = PROTOCOLS;
  int protocol = protocols[protocol_index];
  bool is_stream = protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
  union
  {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
  } peer = { .sa.sa_family = is_inet6 ? AF_INET6 : AF_INET };
  void *binary
      = is_inet6 ? (void *) &peer.in6.sin6_addr : (void *) &peer.in.sin_addr;
  socklen_t size = is_inet6 ? sizeof peer.in6 : sizeof peer.in;
  inet_pton (peer.sa.sa_family, address, binary);
  int fd = socket (peer.sa.sa_family, is_stream ? SOCK_STREAM : SOCK_DGRAM,
                   protocol);
  if (fd < 0)
    return is_refused (1);
  if (connect (fd, &peer.sa, size) != 0)
    return is_refused (1);

  struct truth truth = { .is_accept = is_accept,
                         .is_inet6 = is_inet6,
                         .protocol = (uint8_t) protocol_index,
                         .state = TCP_ESTABLISHED,
                         .given = (uint8_t) size };
  socklen_t cookie_size = sizeof truth.cookie;
  if (getsockopt (fd, SOL_SOCKET, SO_COOKIE, &truth.cookie, &cookie_size) != 0)
    err (1, "SO_COOKIE");
  memcpy (truth.peer, binary, is_inet6 ? 16 : 4);
  getsockname (fd, &peer.sa, &size);
  memcpy (truth.local, binary, is_inet6 ? 16 : 4);
  truth.port = peer.in.sin_port;

  record = fopen (name, "w");
  if (record == NULL)
    err (1, "%s", name);
  fwrite (&truth, sizeof truth, 1, record);
  int result = is_accept ? __accept_name_peer (fd, &peer.sa, &size)
                         : __getpeername_failed (fd, &peer.sa, &size, ENOTCONN);
  if (fclose (record) != 0)
    err (1, "%s", name);
  close (fd);
  if (result < 0 || peer.in.sin_port != 0)
    {
      warnx ("%s: the peer was not named", name);
      return 1;
    }
  return 0;
}

static void
listen_at (int port)
{
  struct sockaddr_in6 name
      = { .sin6_family = AF_INET6, .sin6_port = htons ((in_port_t) port) };
  int fd = socket (AF_INET6, SOCK_STREAM, 0);
  if (setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int)) != 0
      || bind (fd, (struct sockaddr *) &name, sizeof name) != 0
      || listen (fd, 10) != 0)
    err (1, "listen");
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    errx (2, "usage: recorder PORT");
  listen_at (atoi (argv[1]));
  int unnamed = 0;
  unnamed += write_record ("tcp", 0, false, "127.0.0.1", false);
  unnamed += write_record ("tcp6", 0, true, "::1", false);
  unnamed += write_record ("udp", 1, false, "127.0.0.1", false);
  unnamed += write_record ("udp6", 1, true, "::1", false);
  unnamed += write_record ("mapped", 1, true, "::ffff:127.0.0.1", false);
  unnamed += write_record ("udplite", 2, false, "127.0.0.1", false);
  unnamed += write_record ("mptcp", 3, false, "127.0.0.1", false);
  unnamed += write_record ("accept", 0, false, "127.0.0.1", true);
  return unnamed == 0 ? 0 : 1;
}
