/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that uses the three functions, for any libc, where clients of
   8082 come from port 0 and connections to port 0 arrive at 8080.

   usage: calls peer     the port of a UDP socket's peer at port 0, or errno
          calls accept   the same of a client of accept(), and of accept4()
          calls cancel   whether a thread that waits in either is cancelled  */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in
loopback (in_port_t port)
{
  return (struct sockaddr_in){ .sin_family = AF_INET,
                               .sin_port = htons (port),
                               .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
}

static void
show (const char *name, int result, const struct sockaddr_in *address)
{
  if (result < 0)
    printf ("%s: errno %d\n", name, errno);
  else
    printf ("%s: port %d\n", name, ntohs (address->sin_port));
}

static void
ask_for_peer (void)
{
  struct sockaddr_in peer = loopback (0), name = loopback (1);
  socklen_t size = sizeof name;
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  if (connect (fd, (void *) &peer, sizeof peer) != 0)
    err (1, "connect");
  show ("getpeername", getpeername (fd, (void *) &name, &size), &name);
}

static int
listen_on (in_port_t port)
{
  struct sockaddr_in address = loopback (port);
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  int on = 1;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (fd, (void *) &address, sizeof address) != 0 || listen (fd, 8) != 0)
    err (1, "listen");
  return fd;
}

static void
serve (bool with_flags)
{
  int listener = listen_on (8080);
  int client = socket (AF_INET, SOCK_STREAM, 0);
  int on = 1;
  struct sockaddr_in from = loopback (8082), to = loopback (8080);
  setsockopt (client, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind (client, (void *) &from, sizeof from) != 0
      || connect (client, (void *) &to, sizeof to) != 0)
    err (1, "connect");
  struct sockaddr_in name = loopback (1);
  socklen_t size = sizeof name;
  if (with_flags)
    show ("accept4", accept4 (listener, (void *) &name, &size, SOCK_CLOEXEC),
          &name);
  else
    show ("accept", accept (listener, (void *) &name, &size), &name);
  /* Reset, so that the next client can have its port.  */
  struct linger now = { .l_onoff = 1 };
  setsockopt (client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close (client);
  close (listener);
}

static bool with_flags;

static void *
wait_for_client (void *argument)
{
  struct sockaddr_in name;
  socklen_t size = sizeof name;
  int *listener = argument;
  if (with_flags)
    accept4 (*listener, (void *) &name, &size, 0);
  else
    accept (*listener, (void *) &name, &size);
  return NULL;
}

static void
cancel (void)
{
  int listener = listen_on (8080);
  pthread_t thread;
  void *result;
  if (pthread_create (&thread, NULL, wait_for_client, &listener) != 0
      || pthread_cancel (thread) != 0 || pthread_join (thread, &result) != 0)
    errx (1, "threads");
  printf ("%s: %s\n", with_flags ? "accept4" : "accept",
          result == PTHREAD_CANCELED ? "cancelled" : "not cancelled");
  close (listener);
}

int
main (int argc, char **argv)
{
  const char *what = argc > 1 ? argv[1] : "";
  if (strcmp (what, "peer") == 0)
    ask_for_peer ();
  for (int i = 0; i < 2; i++)
    {
      with_flags = i == 1;
      if (strcmp (what, "accept") == 0)
        serve (with_flags);
      if (strcmp (what, "cancel") == 0)
        cancel ();
    }
  return 0;
}
