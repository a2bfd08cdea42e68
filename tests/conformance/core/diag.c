/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asking sock_diag(7) and proc(5).  */

#define _GNU_SOURCE
#include "diag.h"
#include "runner.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
enum
{
  REQUEST_PROTOCOL = 3, /* INET_DIAG_REQ_PROTOCOL: numbers above 255.  */
  DESTROY = 21          /* SOCK_DESTROY  */
};

struct request
{
  struct nlmsghdr header;
  struct inet_diag_req_v2 body;
  struct nlattr attribute;
  uint32_t protocol;
};

static struct name
name_of (const struct test *test, const struct inet_diag_msg *found)
{
  struct name name = test->peer;
  memset (&name.storage, 0, sizeof name.storage);
  name.any.sa_family = test->peer.any.sa_family;
  if (name.any.sa_family == AF_INET)
    {
      name.in.sin_port = found->id.idiag_dport;
      memcpy (&name.in.sin_addr, found->id.idiag_dst, 4);
    }
  else
    {
      name.in6.sin6_port = found->id.idiag_dport;
      memcpy (&name.in6.sin6_addr, found->id.idiag_dst, 16);
    }
  return name;
}

static struct request
request_for (const struct test *test, int type, int flags)
{
  int number = test->protocol->number;
  struct request request = {
    .header = { .nlmsg_type = (unsigned short) type,
                .nlmsg_flags = (unsigned short) (NLM_F_REQUEST | flags) },
    .body = { .sdiag_family = (unsigned char) test->family->domain,
              .sdiag_protocol = (unsigned char) number,
              .idiag_states = ~0U },
    .attribute = { .nla_len = sizeof (struct nlattr) + sizeof (uint32_t),
                   .nla_type = REQUEST_PROTOCOL },
    .protocol = (uint32_t) number,
  };
  if (test->protocol->bit == RAW)
    {
      /* They are one table, and the protocol is a filter in it.  */
      request.body.sdiag_protocol = IPPROTO_RAW;
      request.body.pad = (unsigned char) number;
    }
  request.header.nlmsg_len
      = number > 255 ? sizeof request : offsetof (struct request, attribute);
  return request;
}

