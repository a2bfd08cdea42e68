/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Remote procedure calls and remote shells, as glibc has them to this day for
   old programs: where a port of 0 asks for the port of a program, or is none
   that is reserved.  */

#define _GNU_SOURCE
#include "files.h"
#include "network.h"
#include "old.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM 300000 /* Registered; the next is not.  */
enum
{
  PORTMAPPER = 111,
  MOST_WORDS = 128 /* Of 32 bits, in a message.  */
};

/* RFC 5531: make of a call its answer with these WORDS, at most 2; return the
   answer's size.  */
static size_t
answer (uint32_t *message, const uint32_t *words, size_t count)
{
  uint32_t reply[8] = { message[0], htonl (1) /* REPLY */ };
  memcpy (reply + 6, words, count * sizeof *words);
  memcpy (message, reply, sizeof reply);
  return (6 + count) * sizeof *words;
}

/* What the portmapper answers (RFC 1833, PMAPPROC_GETPORT): the port of one
   program, and 0 for others.  */
static size_t
answer_port (uint32_t *message, in_port_t port)
{
  /* Behind the call's header, whose credentials are empty.  */
  bool is_registered = ntohl (message[10]) == PROGRAM;
  return answer (message, &(uint32_t){ htonl (is_registered ? port : 0) }, 1);
}

/* A call over a stream: one record (RFC 5531 section 11).  */
static bool
read_record (int fd, uint32_t *message)
{
  uint32_t mark;
  if (recv (fd, &mark, 4, MSG_WAITALL) != 4)
    return false;
  size_t size = ntohl (mark) & 0x7fffffff;
  return size <= MOST_WORDS * sizeof *message
         && recv (fd, message, size, MSG_WAITALL) == (ssize_t) size;
}

static void
write_record (int fd, const uint32_t *message, size_t size)
{
  uint32_t record[MOST_WORDS + 1] = { htonl (0x80000000 | (unsigned) size) };
  memcpy (record + 1, message, size);
  send (fd, record, size + 4, MSG_NOSIGNAL);
}

/* A socket at the portmapper's port.  */
static int
portmapper (struct test *test, int type)
{
  struct name own = at_port (&test->listener, PORTMAPPER);
  int fd = socket (AF_INET, type | SOCK_CLOEXEC, 0);
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof (int));
  if (fd < 0 || bind (fd, &own.any, own.length) != 0
      || (type == SOCK_STREAM && listen (fd, 4) != 0))
    broken (test, "the portmapper's port", errno);
  return fd;
}

_Noreturn static void
map_ports (int stream, int datagram, in_port_t port, unsigned *asked)
{
  while (true)
    {
      struct pollfd ready[] = { { .fd = stream, .events = POLLIN },
                                { .fd = datagram, .events = POLLIN } };
      poll (ready, 2, -1);
      uint32_t message[MOST_WORDS] = { 0 };
      __atomic_add_fetch (asked, 1, __ATOMIC_SEQ_CST);
      if (ready[0].revents)
        {
          int fd = accept (stream, NULL, NULL);
          while (read_record (fd, message))
            write_record (fd, message, answer_port (message, port));
          close (fd);
        }
      else
        {
          struct name from = { .length = sizeof from.storage };
          recvfrom (datagram, message, sizeof message, 0, &from.any,
                    &from.length);
          sendto (datagram, message, answer_port (message, port), 0, &from.any,
                  from.length);
        }
    }
}

/* End a server, and wait until its ports are free.  */
static void
end (pid_t server)
{
  kill (server, SIGKILL);
  waitpid (server, NULL, 0);
}

