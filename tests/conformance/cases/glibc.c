/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Functions that not every libc has, in which a port of 0 means something.  */

#define _GNU_SOURCE
#include "case.h"

#include <netdb.h>
#include <netinet/in.h>
#ifdef __GLIBC__
#include <resolv.h>
#endif
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

CASE (bindresvport, zero,
      .question = "Does port 0 ask bindresvport() for any reserved port?",
      .basis = "Not in POSIX; bindresvport(3): a port from 512 to 1023",
      .families = IPV4, .protocols = TCP | UDP, .entries = LIBC)
{
#ifdef __GLIBC__
  int fd = new_socket (test);
  struct sockaddr_in own
      = { .sin_family = AF_INET, .sin_port = htons (test->control ? 777 : 0) };
  if (bindresvport (fd, &own) != 0)
    {
      if (errno == EACCES)
        skip (test, "CAP_NET_BIND_SERVICE, for ports below 1024");
      broken (test, "bindresvport", errno);
    }
  in_port_t port = ntohs (local_name (fd).in.sin_port);
  observe_value (test, "", "a reserved port", port >= 512 && port < 1024,
                 result (1));
#else
  skip (test, "bindresvport() in this libc");
#endif
}

CASE (rresvport, zero,
      .question = "Does rresvport() get past port 0 to a reserved port?",
      .basis = "Not in POSIX; rcmd(3): a port from 512 to 1023",
      .families = IPV4, .protocols = TCP, .entries = LIBC)
{
#ifdef __GLIBC__
  int port = test->control ? 900 : 0;
  int fd = rresvport (&port);
  if (fd < 0 && errno == EACCES)
    skip (test, "CAP_NET_BIND_SERVICE, for ports below 1024");
  if (fd < 0)
    broken (test, "rresvport", errno);
  observe_value (test, "", "a reserved port", port >= 512 && port < 1024,
                 result (1));
#else
  skip (test, "rresvport() in this libc");
#endif
}

#ifdef __GLIBC__
/* Read SIZE bytes; false at the end of the stream.  */
static bool
read_all (int fd, void *data, size_t size)
{
  char *at = data;
  while (size > 0)
    {
      ssize_t got = recv (fd, at, size, 0);
      if (got <= 0)
        return false;
      at += got;
      size -= (size_t) got;
    }
  return true;
}

/* A name server that answers each query by itself, and counts its
   connections.  */
static void
serve_names (int listening, unsigned *connections)
{
  int fd;
  while ((fd = accept (listening, NULL, NULL)) >= 0)
    {
      __atomic_add_fetch (connections, 1, __ATOMIC_SEQ_CST);
      unsigned char message[2 + 512];
      while (read_all (fd, message, 2))
        {
          size_t size = (size_t) (message[0] << 8 | message[1]);
          if (size > 512 || !read_all (fd, message + 2, size))
            break;
          message[4] |= 0x80; /* QR: an answer.  */
          send (fd, message, size + 2, MSG_NOSIGNAL);
        }
      close (fd);
    }
  _exit (0);
}

#endif

CASE (res_nsend, stay_open,
      .question = "Does the resolver keep its connection to a server at 0?",
      .basis = "Not in POSIX; resolver(3), RES_STAYOPEN", .families = IPV4,
      .protocols = TCP, .entries = LIBC, .needs = STEERING)
{
#ifdef __GLIBC__
  unsigned *connections
      = mmap (NULL, sizeof *connections, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int listening = listener (test);
  pid_t server = fork ();
  if (server == 0)
    serve_names (listening, connections);
  struct __res_state state;
  memset (&state, 0, sizeof state);
  if (res_ninit (&state) != 0)
    broken (test, "res_ninit", errno);
  state.options |= RES_USEVC | RES_STAYOPEN;
  state.options &= ~RES_IGNTC;
  state.nscount = 1;
  state.nsaddr_list[0] = test->peer.in;
  state.retrans = 2;
  state.retry = 1;
  unsigned char query[512], answer[512];
  int size = res_nmkquery (&state, 0, "port0.example", 1, 1, NULL, 0, NULL,
                           query, sizeof query);
  for (int i = 0; i < 2; i++)
    observe_value (test, i == 0 ? "first query" : "second query", "res_nsend",
                   res_nsend (&state, query, size, answer, sizeof answer),
                   result (size));
  observe_value (test, "connections", "accept",
                 (long) __atomic_load_n (connections, __ATOMIC_SEQ_CST),
                 result (1));
  res_nclose (&state);
  kill (server, SIGKILL);
  waitpid (server, NULL, 0);
  munmap (connections, sizeof *connections);
#else
  skip (test, "res_nsend() in this libc");
#endif
}
