/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Holds accept() and accept4() against the raw system call, for clients that
   are not at port 0: in each family and for each fate of the client, whatever
   the arguments, the wrappers must do what the kernel does.

   usage: accept [all]
   Prints a line for each family.  With "all", a family that this kernel does
   not have is an error.  Exit status 0 if there was no difference.  */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "sockets.h"

enum
{
  SERVICE = 18000 /* Of TIPC; any that is not reserved.  */
};

union name
{
  struct sockaddr sa;
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_un un;
  struct sockaddr_vm vm;
  struct sockaddr_tipc tipc;
  unsigned char bytes[sizeof (struct sockaddr_storage)];
};

static const struct kind
{
  const char *text;
  int family, type, protocol;
  bool is_bound; /* The client has a name (AF_UNIX).  */
} kinds[] = {
  { "TCP, IPv4", AF_INET, SOCK_STREAM, IPPROTO_TCP, false },
  { "TCP, IPv6", AF_INET6, SOCK_STREAM, IPPROTO_TCP, false },
  { "MPTCP, IPv4", AF_INET, SOCK_STREAM, IPPROTO_MPTCP, false },
  { "MPTCP, IPv6", AF_INET6, SOCK_STREAM, IPPROTO_MPTCP, false },
  { "SCTP, IPv4", AF_INET, SOCK_STREAM, IPPROTO_SCTP, false },
  { "SCTP, IPv6", AF_INET6, SOCK_STREAM, IPPROTO_SCTP, false },
  { "UNIX, unnamed client", AF_UNIX, SOCK_STREAM, 0, false },
  { "UNIX, named client", AF_UNIX, SOCK_STREAM, 0, true },
  { "UNIX, packets", AF_UNIX, SOCK_SEQPACKET, 0, false },
  { "TIPC, stream", AF_TIPC, SOCK_STREAM, 0, false },
  { "TIPC, packets", AF_TIPC, SOCK_SEQPACKET, 0, false },
  { "VSOCK", AF_VSOCK, SOCK_STREAM, 0, false },
};

/* What becomes of the client before its connection is accepted.  */
enum fate
{
  STAYS,
  CLOSES,
  RESETS,
  FATES
};

/* Who accepts.  */
enum entry
{
  SYSCALL,
  ACCEPT,
  ACCEPT4,
  ENTRIES
};

/* Where the arguments point to.  */
static const struct arguments
{
  const char *text;
  enum
  {
    GOOD,
    NO_NAME,
    BAD_NAME,
    NO_SIZE,
    BAD_SIZE
  } pointers;
  int given; /* The size of the buffer.  */
} arguments[] = {
  { "a large buffer", GOOD, sizeof (union name) },
  { "15 bytes", GOOD, 15 },
  { "16 bytes", GOOD, 16 },
  { "28 bytes", GOOD, 28 },
  { "1 byte", GOOD, 1 },
  { "no bytes", GOOD, 0 },
  { "a negative size", GOOD, -1 },
  { "no name", NO_NAME, 16 },
  { "a bad name", BAD_NAME, 16 },
  { "a bad name of no bytes", BAD_NAME, 0 },
  { "no size", NO_SIZE, 0 },
  { "a bad size", BAD_SIZE, 0 },
};

/* What there is to see of a call.  */
struct observation
{
  int error; /* 0: success.  */
  int flags; /* Of the new descriptor.  */
  socklen_t size;
  bool is_clients; /* What was stored is the client's own name.  */
  bool is_tail_touched;
  int family;
};

static socklen_t
name_server (const struct kind *kind, union name *name)
{
  memset (name, 0, sizeof *name);
  name->sa.sa_family = (sa_family_t) kind->family;
  switch (kind->family)
    {
    case AF_INET:
      name->in.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
      return sizeof name->in;
    case AF_INET6:
      name->in6.sin6_addr = in6addr_loopback;
      return sizeof name->in6;
    case AF_VSOCK:
      name->vm.svm_cid = VMADDR_CID_LOCAL;
      name->vm.svm_port = VMADDR_PORT_ANY;
      return sizeof name->vm;
    case AF_TIPC:
      name->tipc.addrtype = TIPC_SERVICE_RANGE;
      name->tipc.scope = TIPC_NODE_SCOPE;
      name->tipc.addr.nameseq.type = SERVICE;
      return sizeof name->tipc;
    default:
      /* An abstract name of the kernel's choice.  */
      return sizeof (sa_family_t);
    }
}

