/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What io_uring's own getsockname says of the peer of a UDP socket that is
   connected to port 0, and to another port.  No libc stands between: the call
   is made of a ring.

   Prints "FAMILY PORT: OUTCOME", a line for each; OUTCOME is "named", or an
   error (EOPNOTSUPP if the kernel's io_uring has no getsockname).  */

#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum
{
  OTHER = 4242,
  URING_CMD = 46,  /* IORING_OP_URING_CMD, of Linux 5.19.  */
  GETSOCKNAME = 5, /* SOCKET_URING_OP_GETSOCKNAME, of newer headers.  */
};

struct ring
{
  int fd;
  struct io_uring_params params;
  char *submission;
  char *completion;
  struct io_uring_sqe *entries;
};

static struct ring
open_ring (void)
{
  struct ring ring = { .fd = -1 };
  ring.fd = (int) syscall (SYS_io_uring_setup, 1, &ring.params);
  if (ring.fd < 0)
    err (BROKEN, "io_uring_setup");
  const struct io_sqring_offsets *sq = &ring.params.sq_off;
  const struct io_cqring_offsets *cq = &ring.params.cq_off;
  ring.submission
      = mmap (NULL, sq->array + ring.params.sq_entries * sizeof (uint32_t),
              PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQ_RING);
  ring.completion = mmap (
      NULL, cq->cqes + ring.params.cq_entries * sizeof (struct io_uring_cqe),
      PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_CQ_RING);
  ring.entries
      = mmap (NULL, ring.params.sq_entries * sizeof (struct io_uring_sqe),
              PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd, IORING_OFF_SQES);
  if (ring.submission == MAP_FAILED || ring.completion == MAP_FAILED
      || ring.entries == MAP_FAILED)
    err (BROKEN, "mmap of the ring");
  return ring;
}

/* Ask for the name of the peer of a socket, and wait for the answer: 0, or the
   negative error.  */
static int
ask_for_peer (struct ring *ring, int fd, void *name, int *length)
{
  struct io_uring_sqe *entry = &ring->entries[0];
  memset (entry, 0, sizeof *entry);
  entry->opcode = URING_CMD;
  entry->fd = fd;
  entry->cmd_op = GETSOCKNAME;
  entry->addr = (uintptr_t) name;
  entry->addr3 = (uintptr_t) length;
  /* In newer headers, optlen: 1 asks for the peer.  */
  entry->file_index = 1;
  uint32_t *array = (void *) (ring->submission + ring->params.sq_off.array);
  uint32_t *tail = (void *) (ring->submission + ring->params.sq_off.tail);
  array[0] = 0;
  __atomic_store_n (tail, *tail + 1, __ATOMIC_RELEASE);
  if (syscall (SYS_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL,
               0)
      != 1)
    err (BROKEN, "io_uring_enter");
  uint32_t *head = (void *) (ring->completion + ring->params.cq_off.head);
  uint32_t *mask = (void *) (ring->completion + ring->params.cq_off.ring_mask);
  const struct io_uring_cqe *done
      = (void *) (ring->completion + ring->params.cq_off.cqes);
  int result = done[*head & *mask].res;
  __atomic_store_n (head, *head + 1, __ATOMIC_RELEASE);
  return result;
}

static void
print_outcome (struct ring *ring, const char *family, int port,
               const struct sockaddr *peer, socklen_t peer_length)
{
  struct sockaddr_in6 name;
  int length = sizeof name;
  int fd = socket (peer->sa_family, SOCK_DGRAM, 0);
  if (connect (fd, peer, peer_length) != 0)
    err (BROKEN, "connect");
  memset (&name, 0, sizeof name);
  int result = ask_for_peer (ring, fd, &name, &length);
  close (fd);
  if (result < 0)
    printf ("%s %d: %s\n", family, port, strerrorname_np (-result));
  else if (length != (int) peer_length
           || memcmp (&name, peer, peer_length) != 0)
    printf ("%s %d: another name\n", family, port);
  else
    printf ("%s %d: named\n", family, port);
}

int
main (void)
{
  struct ring ring = open_ring ();
  for (int port = 0; port <= OTHER; port += OTHER)
    {
      const struct sockaddr_in v4
          = { .sin_family = AF_INET,
              .sin_port = htons ((in_port_t) port),
              .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
      const struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                                       .sin6_port = htons ((in_port_t) port),
                                       .sin6_addr = IN6ADDR_LOOPBACK_INIT };
      print_outcome (&ring, "IPv4", port, (const struct sockaddr *) &v4,
                     sizeof v4);
      print_outcome (&ring, "IPv6", port, (const struct sockaddr *) &v6,
                     sizeof v6);
    }
  return 0;
}
