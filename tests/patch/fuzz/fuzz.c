/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A fuzzer (libFuzzer) for the part of the glibc series that talks to the
   kernel.  Its input is a record (see kernel.h): the truth about a socket, and
   how each system call ends.  Where the record says so, a call fails with any
   error number, or ends well with another size or value than it should; the
   replies of sock_diag are whatever bytes the record has.

   The one thing that this kernel does not do is to lie about the peer of the
   very socket: where a reply has its identity, it has its peer.  Hence the
   rules that are checked: the right peer or the kernel's own error, nothing
   written past the caller's buffer, errno as it was on success, no descriptor
   left, no signal left blocked.  */

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/param.h>

#include "kernel.h"

enum
{
  FD = 3,   /* The socket.  */
  DIAG = 4, /* The socket for sock_diag.  */
  ERRNO = 12345,
  LONGEST = 8192 /* Of the kernel's replies.  */
};

int __port0_peers = 2;

static const int protocols[] = PROTOCOLS;
static struct truth truth;
static const uint8_t *rest;
static size_t left;
static int open_descriptors;
static bool is_blocked, is_fault, is_storing;
static socklen_t length; /* The caller's.  */
static int own_error;    /* What getpeername itself said last.  */
static int first_error;  /* And at first, or 0.  */

/* The reply that is to be received next, and taken off then.  */
static struct
{
  bool is_there;
  struct sockaddr_nl sender;
  socklen_t sender_size;
  int length; /* What it says itself; its bytes may be fewer.  */
  size_t given;
  uint8_t bytes[LONGEST];
} pending;

static void
must (bool condition)
{
  if (!condition)
    __builtin_trap ();
}

static uint8_t
next_byte (void)
{
  if (left == 0)
    return 0;
  left--;
  return *rest++;
}

static bool
is_odd (void)
{
  return next_byte () >= ODD;
}

/* The value of a system call that failed.  */
static int
failure (void)
{
  int error_number = 1 + next_byte () % 133;
  return -error_number;
}

/* Fill SIZE bytes at VALUE from the record.  */
static void
fill (void *value, size_t size)
{
  uint8_t *bytes = value;
  for (size_t i = 0; i < size; i++)
    bytes[i] = next_byte ();
}

static socklen_t
name_size (void)
{
  return truth.is_inet6 ? sizeof (struct sockaddr_in6)
                        : sizeof (struct sockaddr_in);
}

static bool
is_stream (void)
{
  int protocol = protocols[truth.protocol];
  return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

/* Give the caller a socket address as the kernel does.  */
static int
give_name (void *to, socklen_t *size, const uint8_t *address, in_port_t port)
{
  struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = port };
  memcpy (&in.sin_addr, address, sizeof in.sin_addr);
  memcpy (&in6.sin6_addr, address, sizeof in6.sin6_addr);
  if (address == truth.peer
      && (IN6_IS_ADDR_LINKLOCAL (&in6.sin6_addr)
          || IN6_IS_ADDR_MC_LINKLOCAL (&in6.sin6_addr)
          || IN6_IS_ADDR_MC_NODELOCAL (&in6.sin6_addr)))
    in6.sin6_scope_id = truth.interface;
  memcpy (to, truth.is_inet6 ? (void *) &in6 : (void *) &in,
          MIN (*size, name_size ()));
  *size = name_size ();
  return 0;
}

static in_port_t
port_of_peer (void)
{
  return truth.is_reset ? htons (7) : 0;
}

/* Give the caller the value of an option.  */
static int
give (void *to, socklen_t *size, const void *value, socklen_t value_size)
{
  memcpy (to, value, MIN (*size, value_size));
  *size = MIN (*size, value_size);
  return 0;
}

/* The way to have the kernel read the caller's length and do nothing else: an
   option that there is not.  */
static int
read_length (void)
{
  is_storing = true;
  int result = !is_odd () ? -ENOPROTOOPT : next_byte () < ODD ? failure () : 0;
  is_fault |= result == -EFAULT || result == -EINVAL;
  return result;
}

int
kernel_getsockopt (int fd, int level, int name, void *value, socklen_t *size)
{
  must (fd == FD);
  if (level == SOL_SOCKET && name == -1)
    {
      must (value == NULL && size == &length);
      return read_length ();
    }
  if (is_odd ())
    {
      if (name == SO_PEERNAME || next_byte () < ODD)
        return failure ();
      uint8_t told = next_byte ();
      fill (value, MIN (*size, told));
      *size = told;
      return 0;
    }
  int family = AF_INET6;
  int type = is_stream () ? SOCK_STREAM : SOCK_DGRAM;
  if (level == IPPROTO_TCP && name == TCP_INFO)
    {
      if (is_stream ())
        return give (value, size, &truth.state, 1);
      return truth.is_inet6 ? -ENOPROTOOPT : -EOPNOTSUPP;
    }
  if (level == IPPROTO_IPV6 && name == IPV6_ADDRFORM)
    return give (value, size, &family, sizeof family);
  must (level == SOL_SOCKET);
  switch (name)
    {
    case SO_PROTOCOL:
      return give (value, size, &protocols[truth.protocol], sizeof (int));
    case SO_TYPE:
      return give (value, size, &type, sizeof type);
    case SO_COOKIE:
      return give (value, size, &truth.cookie, sizeof truth.cookie);
    case SO_PEERNAME:
      if (!truth.is_reset)
        return -ENOTCONN;
      /* It refuses to make it longer.  */
      if (*size > name_size ())
        return -EINVAL;
      return give_name (value, &(socklen_t){ *size }, truth.peer,
                        port_of_peer ());
    default:
      must (false);
      return -ENOPROTOOPT;
    }
}

