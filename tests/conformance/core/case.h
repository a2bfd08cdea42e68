/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a case needs: its declaration; with sockets.h its sockets, and with
   observe.h its observations.

   A case asks one question about port 0.  It says on which variants it can
   be asked, on what basis, and what the standard answers; it does not know
   the libc, the kernel or the sandbox it runs in.  Every case runs in a
   process of its own, and after each variant all descriptors are closed, so a
   case closes nothing and frees nothing.  */

#ifndef PORTZERO_CASE_H
#define PORTZERO_CASE_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

/* Sets of variants, for the declaration of a case.  The rows behind the bits
   are in variants.c.  */
enum families
{
  IPV4 = 1,
  IPV6 = 2,
  IPV4_MAPPED = 4, /* An IPv4 address used through an AF_INET6 socket.  */
  ANY_FAMILY = IPV4 | IPV6 | IPV4_MAPPED,
  NO_FAMILY = 8, /* The question is not about a family.  */
};

enum protocols
{
  TCP = 1,
  MPTCP = 2,
  UDP = 4,
  UDPLITE = 8,
  SCTP = 16, /* One-to-one: a socket is one association.  */
  DCCP = 32,
  RAW = 64,
  PING = 128,      /* ICMP echo through datagram sockets.  */
  SCTP_MANY = 256, /* One-to-many: a socket has many associations.  */
  STREAM = TCP | MPTCP,
  CONNECTION = STREAM | SCTP | DCCP, /* These listen and accept.  */
  DATAGRAM = UDP | UDPLITE,
  PORTLESS = RAW | PING, /* Their packets have no ports, their names do.  */
  CONNECTIONLESS = DATAGRAM | PORTLESS,
  ANY_PROTOCOL = CONNECTION | CONNECTIONLESS,
  NO_PROTOCOL = 512, /* The question is not about a protocol.  */
};

/* Ways to make the calls; a case that says nothing is asked both ways.  */
enum entries
{
  LIBC = 1,   /* Through the libc's functions.  */
  SYSCALL = 2 /* Past them.  */
};

/* What a variant needs besides the protocol.  Without it, it is skipped.  */
enum needs
{
  NOTHING = 0,
  STEERING = 1, /* Packets for port 0 of this host reach a listener.  */
  REPAIR = 2,   /* TCP_REPAIR, thus CAP_NET_ADMIN.  */
  INTERFACE = 4 /* May add an address to the loopback interface.  */
};

/* A socket address and its length in bytes.  */
struct name
{
  socklen_t length;
  union
  {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
  };
};

struct mmsghdr;

/* One way to make the system calls: through the libc's wrappers, or past
   them.  The arguments and results are those of the libc's functions.  */
struct entry
{
  enum entries bit;
  const char *name;
#define CALL(type, call, parameters, ...) type (*call) parameters;
#include "calls.h"
#undef CALL
};

struct family
{
  enum families bit;
  const char *name;
  int domain;           /* First argument of socket().  */
  const char *loopback; /* In the notation of inet_pton().  */
};

struct protocol
{
  enum protocols bit;
  const char *name;
  int type, number;       /* Second and third argument of socket().  */
  enum families families; /* Over which it can be had.  */
  const char *option;     /* What a kernel lacks that has it not, or null.  */
};

/* One variant of one case, while it runs.  */
struct test
{
  const struct test_case *test_case;
  const struct family *family;
  const struct protocol *protocol;
  const struct entry *entry;
  bool control;         /* False: the port in question is 0.  */
  struct name peer;     /* What to connect to: a loopback address and the port
                           in question.  */
  struct name listener; /* Where packets for that peer arrive.  */
  struct name source;   /* A client that is bound to this name ...  */
  struct name client;   /* ... has this one for its peer, with the port in
                           question.  */
};

struct test_case
{
  const char *call;     /* The API function it is about.  */
  const char *name;     /* What sets it apart from others of that call.  */
  const char *question; /* In one sentence.  */
  const char *basis;    /* Where the answer comes from.  */
  enum families families;
  enum protocols protocols;
  enum entries entries; /* 0: both.  */
  enum needs needs;
  void (*run) (struct test *);
};

/* The order of cases in a file is that of the grid.  */
#if __has_attribute(no_reorder)
#define IN_ORDER no_reorder,
#else
#define IN_ORDER
#endif

/* Define a case.  The braces that follow are its body, in which `test` is
   the variant.  Example:

   CASE (getpeername, fresh,
         .question = "Has a new socket no peer?",
         .basis = "POSIX.1-2017 getpeername(), ERRORS: [ENOTCONN]",
         .families = ANY_FAMILY, .protocols = ANY_PROTOCOL)
   {
     observe_getpeername (test, "", new_socket (test), error (ENOTCONN));
   }  */
#define CASE(call_, name_, ...)                                                \
  static void run_##call_##_##name_ (struct test *);                           \
  static const struct test_case case_##call_##_##name_ = {                     \
    .call = #call_, .name = #name_, .run = run_##call_##_##name_, __VA_ARGS__  \
  };                                                                           \
  static const struct test_case *const pointer_##call_##_##name_               \
      __attribute__ ((used, IN_ORDER section ("test_cases")))                  \
      = &case_##call_##_##name_;                                               \
  static void run_##call_##_##name_ (struct test *test)

/* End this variant: the thing asked about could not be tried, because of
   ERROR_NUMBER or, if that is 0, for no system reason.  */
_Noreturn void broken (struct test *test, const char *what, int error_number);
/* End this variant: the machine lacks MISSING.  */
_Noreturn void skip (struct test *test, const char *missing);

#include "observe.h"
#include "sockets.h"

#endif