/* Listen; store in NAME where to connect to.  Return -1 if there are no
   such sockets here.  */
static int
serve (const struct kind *kind, union name *name, socklen_t *size)
{
  int fd = socket (kind->family, kind->type, kind->protocol);
  if (fd < 0)
    return -1;
  *size = name_server (kind, name);
  if (bind (fd, &name->sa, *size) != 0 || listen (fd, 1) != 0)
    {
      close (fd);
      return -1;
    }
  if (kind->family == AF_TIPC)
    {
      /* The service's name, not the socket's.  */
      name->tipc.addrtype = TIPC_SERVICE_ADDR;
      name->tipc.addr.name.name.type = SERVICE;
      return fd;
    }
  *size = sizeof *name;
  if (getsockname (fd, &name->sa, size) != 0)
    err (BROKEN, "getsockname");
  return fd;
}

/* Connect; store in NAME how the client is called.  */
static int
connect_to (const struct kind *kind, const union name *server,
            socklen_t server_size, union name *name)
{
  struct linger at_once = { .l_onoff = 1 };
  socklen_t size = sizeof *name;
  int fd = socket (kind->family, kind->type, kind->protocol);
  sa_family_t family = AF_UNIX;
  if (kind->is_bound
      && bind (fd, (struct sockaddr *) &family, sizeof family) != 0)
    err (BROKEN, "bind");
  if (kind->family != AF_TIPC
      && setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) != 0)
    err (BROKEN, "SO_LINGER");
  /* Only accept establishes a connection of TIPC.  */
  if (kind->family == AF_TIPC)
    fcntl (fd, F_SETFL, O_NONBLOCK);
  if (connect (fd, &server->sa, server_size) != 0 && errno != EINPROGRESS)
    err (BROKEN, "%s: connect", kind->text);
  memset (name, 0, sizeof *name);
  if (getsockname (fd, &name->sa, &size) != 0)
    err (BROKEN, "getsockname");
  return fd;
}

static void
leave (const struct kind *kind, int client, enum fate fate)
{
  if (fate == CLOSES && kind->family != AF_TIPC
      && setsockopt (client, SOL_SOCKET, SO_LINGER, &(struct linger){ 0 },
                     sizeof (struct linger))
             != 0)
    err (BROKEN, "SO_LINGER");
  if (fate != STAYS)
    close (client);
}

static struct observation
accept_one (const struct kind *kind, enum fate fate,
            const struct arguments *given, enum entry entry, int flags)
{
  union name server_name, client_name, name;
  socklen_t server_size = 0;
  int server = serve (kind, &server_name, &server_size);
  if (server < 0)
    err (BROKEN, "%s", kind->text);
  int client = connect_to (kind, &server_name, server_size, &client_name);
  leave (kind, client, fate);

  socklen_t size = (socklen_t) given->given;
  memset (&name, 0xa5, sizeof name);
  struct sockaddr *to = given->pointers == NO_NAME    ? NULL
                        : given->pointers == BAD_NAME ? (void *) 8
                                                      : &name.sa;
  socklen_t *length = given->pointers == NO_SIZE    ? NULL
                      : given->pointers == BAD_SIZE ? (void *) 8
                                                    : &size;
  errno = 0;
  int fd = entry == SYSCALL
               ? (int) syscall (SYS_accept4, server, to, length, flags)
           : entry == ACCEPT ? accept (server, to, length)
                             : accept4 (server, to, length, flags);
  struct observation observed = { .error = fd < 0 ? errno : 0, .size = size };
  socklen_t stored = 0;
  if (fd >= 0)
    {
      stored = given->pointers != GOOD           ? 0
               : size < (socklen_t) given->given ? size
                                                 : (socklen_t) given->given;
      observed.flags = fcntl (fd, F_GETFL) | fcntl (fd, F_GETFD);
      observed.is_clients = memcmp (&name, &client_name, stored) == 0;
      observed.family = stored < sizeof (sa_family_t) ? 0 : name.sa.sa_family;
      close (fd);
    }
  for (size_t i = stored; i < sizeof name; i++)
    observed.is_tail_touched |= name.bytes[i] != 0xa5;
  if (fate == STAYS)
    close (client);
  close (server);
  return observed;
}

