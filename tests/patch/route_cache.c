/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Does a socket with an IPv4-mapped peer ever send by an IPv6 route?

   Usage: route_cache NAME.  One thread sends on a socket whose peer is an IPv6
   address, while another connects it to an IPv4-mapped one: the first leaves
   its IPv6 route in the socket's cache (sk_dst_cache).  Then this thread, under
   the name NAME, sends to the mapped peer.  Prints how many of the datagrams
   arrived there.

   For root in a guest with the kernel of udpv6_window.patch: there a thread
   with the name "slow" waits, in the middle of its send, for the other.  */

#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum
{
  DATAGRAMS = 4
};
static const char last = 'l';

static struct sockaddr_in6
peer (const char *address, in_port_t port)
{
  struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_port = port };
  inet_pton (AF_INET6, address, &name.sin6_addr);
  return name;
}

static void
must_connect (int fd, const struct sockaddr_in6 *name)
{
  if (connect (fd, (const struct sockaddr *) name, sizeof *name) != 0)
    err (BROKEN, "connect");
}

static void
run_command (const char *command)
{
  /* Constants, without a user's words.  */
  if (system (command) != 0) // NOLINT(cert-env33-c)
    errx (BROKEN, "%s", command);
}

static atomic_int slow_id;

static void *
send_slowly (void *argument)
{
  const int *fd = argument;
  prctl (PR_SET_NAME, "slow");
  slow_id = gettid ();
  if (send (*fd, "", 1, 0) != 1)
    err (BROKEN, "send to the IPv6 peer");
  return NULL;
}

/* Wait until the other thread does, in the kernel ("D" in its status).  */
static void
wait_for_slow (void)
{
  char path[64];
  char state = 0;
  while (slow_id == 0)
    usleep (1000);
  snprintf (path, sizeof path, "/proc/self/task/%d/stat", slow_id);
  while (state != 'D')
    {
      FILE *file = fopen (path, "r");
      if (file == NULL || fscanf (file, "%*d (slow) %c", &state) != 1)
        errx (BROKEN, "the kernel has no window: see udpv6_window.patch");
      fclose (file);
      usleep (1000);
    }
}

int
main (int argc, char **argv)
{
  if (argc != 2)
    errx (BROKEN, "usage: route_cache NAME");
  /* Of a route by a nexthop object, the validity in the cache does not depend
     on what the sender remembers of it (rt6_check).  */
  run_command ("ip link add port_zero type dummy");
  run_command ("ip link set port_zero up");
  run_command ("ip addr add 2001:db8::1/64 dev port_zero nodad");
  run_command ("ip nexthop add id 1 via 2001:db8::99 dev port_zero");
  run_command ("ip -6 route add 2001:db8:1::/48 nhid 1");

  int receiver = socket (AF_INET, SOCK_DGRAM, 0);
  struct sockaddr_in own
      = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof own;
  if (bind (receiver, (struct sockaddr *) &own, length) != 0
      || getsockname (receiver, (struct sockaddr *) &own, &length) != 0)
    err (BROKEN, "bind");
  const struct sockaddr_in6 ipv6 = peer ("2001:db8:1::5", own.sin_port);
  const struct sockaddr_in6 mapped = peer ("::ffff:127.0.0.1", own.sin_port);

  int fd = socket (AF_INET6, SOCK_DGRAM, 0);
  must_connect (fd, &ipv6);
  /* Whatever changes routes makes the cached one stale.  */
  run_command ("ip -6 route add 2001:db8:2::/48 dev port_zero");
  pthread_t slow;
  pthread_create (&slow, NULL, send_slowly, &fd);
  wait_for_slow ();
  must_connect (fd, &mapped);
  pthread_join (slow, NULL);

  prctl (PR_SET_NAME, argv[1]);
  for (int i = 0; i < DATAGRAMS; i++)
    if (send (fd, "", 1, 0) != 1)
      err (BROKEN, "send to the mapped peer");
  /* The loopback device keeps the order: behind this, nothing more comes.  */
  int other = socket (AF_INET, SOCK_DGRAM, 0);
  if (sendto (other, &last, 1, 0, (const struct sockaddr *) &own, length) != 1)
    err (BROKEN, "send to the receiver");
  int arrived = 0;
  char byte = 0;
  while (recv (receiver, &byte, 1, 0) == 1 && byte != last)
    arrived++;
  printf ("%d of %d\n", arrived, DATAGRAMS);
  return 0;
}
