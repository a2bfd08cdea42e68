/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a case needs: its declaration, its sockets, its observations.

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
  STREAM = TCP | MPTCP,
  DATAGRAM = UDP | UDPLITE,
  ANY_PROTOCOL = STREAM | DATAGRAM,
  NO_PROTOCOL = 16, /* The question is not about a protocol.  */
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

/* One way to make the system calls: through the libc's wrappers, or past
   them.  The arguments and results are those of the libc's functions.  */
struct entry
{
  const char *name;
  int (*connect) (int, const struct sockaddr *, socklen_t);
  int (*accept) (int, struct sockaddr *, socklen_t *);
  int (*accept4) (int, struct sockaddr *, socklen_t *, int);
  int (*getpeername) (int, struct sockaddr *, socklen_t *);
  int (*getsockname) (int, struct sockaddr *, socklen_t *);
  int (*getsockopt) (int, int, int, void *, socklen_t *);
  ssize_t (*sendto) (int, const void *, size_t, int, const struct sockaddr *,
                     socklen_t);
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
  int type, number; /* Second and third argument of socket().  */
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

/* What the standard answers: a result, and for a call that reports an
   address, the address.  */
struct answer
{
  enum
  {
    UNSPECIFIED, /* Any answer will do; it should be that of the control.  */
    RESULT,      /* Success, returning this value.  */
    ERROR,       /* -1 and this errno.  */
    NAME         /* Success, storing this name.  */
  } kind;
  long value;
  const struct name *name;
};

struct answer unspecified (void);
struct answer result (long value);
struct answer error (int error_number);
struct answer name (const struct name *name);

/* sockets.c: sockets in the states that the questions are about.  Each
   returns a descriptor.  What goes wrong here is not what the case asks
   about: it ends the variant as broken.  */

/* A new socket of the variant's family and protocol.  */
int new_socket (struct test *test);
/* The same, bound to a free port of the loopback address.  */
int bound_socket (struct test *test);
/* A socket at test->listener: listening for streams, bound for datagrams.
   Streams and datagrams for test->peer reach it.  */
int listener (struct test *test);
/* A new socket whose calls do not wait.  */
int nonblocking_socket (struct test *test);
/* A stream that was connected to test->peer, until that reset it.  */
int reset_socket (struct test *test);
/* A listener that takes no connection: it drops every packet.  */
int deaf_listener (struct test *test);
/* The next connection of a listener.  */
int accepted (int listening);
/* A new socket, connected to test->peer; for streams, at which there must
   be a listener.  */
int connected_socket (struct test *test);
/* A new stream socket, bound to test->source and connected to
   test->listener.  */
int client_from_source (struct test *test);
/* A TCP socket in the state ESTABLISHED with the peer test->peer, made
   without a packet (TCP_REPAIR; tcp_connect() in Linux's tcp_output.c).  */
int repaired_socket (struct test *test);
/* Undo connect() by an address of family AF_UNSPEC.  */
void disconnect (struct test *test, int fd);
/* The local name of a socket, asked of the kernel directly.  */
struct name local_name (int fd);
/* Wait until the other side of a connected stream has sent its FIN or RST,
   and it was taken note of here.  */
void await_end_of_stream (int fd);
/* Give the loopback interface the address fe80::1, for this whole network
   namespace, and return that address with the port of test->peer.  */
struct name link_local_peer (struct test *test);
/* Like name->port = port.  Port in host byte order.  */
void set_port (struct name *name, in_port_t port);

/* observe.c: make a call, and record what it did beside what the standard
   answers.  STEP tells the observations of one case apart; it may be empty
   in a case with only one.  */
void observe_connect (struct test *test, const char *step, int fd,
                      const struct name *peer, struct answer);
/* Accept a connection and ask for the peer's address; with accept4() if FLAGS
   is not 0.  Recorded as 0 if there is a descriptor, which is returned.  */
int observe_accept (struct test *test, const char *step, int listening,
                    int flags, struct answer);
void observe_getpeername (struct test *test, const char *step, int fd,
                          struct answer);
void observe_getsockname (struct test *test, const char *step, int fd,
                          struct answer);
/* getsockopt (SOL_SOCKET, SO_PEERNAME).  */
void observe_so_peername (struct test *test, const char *step, int fd,
                          struct answer);
/* The same with a buffer of SIZE bytes, at most that of sockaddr_storage.  */
void observe_getpeername_sized (struct test *test, const char *step, int fd,
                                int size, struct answer);
/* The same with the caller's own arguments; only the result is recorded.  */
void observe_getpeername_arguments (struct test *test, const char *step, int fd,
                                    void *address, void *length, struct answer);
/* Send a few bytes; without a peer, as send() does it.  Return whether they
   were taken.  */
bool observe_sendto (struct test *test, const char *step, int fd,
                     const struct name *peer, struct answer);
/* Record a value that the case found out by itself.  */
void observe_value (struct test *test, const char *step, const char *what,
                    long value, struct answer);

/* What observe_sendto() sends.  */
extern const char payload[];
enum
{
  PAYLOAD_SIZE = 8
};

/* Call BODY in a child process, and wait for its end.  What it observes
   counts as the variant's.  */
void in_child (struct test *test, void (*body) (struct test *, int), int fd);

/* End this variant: the thing asked about could not be tried, because of
   ERROR_NUMBER or, if that is 0, for no system reason.  */
_Noreturn void broken (struct test *test, const char *what, int error_number);
/* End this variant: the machine lacks MISSING.  */
_Noreturn void skip (struct test *test, const char *missing);

#endif