/* Find the entry of FD in the answer to a REQUEST.  */
static bool
find_by (struct test *test, int fd, const void *request, size_t length,
         struct inet_diag_msg *found)
{
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (getsockopt (fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0)
    broken (test, "SO_COOKIE", errno);
  int diag = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (diag < 0 || send (diag, request, length, 0) < 0)
    broken (test, "sock_diag", errno);
  bool is_found = false;
  while (true)
    {
      static union
      {
        struct nlmsghdr first;
        char bytes[32768];
      } answer;
      ssize_t got = recv (diag, &answer, sizeof answer, 0);
      if (got <= 0)
        broken (test, "sock_diag's answer", errno);
      size_t left = (size_t) got;
      for (struct nlmsghdr *part = &answer.first; NLMSG_OK (part, left);
           part = NLMSG_NEXT (part, left))
        {
          /* For want of a handler, the end of the dump is an error.  */
          if (part->nlmsg_type == NLMSG_ERROR
              || (part->nlmsg_type == NLMSG_DONE
                  && *(const int *) NLMSG_DATA (part) < 0))
            {
              char missing[100];
              snprintf (missing, sizeof missing,
                        "sock_diag for %s in this kernel "
                        "(CONFIG_INET_..._DIAG)",
                        test->protocol->name);
              skip (test, missing);
            }
          if (part->nlmsg_type == NLMSG_DONE)
            {
              close (diag);
              return is_found;
            }
          struct inet_diag_msg *entry = NLMSG_DATA (part);
          uint64_t its = entry->id.idiag_cookie[0]
                         | (uint64_t) entry->id.idiag_cookie[1] << 32;
          if (its == cookie)
            {
              *found = *entry;
              is_found = true;
            }
        }
    }
}

/* Find the entry of FD.  */
static bool
find (struct test *test, int fd, struct inet_diag_msg *found)
{
  struct request request = request_for (test, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  return find_by (test, fd, &request, request.header.nlmsg_len, found);
}

bool
is_in_diag (struct test *test, int fd, enum diag_question question,
            in_port_t port)
{
  struct
  {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
    struct nlattr attribute;
    struct inet_diag_bc_op operation;
    struct inet_diag_hostcond condition;
  } request = { 0 };
  struct request any = request_for (test, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP);
  request.header = any.header;
  request.body = any.body;
  request.header.nlmsg_len = offsetof (__typeof__ (request), attribute);
  if (question == BY_IDENTITY)
    request.body.id.idiag_dport = htons (port);
  else
    {
      request.header.nlmsg_len = sizeof request;
      request.attribute.nla_type = INET_DIAG_REQ_BYTECODE;
      request.attribute.nla_len
          = sizeof request - offsetof (__typeof__ (request), attribute);
      /* Where to go on if it is so: behind the last instruction, which takes
         the socket; and if not: beyond that, which does not.  */
      size_t size = sizeof request.operation + sizeof request.condition;
      request.operation
          = (struct inet_diag_bc_op){ .code = INET_DIAG_BC_D_COND,
                                      .yes = (unsigned char) size,
                                      .no = (unsigned short) (size + 4) };
      request.condition.port = port;
    }
  struct inet_diag_msg found;
  return find_by (test, fd, &request, request.header.nlmsg_len, &found);
}

struct name
peer_by_diag (struct test *test, int fd, int *state)
{
  struct inet_diag_msg found;
  struct name nobody = { 0 };
  bool is_found = find (test, fd, &found);
  if (state != NULL)
    *state = is_found ? found.idiag_state : 0;
  return is_found ? name_of (test, &found) : nobody;
}

void
destroy_by_diag (struct test *test, int fd)
{
  struct inet_diag_msg found;
  if (!find (test, fd, &found))
    broken (test, "the socket is not in sock_diag's table", 0);
  struct
  {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
  } request
      = { .header = { .nlmsg_len = sizeof request,
                      .nlmsg_type = DESTROY,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
          .body = { .sdiag_family = (unsigned char) test->family->domain,
                    .sdiag_protocol = (unsigned char) test->protocol->number,
                    .idiag_states = ~0U,
                    .id = found.id } };
  struct
  {
    struct nlmsghdr header;
    struct nlmsgerr error;
    char more[200];
  } answer;
  int diag = socket (AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (send (diag, &request, sizeof request, 0) < 0
      || recv (diag, &answer, sizeof answer, 0) < 0)
    broken (test, "SOCK_DESTROY", errno);
  close (diag);
  if (answer.error.error == -EOPNOTSUPP)
    skip (test, "CONFIG_INET_DIAG_DESTROY in this kernel");
  if (answer.error.error == -EPERM)
    skip (test, "CAP_NET_ADMIN, to end a connection");
  if (answer.error.error != 0)
    broken (test, "SOCK_DESTROY", -answer.error.error);
}

/* Read HEX, an address of SIZE bytes as /proc/net prints it: words in the
   byte order of this machine.  */
static void
read_address (const char *hex, unsigned char *bytes, size_t size)
{
  for (size_t word = 0; word < size / 4; word++)
    {
      unsigned value = 0;
      sscanf (hex + 8 * word, "%8x", &value);
      memcpy (bytes + 4 * word, &value, 4);
    }
}

struct name
peer_by_proc (struct test *test, int fd)
{
  struct stat status;
  struct name peer = { 0 };
  if (fstat (fd, &status) != 0)
    broken (test, "fstat", errno);
  bool wide = test->family->domain == AF_INET6;
  const char *table = test->protocol->bit == TCP       ? "tcp"
                      : test->protocol->bit == UDP     ? "udp"
                      : test->protocol->bit == UDPLITE ? "udplite"
                      : test->protocol->bit == RAW     ? "raw"
                                                       : "icmp";
  char path[100], line[1000];
  snprintf (path, sizeof path, "/proc/net/%s%s", table, wide ? "6" : "");
  FILE *lines = fopen (path, "re");
  if (lines == NULL)
    skip (test, path);
  while (fgets (line, sizeof line, lines) != NULL)
    {
      char remote[80];
      unsigned port;
      unsigned long inode;
      if (sscanf (line,
                  " %*[^:]: %*s %79[0-9A-F]:%x %*s %*s %*s %*s %*s %*s %lu",
                  remote, &port, &inode)
              != 3
          || inode != status.st_ino)
        continue;
      peer = test->peer;
      if (wide)
        read_address (remote, peer.in6.sin6_addr.s6_addr, 16);
      else
        read_address (remote, (unsigned char *) &peer.in.sin_addr, 4);
      set_port (&peer, (in_port_t) port);
    }
  fclose (lines);
  return peer;
}
