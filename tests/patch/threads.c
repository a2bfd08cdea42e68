/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls the patched getpeername() from many threads, while the sockets change
   and while their descriptors do.  How often what happens depends on the
   machine, so only what must never happen is judged here; what must come of a
   change at each moment is in moved.c, of an answer that is false in replies.c.

   usage: threads NAME, where NAME is one of the functions in `crowds`
   Exit status 0 if all is well; says what is not.  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sockets.h"

/* Each thread has sockets of its own at a peer of its own; others come and go
   beside them.  */
enum
{
  THREADS = 64
};
static atomic_bool enough;
static atomic_long asked, named, wrong;

static void *
ask_own (void *argument)
{
  char address[20];
  int number = (int) (intptr_t) argument;
  snprintf (address, sizeof address, "127.0.0.%d", number + 2);
  in_addr_t binary;
  inet_pton (AF_INET, address, &binary);
  while (!enough)
    {
      int fd = connect_udp (address, 0, -1);
      for (int i = 0; i < 5; i++)
        {
          connect_udp (address, i % 2 ? 7 : 0, fd);
          int got = ask_for_port_0 (fd, binary);
          if (got != (i % 2 ? -1 : 0))
            wrong++;
          asked++;
        }
      close (fd);
    }
  return NULL;
}

static void
threads (void)
{
  pthread_t thread[THREADS];
  for (intptr_t i = 0; i < THREADS; i++)
    if (pthread_create (&thread[i], NULL, ask_own, (void *) i) != 0)
      errx (1, "pthread_create");
  while (asked < 20000)
    sched_yield ();
  enough = true;
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  must_be ("wrong answers", (int) wrong, 0);
}

/* What is asked for its peer here belongs to others, who connect it to one
   peer after the other, disconnect it, and put another socket in its place.
   The peers with an even last byte are at port 0, the others at port 7: a
   mixture of two of them shows.  The kernel reads its tables without the lock
   of the socket, so there can be some.  */
enum
{
  SHARED = 8,
  PEERS = 16,
  FIRST_PEER = 100
};
static int shared[SHARED], shared_type;
static atomic_long mixed;

/* TCP connects without a server in its repair mode.  */
static int
new_shared (void)
{
  int fd = socket (AF_INET, shared_type, 0);
  if (fd < 0
      || (shared_type == SOCK_STREAM
          && setsockopt (fd, IPPROTO_TCP, TCP_REPAIR, &(int){ 1 }, sizeof (int))
                 != 0))
    err (1, "socket");
  return fd;
}

static void *
move_shared (void *argument)
{
  unsigned state = (unsigned) (intptr_t) argument;
  while (!enough)
    {
      int *fd = &shared[rand_r (&state) % SHARED];
      unsigned byte = FIRST_PEER + (unsigned) rand_r (&state) % PEERS;
      struct sockaddr_in peer
          = { .sin_family = AF_INET,
              .sin_port = htons (byte % 2 == 0 ? 0 : 7),
              .sin_addr.s_addr = htonl (INADDR_LOOPBACK - 1 + byte) };
      struct sockaddr nobody = { .sa_family = AF_UNSPEC };
      if (rand_r (&state) % 8 == 0)
        {
          int another = new_shared ();
          dup2 (another, *fd);
          close (another);
        }
      /* Fails for TCP if another thread was faster.  */
      if (rand_r (&state) % 8 == 0 || shared_type == SOCK_STREAM)
        (void) connect (*fd, &nobody, sizeof nobody);
      (void) connect (*fd, (struct sockaddr *) &peer, sizeof peer);
    }
  return NULL;
}

static void *
ask_shared (void *argument)
{
  unsigned state = (unsigned) (intptr_t) argument;
  while (!enough)
    {
      struct sockaddr_in name = { 0 };
      socklen_t size = sizeof name;
      int result = getpeername (shared[rand_r (&state) % SHARED],
                                (struct sockaddr *) &name, &size);
      unsigned byte = ntohl (name.sin_addr.s_addr) - (INADDR_LOOPBACK - 1);
      in_port_t port = ntohs (name.sin_port);
      if (result != 0)
        wrong += errno != ENOTCONN;
      else if (byte < FIRST_PEER || byte >= FIRST_PEER + PEERS
               || size != sizeof name || (port != 0 && port != 7))
        wrong++;
      else
        mixed += port != (byte % 2 == 0 ? 0 : 7);
      named += result == 0 && port == 0;
      asked++;
    }
  return NULL;
}

static void
others (int type)
{
  pthread_t thread[THREADS];
  shared_type = type;
  for (int i = 0; i < SHARED; i++)
    shared[i] = new_shared ();
  for (intptr_t i = 0; i < THREADS; i++)
    if (pthread_create (&thread[i], NULL, i % 2 ? ask_shared : move_shared,
                        (void *) (i + 1))
        != 0)
      errx (1, "pthread_create");
  while (asked < 20000)
    sched_yield ();
  enough = true;
  for (int i = 0; i < THREADS; i++)
    pthread_join (thread[i], NULL);
  printf ("%ld asked, %ld named at port 0, %ld mixtures\n", asked, named,
          mixed);
  must_be ("wrong answers", (int) wrong, 0);
  int fd = dup (0);
  must_be ("lowest free descriptor", fd, shared[SHARED - 1] + 1);
  must_be ("afterwards",
           ask_for_port_0 (udp_at_port_0 (AF_INET), htonl (INADDR_LOOPBACK)),
           0);
}

static void
others_udp (void)
{
  others (SOCK_DGRAM);
}

static void
others_tcp (void)
{
  others (SOCK_STREAM);
}

static void *
reconnect (void *argument)
{
  while (!enough)
    {
      connect_udp ("127.0.0.1", 0, *(int *) argument);
      connect_udp ("127.0.0.2", 0, *(int *) argument);
    }
  return NULL;
}

/* A socket that has a peer all the time, but not always the same.  That is
   named, or if it changes at each look, none.  */
static void
reconnected (void)
{
  enum
  {
    CALLS = 5000
  };
  int fd = connect_udp ("127.0.0.1", 0, -1);
  int refused = 0;
  pthread_t thread;
  if (pthread_create (&thread, NULL, reconnect, &fd) != 0)
    errx (1, "pthread_create");
  for (int i = 0; i < CALLS; i++)
    {
      struct sockaddr_in name = { 0 };
      socklen_t size = sizeof name;
      if (getpeername (fd, (struct sockaddr *) &name, &size) != 0)
        {
          must_be ("error", errno, ENOTCONN);
          refused++;
        }
      else if (name.sin_port != 0
               || ntohl (name.sin_addr.s_addr) - INADDR_LOOPBACK > 1)
        errx (1, "%#x, port %d", ntohl (name.sin_addr.s_addr),
              ntohs (name.sin_port));
    }
  enough = true;
  pthread_join (thread, NULL);
  printf ("%d of %d calls failed\n", refused, CALLS);
  connect_udp ("127.0.0.1", 0, fd);
  must_be ("afterwards", ask_for_port_0 (fd, htonl (INADDR_LOOPBACK)), 0);
}

static const struct named crowds[] = {
  { "threads", threads },
  { "others-udp", others_udp },
  { "others-tcp", others_tcp },
  { "reconnected", reconnected },
};

int
main (int argc, char **argv)
{
  run_named (argc, argv, crowds, sizeof crowds / sizeof *crowds);
  return 0;
}