int
kernel_getsockname (int fd, void *name, socklen_t *size)
{
  must (fd == FD);
  if (is_odd ())
    {
      if (next_byte () < ODD)
        {
          int result = failure ();
          is_fault |= is_storing && (result == -EFAULT || result == -EINVAL);
          return result;
        }
      fill (name, MIN (*size, name_size ()));
      *size = next_byte ();
      return 0;
    }
  return give_name (name, size, truth.local, (in_port_t) truth.port);
}

int
kernel_getpeername (int fd, void *name, socklen_t *size)
{
  must (fd == FD);
  (void) name;
  (void) size;
  if (is_odd ())
    {
      int result = failure ();
      is_fault |= result == -EFAULT || result == -EINVAL;
      own_error = -result;
      first_error = first_error != 0 ? first_error : own_error;
      return result;
    }
  own_error = ENOTCONN;
  first_error = first_error != 0 ? first_error : own_error;
  return -ENOTCONN;
}

int
kernel_socket (int family, int type, int protocol)
{
  must (family == AF_NETLINK && type == (SOCK_RAW | SOCK_CLOEXEC)
        && protocol == NETLINK_SOCK_DIAG && is_blocked);
  if (is_odd ())
    return failure ();
  open_descriptors++;
  return DIAG;
}

int
kernel_sendto (int fd, const void *data, size_t size, int flags,
               const void *name, socklen_t name_length)
{
  const struct nlmsghdr *header = data;
  must (fd == DIAG && header->nlmsg_len == size && (flags & MSG_DONTWAIT) != 0
        && name_length == 0 && name == NULL);
  if (is_odd ())
    return next_byte () < ODD ? failure () : next_byte ();
  return (int) size;
}

/* What becomes of the entry of the socket in a reply.  */
enum entry
{
  TRUE,         /* It has the true peer.  */
  FALSE,        /* It has another one.  */
  OTHER_COOKIE, /* So it has, and it is that of another socket.  */
  OTHER_FAMILY,
  OTHER_PORT /* Or the peer is at another port.  */
};

/* How many kinds of replies there are in kernel_recvfrom.  */
enum
{
  KINDS = 10
};

/* Make the entries of the socket in a reply what ENTRY says.  Return whether
   that changed anything: another place may overlap.  */
static bool
make_entries (uint8_t *reply, size_t size, enum entry entry)
{
  bool is_changed = false;
  for (size_t at = 0; at + sizeof (struct inet_diag_msg) <= size; at++)
    {
      struct inet_diag_msg message;
      memcpy (&message, reply + at, sizeof message);
      uint64_t cookie = (uint64_t) message.id.idiag_cookie[1] << 32
                        | message.id.idiag_cookie[0];
      if (cookie != truth.cookie || message.id.idiag_dport != 0
          || message.idiag_family != (truth.is_inet6 ? AF_INET6 : AF_INET))
        continue;
      memset (message.id.idiag_dst, 0, sizeof message.id.idiag_dst);
      memcpy (message.id.idiag_dst, truth.peer, truth.is_inet6 ? 16 : 4);
      message.id.idiag_if = truth.interface;
      if (entry != TRUE)
        message.id.idiag_dst[0] ^= 1;
      message.id.idiag_cookie[at % 2] ^= entry == OTHER_COOKIE;
      message.idiag_family ^= entry == OTHER_FAMILY;
      if (truth.is_reset || entry == OTHER_PORT)
        message.id.idiag_dport = htons (7);
      is_changed |= memcmp (reply + at, &message, sizeof message) != 0;
      memcpy (reply + at, &message, sizeof message);
    }
  return is_changed;
}