static void
print (const char *entry, const struct observation *observed)
{
  printf ("  %-8s %s, flags %#x, size %d, family %d, %s%s\n", entry,
          observed->error == 0 ? "accepts" : strerrorname_np (observed->error),
          (unsigned) observed->flags, (int) observed->size, observed->family,
          observed->is_clients ? "the client's name" : "another name",
          observed->is_tail_touched ? ", tail touched" : "");
}

/* Return how often a wrapper did not do what the kernel does.  */
static int
compare (const struct kind *kind)
{
  static const char *const fates[] = { "stays", "closes", "resets" };
  static const char *const entries[] = { "syscall", "accept", "accept4" };
  int before = lowest_free (), compared = 0, different = 0, succeeded = 0;
  for (int fate = 0; fate < FATES; fate++)
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
      for (int entry = ACCEPT; entry < ENTRIES; entry++)
        {
          int flags = entry == ACCEPT ? 0 : SOCK_NONBLOCK | SOCK_CLOEXEC;
          struct observation expected = accept_one (
              kind, (enum fate) fate, &arguments[i], SYSCALL, flags);
          struct observation got = accept_one (kind, (enum fate) fate,
                                               &arguments[i], entry, flags);
          compared++;
          succeeded += expected.error == 0;
          if (got.error == expected.error && got.flags == expected.flags
              && got.size == expected.size && got.family == expected.family
              && got.is_clients == expected.is_clients
              && got.is_tail_touched == expected.is_tail_touched)
            continue;
          different++;
          printf ("%s, client %s, %s:\n", kind->text, fates[fate],
                  arguments[i].text);
          print (entries[SYSCALL], &expected);
          print (entries[entry], &got);
        }
  if (lowest_free () != before)
    {
      printf ("%s: a descriptor was left\n", kind->text);
      different++;
    }
  printf ("%-22s compared %d  accepted %d  different %d\n", kind->text,
          compared, succeeded, different);
  return different;
}

/* What fails before there is a connection.  */
static int
compare_refusals (void)
{
  int pair[2], different = 0;
  if (pipe (pair) != 0)
    err (BROKEN, "pipe");
  int idle = listening (0);
  int fresh = socket (AF_INET, SOCK_STREAM, 0);
  int datagrams = socket (AF_INET, SOCK_DGRAM, 0);
  fcntl (idle, F_SETFL, O_NONBLOCK);
  int fds[] = { -1, pair[0], fresh, datagrams, idle };
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
    for (int flags = 0; flags < 2; flags++)
      {
        union name name;
        socklen_t size = sizeof name;
        errno = 0;
        long expected = syscall (SYS_accept4, fds[i], &name.sa, &size, flags);
        int error = errno;
        errno = 0;
        if (accept4 (fds[i], &name.sa, &size, flags) != expected
            || errno != error || size != sizeof name)
          {
            printf ("refusal %zu, flags %d: %s\n", i, flags,
                    strerrorname_np (errno));
            different++;
          }
      }
  return different;
}

int
main (int argc, char **argv)
{
  bool must_have_all = argc == 2 && strcmp (argv[1], "all") == 0;
  int different = compare_refusals (), missing = 0;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    {
      union name name;
      socklen_t size;
      int fd = serve (&kinds[i], &name, &size);
      if (fd < 0)
        {
          printf ("%-22s not here: %s\n", kinds[i].text,
                  strerrorname_np (errno));
          missing++;
          continue;
        }
      close (fd);
      different += compare (&kinds[i]);
    }
  if (must_have_all && missing > 0)
    return BROKEN;
  return different == 0 ? 0 : 1;
}