/* What a process of our own counts for us.  */
static unsigned *
counter (struct test *test)
{
  unsigned *number = mmap (NULL, sizeof *number, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (number == MAP_FAILED)
    broken (test, "mmap", errno);
  return number;
}

typedef void *create (struct sockaddr_in *, unsigned long, unsigned long, int *,
                      unsigned, unsigned);
typedef void *create_datagram (struct sockaddr_in *, unsigned long,
                               unsigned long, struct timeval, int *);

/* Make a client of a program that listens at test->listener, whose port is
   said, or not.  */
static void
observe_client (struct test *test, const char *function)
{
  void *create_client = old_function (test, function);
  own_network (test, "");
  unsigned *asked = counter (test);
  in_port_t port = ntohs (test->listener.in.sin_port);
  int stream = portmapper (test, SOCK_STREAM),
      datagram = portmapper (test, SOCK_DGRAM);
  listener (test);
  pid_t child = fork ();
  if (child == 0)
    map_ports (stream, datagram, port, asked);
  struct sockaddr_in peer = test->peer.in;
  int fd = -1;
  bool is_stream = test->protocol->bit == TCP;
  void *client
      = is_stream ? ((create *) create_client) (&peer, PROGRAM, 1, &fd, 0, 0)
                  : ((create_datagram *) create_client) (
                      &peer, PROGRAM, 1, (struct timeval){ .tv_sec = 5 }, &fd);
  observe_value (test, "", function, client != NULL, result (1));
  observe_value (test, "port", function, ntohs (peer.sin_port), result (port));
  observe_value (test, "portmapper", "times asked",
                 (long) __atomic_load_n (asked, __ATOMIC_SEQ_CST),
                 result (test->control ? 0 : 1));
  if (is_stream)
    {
      /* The control is a port at which nobody is.  */
      peer = test->control ? test->client.in : test->peer.in;
      fd = -1;
      observe_value (
          test, "not registered", function,
          ((create *) create_client) (&peer, PROGRAM + 1, 1, &fd, 0, 0) != NULL,
          result (0));
    }
  end (child);
}

#define BINDER                                                                 \
  "Not in POSIX; rpc(3): if the port is 0, the portmapper is asked (RFC 1833)"

CASE (clnttcp_create, zero,
      .question = "Does port 0 ask clnttcp_create() to ask the portmapper?",
      .basis = BINDER, .families = IPV4, .protocols = TCP, .entries = LIBC)
{
  observe_client (test, "clnttcp_create");
}

CASE (clntudp_create, zero,
      .question = "Does port 0 ask clntudp_create() to ask the portmapper?",
      .basis = BINDER, .families = IPV4, .protocols = UDP, .entries = LIBC)
{
  observe_client (test, "clntudp_create");
}

#ifdef __GLIBC__
/* A remote shell's server: read the port of the error channel, connect to it
   from the port in question, and wait until the client gives up.  */
_Noreturn static void
serve_shell (struct test *test, int listening)
{
  int fd = accepted (listening);
  char text[8] = "", byte;
  size_t used = 0;
  while (used < sizeof text - 1 && recv (fd, text + used, 1, 0) == 1
         && text[used] != 0)
    used++;
  struct name errors = at_port (&test->listener, (in_port_t) atoi (text));
  int back = socket (test->family->domain, SOCK_STREAM, 0);
  close_by_reset (fd);
  close_by_reset (back);
  if (bind (back, &test->source.any, test->source.length) != 0
      || connect (back, &errors.any, errors.length) != 0)
    _exit (1);
  while (recv (fd, &byte, 1, 0) > 0)
    ;
  _exit (0);
}
#endif

CASE (rcmd, error_channel,
      .question = "Is an error channel from port 0 refused by rcmd()?",
      .basis
      = "Not in POSIX; rcmd(3): it must come from a reserved port, which "
        "0 is not",
      .families = IPV4 | IPV6, .protocols = TCP, .entries = LIBC)
{
#ifdef __GLIBC__
  own_network (test, from_port_in_question);
  int listening = listener (test);
  pid_t child = fork ();
  if (child == 0)
    serve_shell (test, listening);
  char host[INET6_ADDRSTRLEN], *name = host;
  snprintf (host, sizeof host, "%s", test->family->loopback);
  in_port_t port = test->family->domain == AF_INET
                       ? test->listener.in.sin_port
                       : test->listener.in6.sin6_port;
  /* It complains to the standard error.  */
  int complaints = dup (STDERR_FILENO), nothing = open_nothing ();
  dup2 (nothing, STDERR_FILENO);
  int errors = -1;
  int fd = rcmd_af (&name, port, "nobody", "nobody", "true", &errors,
                    (sa_family_t) test->family->domain);
  int error_number = errno;
  dup2 (complaints, STDERR_FILENO);
  if (fd < 0 && error_number == EACCES)
    skip (test, "CAP_NET_BIND_SERVICE, for ports below 1024");
  observe_value (test, "", "rcmd", fd, result (-1));
  /* Whether accept() gave it, or the port was seen.  */
  observe_value (test, "accepted", "rcmd", errors >= 0, unspecified ());
  end (child);
#else
  skip (test, "rcmd() in this libc");
#endif
}

/* A server of keys that has none, and counts its connections.  */
_Noreturn static void
serve_keys (int listening, unsigned *connections)
{
  int fd;
  while ((fd = accepted (listening)) >= 0)
    {
      __atomic_add_fetch (connections, 1, __ATOMIC_SEQ_CST);
      uint32_t message[MOST_WORDS];
      while (read_record (fd, message))
        write_record (fd, message,
                      answer (message, &(uint32_t){ htonl (1) }, 1));
      close (fd);
    }
  _exit (0);
}

static int (*is_set) (void);

static void
ask_for_keys (struct test *test, int nothing)
{
  (void) nothing;
  for (int i = 0; i < 2; i++)
    observe_value (test, i == 0 ? "first" : "second", "key_secretkey_is_set",
                   is_set (), result (0));
}

CASE (key_secretkey_is_set, connection,
      .question = "Is a connection kept whose names have no ports?",
      .basis = "Not in POSIX; glibc getkeyserv_handle() asks getpeername() "
               "whether it is still there",
      .families = NO_FAMILY, .protocols = NO_PROTOCOL, .entries = LIBC)
{
  is_set = (int (*) (void)) old_function (test, "key_secretkey_is_set");
  own_folder (test, "/run");
  struct sockaddr_un own
      = { .sun_family = AF_UNIX, .sun_path = "/run/keyservsock" };
  int listening = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind (listening, (struct sockaddr *) &own, sizeof own) != 0
      || listen (listening, 4) != 0)
    broken (test, own.sun_path, errno);
  if (access ("/var/run/keyservsock", F_OK) != 0)
    skip (test, "/var/run, as another name of /run");
  unsigned *connections = counter (test);
  pid_t child = fork ();
  if (child == 0)
    serve_keys (listening, connections);
  /* The libc keeps the descriptor.  */
  in_child (test, ask_for_keys, -1);
  observe_value (test, "connections", "accept",
                 (long) __atomic_load_n (connections, __ATOMIC_SEQ_CST),
                 result (1));
  end (child);
}