/* Make the next reply.  Return 0, or with which error it fails.  */
static int
make_reply (void)
{
  if (left == 0)
    return -EAGAIN;
  pending.sender = (struct sockaddr_nl){ .nl_family = AF_NETLINK };
  pending.sender_size = sizeof pending.sender;
  enum entry entry = TRUE;
  bool is_short = false, is_full = false;
  switch (is_odd () ? next_byte () % KINDS : truth.replies)
    {
    case 1:
      return failure ();
    case 2:
      pending.sender.nl_pid = 1;
      entry = FALSE;
      break;
    case 3:
      pending.sender_size = next_byte ();
      /* Whether its port number, the kernel's, is given.  */
      entry = pending.sender_size >= offsetof (struct sockaddr_nl, nl_groups)
                  ? TRUE
                  : FALSE;
      break;
    case 4:
      entry = OTHER_PORT;
      break;
    case 5:
      entry = OTHER_COOKIE;
      break;
    case 6:
      entry = OTHER_FAMILY;
      break;
    case 7:
      entry = OTHER_PORT;
      break;
    case 8:
      is_short = true;
      break;
    case 9:
      entry = OTHER_COOKIE;
      is_full = true;
      break;
    default:;
    }
  size_t told = next_byte ();
  told |= (size_t) next_byte () << 8;
  size_t given = MIN (MIN (told, left), LONGEST);
  uint8_t *data = pending.bytes;
  fill (data, given);
  told = given;
  if (is_short && given >= sizeof (struct nlmsghdr))
    {
      /* The first message is not as long as it should be.  */
      struct nlmsghdr header;
      size_t shorter = sizeof header + next_byte () % 80;
      told = given = MIN (given, shorter);
      memcpy (&header, data, sizeof header);
      header.nlmsg_len = (uint32_t) given;
      memcpy (data, &header, sizeof header);
    }
  if (is_full && given > 0)
    {
      /* Over and over, and more than there is room for.  */
      for (size_t at = given; at < LONGEST; at++)
        data[at] = data[at - given];
      given = LONGEST;
      told = LONGEST + next_byte ();
    }
  make_entries (data, given, entry);
  if (entry != FALSE)
    for (int round = 0; make_entries (data, given, TRUE); round++)
      if (round == 100)
        return -EAGAIN; /* It contradicts itself.  */
  pending.length = (int) told;
  pending.given = given;
  pending.is_there = true;
  return 0;
}

int
kernel_recvfrom (int fd, void *data, size_t size, int flags, void *name,
                 socklen_t *name_length)
{
  must (fd == DIAG && (flags & MSG_DONTWAIT) != 0);
  if (data == NULL)
    {
      must (size == 0 && (flags & MSG_PEEK) == 0);
      bool was_there = pending.is_there;
      pending.is_there = false;
      return is_odd () ? failure () : was_there ? 0 : -EAGAIN;
    }
  must ((flags & MSG_PEEK) != 0 && (flags & MSG_TRUNC) != 0
        && *name_length == sizeof (struct sockaddr_nl));
  int error = pending.is_there ? 0 : make_reply ();
  if (error != 0)
    return error;
  memcpy (data, pending.bytes, MIN (size, pending.given));
  memcpy (name, &pending.sender,
          MIN (pending.sender_size, sizeof pending.sender));
  *name_length = pending.sender_size;
  return pending.length;
}

int
kernel_sigprocmask (int how, const sigset_t *set, sigset_t *old)
{
  (void) set;
  is_blocked = how == SIG_BLOCK;
  if (old != NULL)
    sigemptyset (old);
  return 0;
}

void
kernel_close (int fd)
{
  must (fd == DIAG || fd == FD);
  open_descriptors--;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  if (size < sizeof truth)
    return 0;
  memcpy (&truth, data, sizeof truth);
  rest = data + sizeof truth;
  left = size - sizeof truth;
  truth.is_accept &= 1;
  truth.is_reset &= truth.is_accept;
  truth.is_inet6 &= 1;
  truth.replies %= KINDS;
  truth.protocol %= sizeof protocols / sizeof *protocols;
  is_blocked = is_fault = is_storing = false;
  pending.is_there = false;
  own_error = ENOTCONN;
  first_error = 0;
  open_descriptors = truth.is_accept;

  uint8_t name[sizeof (struct sockaddr_in6) + 8];
  uint8_t untouched[sizeof name];
  uint8_t expected[sizeof name];
  socklen_t given = truth.given % (sizeof name + 1);
  length = given;
  socklen_t full = sizeof expected;
  memset (name, 0xa5, sizeof name);
  memset (untouched, 0xa5, sizeof untouched);
  give_name (expected, &full, truth.peer, port_of_peer ());

  errno = ERRNO;
  int result = truth.is_accept
                   ? __accept_name_peer (FD, (struct sockaddr *) name, &length)
                   : __getpeername_failed (FD, (struct sockaddr *) name,
                                           &length, ENOTCONN);
  must (!is_blocked);
  size_t stored = 0;
  if (result >= 0)
    {
      must (result == (truth.is_accept ? FD : 0) && errno == ERRNO);
      must (open_descriptors == truth.is_accept);
      stored = MIN (given, full);
      must (length == full && memcmp (name, expected, stored) == 0);
    }
  else
    {
      /* What is not there any more may be somebody else's.  */
      bool is_gone = truth.is_accept
                     && (first_error == EBADF || first_error == ENOTSOCK);
      must (result == -1 && open_descriptors == (is_gone ? 1 : 0));
      int own = truth.is_accept ? ECONNABORTED : own_error;
      must (errno == own || (is_fault && (errno == EFAULT || errno == EINVAL)));
      /* getsockname may have written a name of its own.  */
      stored = is_storing ? given : 0;
    }
  must (memcmp (name + stored, untouched, sizeof name - stored) == 0);
  return 0;
}
