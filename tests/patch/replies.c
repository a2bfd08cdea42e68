/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Falsifies what the kernel answers to the patched getpeername() and accept():
   short and long replies, lengths that lie, other senders, other sockets, one
   value or one bit at a time.  Whatever it was, the result must be the right
   peer or the kernel's own error, with no descriptor left, no signal left
   blocked and no hang.

   usage: replies tcp|udp|udp6|mptcp|accept

   A tracer stops a child after each of its system calls and changes what came
   of one of them.  Prints a line for each row of the table below.  Exit status
   0 if nothing was wrong.  */

#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#include "sockets.h"
#include "tracer.h"

#ifdef __x86_64__
static const size_t result_register = offsetof (struct user, regs.rax);
#else
#error "where does a system call leave its result on this architecture?"
#endif

enum
{
  ERRNO = 12345,
  TAIL = 8 /* Bytes behind the caller's buffer.  */
};

/* Where a member is in a reply.  */
#define IN_MESSAGE(member)                                                     \
  (NLMSG_HDRLEN + offsetof (struct inet_diag_msg, member))

static const struct row
{
  const char *what;
  long call;
  size_t offset;     /* Of what is changed, in bytes, from where ...  */
  size_t width;      /* Of the value, in bytes; 0: flip one bit.  */
  long from, to;     /* The values, or the numbers of the bits.  */
  int level, option; /* Of getsockopt.  */
  int argument;      /* ... this one points to; -1: the call's result.  */
  bool is_trusted;   /* For streams, which are looked up once.  */
} rows[] = {
#define OPTION(level_, option_)                                                \
  .call = SYS_getsockopt, .level = (level_), .option = (option_)
#define CALL(name) .call = SYS_##name
#define VALUES(argument_, offset_, width_, from_, to_)                         \
  .argument = (argument_), .offset = (offset_), .width = (width_),             \
  .from = (from_), .to = (to_)
#define BITS(argument_, offset_, count)                                        \
  .argument = (argument_), .offset = (offset_), .to = (count) -1
#define RESULTS(from_, to_) .argument = -1, .from = (from_), .to = (to_)
  /* clang-format off */
  { "TCP_INFO: state", OPTION (IPPROTO_TCP, TCP_INFO), VALUES (3, 0, 1, 0, 255) },
  { "TCP_INFO: size", OPTION (IPPROTO_TCP, TCP_INFO), VALUES (4, 0, 4, 0, 300) },
  { "IPV6_ADDRFORM: family", OPTION (IPPROTO_IPV6, IPV6_ADDRFORM), VALUES (3, 0, 4, 0, 50) },
  { "IPV6_ADDRFORM: size", OPTION (IPPROTO_IPV6, IPV6_ADDRFORM), VALUES (4, 0, 4, 0, 50) },
  { "SO_PROTOCOL: protocol", OPTION (SOL_SOCKET, SO_PROTOCOL), VALUES (3, 0, 4, -2, 300) },
  { "SO_PROTOCOL: size", OPTION (SOL_SOCKET, SO_PROTOCOL), VALUES (4, 0, 4, 0, 50) },
  { "SO_COOKIE: bit", OPTION (SOL_SOCKET, SO_COOKIE), BITS (3, 0, 64) },
  { "SO_COOKIE: size", OPTION (SOL_SOCKET, SO_COOKIE), VALUES (4, 0, 4, 0, 50) },
  { "no option: result", OPTION (SOL_SOCKET, -1), RESULTS (0, 3) },
  { "getsockname: result", CALL (getsockname), RESULTS (1, 3) },
  { "getsockname: family", CALL (getsockname), VALUES (1, 0, 2, 0, 50) },
  { "getsockname: port, bit", CALL (getsockname), BITS (1, offsetof (struct sockaddr_in, sin_port), 16) },
  { "getsockname: size", CALL (getsockname), VALUES (2, 0, 4, 0, 300) },
  { "sendto: result", CALL (sendto), RESULTS (0, 200) },
  { "recvfrom: result", CALL (recvfrom), RESULTS (0, 300) },
  { "recvfrom: result, large", CALL (recvfrom), RESULTS (4090, 4096) },
  { "recvfrom: sender's family", CALL (recvfrom), VALUES (4, 0, 2, 0, 50) },
  { "recvfrom: sender's port, bit", CALL (recvfrom), BITS (4, offsetof (struct sockaddr_nl, nl_pid), 32) },
  { "recvfrom: sender's size", CALL (recvfrom), VALUES (5, 0, 4, 0, 50) },
  { "reply: length", CALL (recvfrom), VALUES (1, 0, 4, 0, 300) },
  { "reply: length, large", CALL (recvfrom), VALUES (1, 0, 4, 0x7ffffff0, 0x80000010) },
  { "reply: length, negative", CALL (recvfrom), VALUES (1, 0, 4, -20, -1) },
  { "reply: type", CALL (recvfrom), VALUES (1, offsetof (struct nlmsghdr, nlmsg_type), 2, 0, 50) },
  { "reply: flags, bit", CALL (recvfrom), BITS (1, offsetof (struct nlmsghdr, nlmsg_flags), 16) },
  { "reply: family", CALL (recvfrom), VALUES (1, IN_MESSAGE (idiag_family), 1, 0, 255) },
  { "reply: state", CALL (recvfrom), VALUES (1, IN_MESSAGE (idiag_state), 1, 0, 255) },
  { "reply: local port, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (id.idiag_sport), 16) },
  { "reply: peer's port, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (id.idiag_dport), 16) },
  { "reply: local address, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (id.idiag_src), 128) },
  { "reply: peer's address, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (id.idiag_dst), 128), .is_trusted = true },
  { "reply: interface, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (id.idiag_if), 32) },
  { "reply: cookie, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (id.idiag_cookie), 64) },
  { "reply: inode, bit", CALL (recvfrom), BITS (1, IN_MESSAGE (idiag_inode), 32) },
  /* clang-format on */
};

static bool is_accept;

/* In a child.  FD is connected, or for accept, listening.  */
static int
ask (int fd)
{
  struct
  {
    struct sockaddr_storage name;
    unsigned char tail[TAIL];
  } buffer;
  int before = lowest_free ();
  socklen_t size = sizeof buffer.name;
  sigset_t blocked;
  memset (&buffer, 0xa5, sizeof buffer);
  errno = ERRNO;
  mark_traced ();
  int result = is_accept ? accept (fd, (struct sockaddr *) &buffer, &size)
                         : getpeername (fd, (struct sockaddr *) &buffer, &size);
  int got = errno;
  mark_traced ();
  sigprocmask (SIG_BLOCK, NULL, &blocked);
  for (int number = 1; number < NSIG; number++)
    if (sigismember (&blocked, number) == 1)
      return WRONG;
  for (int i = 0; i < TAIL; i++)
    if (buffer.tail[i] != 0xa5)
      return WRONG;
  if (is_accept && result >= 0)
    close (result);
  if (lowest_free () != before)
    return WRONG;
  if (result >= 0)
    return got == ERRNO && is_port_0_of_loopback (&buffer.name, size) ? NAMED
                                                                      : WRONG;
  return got == (is_accept ? ECONNABORTED : ENOTCONN) ? REFUSED : WRONG;
}

static bool
is_meant (const struct row *row, const struct __ptrace_syscall_info *entry)
{
  return entry->entry.nr == (uint64_t) row->call
         /* What the caller does not want, nobody can falsify.  */
         && (row->argument < 0 || entry->entry.args[row->argument] != 0)
         && (row->call != SYS_getsockopt
             || ((int) entry->entry.args[1] == row->level
                 && (int) entry->entry.args[2] == row->option));
}

/* Change what the system call ENTRY of a stopped CHILD came to.  */
static void
falsify (pid_t child, const struct row *row,
         const struct __ptrace_syscall_info *entry, long value)
{
  if (row->argument < 0)
    {
      if (ptrace (PTRACE_POKEUSER, child, result_register, value) != 0)
        err (BROKEN, "PTRACE_POKEUSER");
      return;
    }
  uint64_t bytes = (uint64_t) value;
  size_t width = row->width != 0 ? row->width : 1;
  size_t at = entry->entry.args[row->argument] + row->offset;
  if (row->width == 0)
    at += (size_t) value / 8;
  struct iovec there = { .iov_base = (void *) at, .iov_len = width };
  struct iovec here = { .iov_base = &bytes, .iov_len = width };
  if (row->width == 0)
    {
      bytes = 0;
      process_vm_readv (child, &here, 1, &there, 1, 0);
      bytes ^= UINT64_C (1) << value % 8;
    }
  if (process_vm_writev (child, &here, 1, &there, 1, 0) != (ssize_t) width)
    err (BROKEN, "%s", row->what);
}

/* What is falsified: the answer to the TURN-th (from 1) system call that ROW
   means, by VALUE; and how many calls there were that ROW means.  */
struct falsehood
{
  const struct row *row;
  int turn;
  long value;
  int met;
};

static void
look (pid_t child, const struct __ptrace_syscall_info *call,
      const struct __ptrace_syscall_info *now, void *more)
{
  struct falsehood *falsehood = more;
  if (is_end (now)
      && is_meant (falsehood->row, call)
      /* What fails answers nothing, but could have succeeded.  */
      && (now->exit.is_error == 0 || falsehood->row->argument < 0)
      && ++falsehood->met == falsehood->turn)
    falsify (child, falsehood->row, call, falsehood->value);
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    errx (BROKEN, "usage: replies tcp|udp|udp6|mptcp|accept");
  const char *way = argv[1];
  is_accept = strcmp (way, "accept") == 0;
  int server = is_accept ? -1 : listening (LISTENER);
  int fd = is_accept ? -1 : connected_by (way);
  int wrong = 0;
  for (const struct row *row = rows; row < rows + sizeof rows / sizeof *rows;
       row++)
    {
      if (row->is_trusted && strncmp (way, "udp", 3) != 0)
        continue;
      int count[OUTCOMES] = { 0 }, met = 1;
      for (int turn = 1; turn <= met; turn++)
        for (long value = row->from; value <= row->to && turn <= met; value++)
          {
            int client = is_accept ? client_at_port_0 (&server) : -1;
            struct falsehood falsehood
                = { .row = row, .turn = turn, .value = value };
            int ended = traced (ask, is_accept ? server : fd, look, &falsehood);
            met = falsehood.met;
            if (client >= 0)
              close (client);
            if (turn > met)
              break;
            if (ended >= WRONG)
              printf ("wrong: %s, call %d, %ld: status %#x\n", row->what, turn,
                      value, (unsigned) ended);
            count[ended < WRONG ? ended : WRONG]++;
          }
      /* Not if this way makes no such call.  */
      if (count[NAMED] + count[REFUSED] + count[WRONG] > 0)
        wrong += print_outcomes (way, row->what, count);
    }
  return wrong == 0 ? 0 : 1;
}
