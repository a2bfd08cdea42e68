/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The same calls through io_uring, which has ways of its own into the
   kernel.  No libc is between.  */

#define _GNU_SOURCE
#include "case.h"

#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LIKE "Not in POSIX; Linux io_uring(7): as the call of that name"

struct ring
{
  int fd;
  unsigned char *submissions, *completions;
  struct io_uring_sqe *entries;
  struct io_uring_params parameters;
};

static void *
map (struct test *test, int fd, size_t size, off_t place)
{
  void *at = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, place);
  if (at == MAP_FAILED)
    broken (test, "mapping a ring", errno);
  return at;
}

static struct ring
new_ring (struct test *test)
{
  struct ring ring = { 0 };
  struct io_uring_params *p = &ring.parameters;
  ring.fd = (int) syscall (SYS_io_uring_setup, 4, p);
  if (ring.fd < 0 && (errno == ENOSYS || errno == EPERM))
    skip (test, "io_uring in this kernel (CONFIG_IO_URING), or it is forbidden "
                "(kernel.io_uring_disabled)");
  if (ring.fd < 0)
    broken (test, "io_uring_setup", errno);
  ring.submissions
      = map (test, ring.fd, p->sq_off.array + p->sq_entries * sizeof (unsigned),
             IORING_OFF_SQ_RING);
  ring.completions
      = map (test, ring.fd,
             p->cq_off.cqes + p->cq_entries * sizeof (struct io_uring_cqe),
             IORING_OFF_CQ_RING);
  ring.entries
      = map (test, ring.fd, p->sq_entries * sizeof (struct io_uring_sqe),
             IORING_OFF_SQES);
  return ring;
}

static unsigned *
at (unsigned char *ring, unsigned offset)
{
  return (unsigned *) (void *) (ring + offset);
}

/* Have one operation done, and return its result: -1 and errno if it is an
   error.  */
static long
do_operation (struct test *test, const struct io_uring_sqe *operation)
{
  struct ring ring = new_ring (test);
  const struct io_uring_params *p = &ring.parameters;
  ring.entries[0] = *operation;
  *at (ring.submissions, p->sq_off.array) = 0;
  __atomic_store_n (at (ring.submissions, p->sq_off.tail), 1U,
                    __ATOMIC_RELEASE);
  if (syscall (SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL,
               0)
      != 1)
    broken (test, "io_uring_enter", errno);
  const struct io_uring_cqe *done
      = (const struct io_uring_cqe *) (void *) (ring.completions
                                                + p->cq_off.cqes);
  int result = done->res;
  close (ring.fd);
  if (result >= 0)
    return result;
  errno = -result;
  return -1;
}

CASE (io_uring, accept,
      .question = "Does IORING_OP_ACCEPT give and name a client at port 0?",
      .basis = LIKE, .families = ANY_FAMILY, .protocols = STREAM,
      .entries = SYSCALL, .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  struct name client = { .length = sizeof client.storage };
  struct io_uring_sqe accept = { .opcode = IORING_OP_ACCEPT,
                                 .fd = listening,
                                 .addr = (unsigned long) &client.storage,
                                 .addr2 = (unsigned long) &client.length };
  long server = -1;
  observe_call (test, "accept", "IORING_OP_ACCEPT",
                (server = do_operation (test, &accept)) < 0 ? -1 : 0,
                result (0));
  if (server < 0)
    client.length = 0;
  observe_name (test, "client", "IORING_OP_ACCEPT", &client,
                name (&test->client));
}

CASE (io_uring, accept_null_address,
      .question = "Does it, if no address is asked?", .basis = LIKE,
      .families = ANY_FAMILY, .protocols = STREAM, .entries = SYSCALL,
      .needs = STEERING)
{
  int listening = listener (test);
  client_from_source (test);
  struct io_uring_sqe accept = { .opcode = IORING_OP_ACCEPT, .fd = listening };
  observe_call (test, "accept", "IORING_OP_ACCEPT",
                do_operation (test, &accept) < 0 ? -1 : 0, result (0));
}

CASE (io_uring, connect,
      .question = "Does IORING_OP_CONNECT connect to port 0?", .basis = LIKE,
      .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM,
      .entries = SYSCALL, .needs = STEERING)
{
  listener (test);
  int fd = new_socket (test);
  if (is_connection (test))
    close_by_reset (fd);
  struct io_uring_sqe connect = { .opcode = IORING_OP_CONNECT,
                                  .fd = fd,
                                  .addr = (unsigned long) &test->peer.storage,
                                  .off = test->peer.length };
  observe_call (test, "connect", "IORING_OP_CONNECT",
                do_operation (test, &connect), result (0));
  observe_getpeername (test, "peer", fd, name (&test->peer));
}

CASE (io_uring, send, .question = "Does IORING_OP_SEND reach a peer at port 0?",
      .basis = LIKE, .families = ANY_FAMILY, .protocols = STREAM | DATAGRAM,
      .entries = SYSCALL, .needs = STEERING)
{
  listener (test);
  struct io_uring_sqe send = { .opcode = IORING_OP_SEND,
                               .fd = connected_socket (test),
                               .addr = (unsigned long) payload,
                               .len = PAYLOAD_SIZE };
  observe_call (test, "", "IORING_OP_SEND", do_operation (test, &send),
                result (PAYLOAD_SIZE));
}

CASE (io_uring, sendmsg,
      .question = "Does IORING_OP_SENDMSG send a datagram to port 0?",
      .basis = LIKE, .families = ANY_FAMILY, .protocols = DATAGRAM,
      .entries = SYSCALL, .needs = STEERING)
{
  listener (test);
  struct iovec data = { (void *) payload, PAYLOAD_SIZE };
  struct msghdr message = { .msg_iov = &data,
                            .msg_iovlen = 1,
                            .msg_name = &test->peer.storage,
                            .msg_namelen = test->peer.length };
  struct io_uring_sqe send = { .opcode = IORING_OP_SENDMSG,
                               .fd = new_socket (test),
                               .addr = (unsigned long) &message,
                               .len = 1 };
  observe_call (test, "", "IORING_OP_SENDMSG", do_operation (test, &send),
                result (PAYLOAD_SIZE));
}

/* An entry that is a command, in the words of newer headers than some systems
   have.  */
struct command
{
  uint8_t opcode, flags;
  uint16_t ioprio;
  int32_t fd;
  uint32_t cmd_op, pad1;
  uint64_t addr;
  uint32_t len, uring_cmd_flags;
  uint64_t user_data;
  uint16_t buf_index, personality;
  uint32_t optlen;
  uint64_t addr3, pad2;
};

_Static_assert(sizeof (struct command) == sizeof (struct io_uring_sqe),
               "a command is an entry");

enum
{
  URING_CMD = 46,  /* IORING_OP_URING_CMD, of Linux 5.19.  */
  GETSOCKNAME = 5, /* SOCKET_URING_OP_GETSOCKNAME.  */
  OF_PEER = 1
};

/* Return what a call returned, with its errno.  */
static long
again (long returned, int error_number)
{
  if (returned < 0)
    errno = error_number;
  return returned;
}

CASE (io_uring, getpeername,
      .question = "Does io_uring's getsockname, asked for it, name the peer?",
      .basis = LIKE, .families = ANY_FAMILY, .protocols = CONNECTION | DATAGRAM,
      .entries = SYSCALL, .needs = STEERING)
{
  listener (test);
  struct name peer = { .length = sizeof peer.storage };
  struct command get = { .opcode = URING_CMD,
                         .fd = connected_socket (test),
                         .cmd_op = GETSOCKNAME,
                         .addr = (unsigned long) &peer.storage,
                         .addr3 = (unsigned long) &peer.length,
                         .optlen = OF_PEER };
  struct io_uring_sqe entry;
  memcpy (&entry, &get, sizeof entry);
  long done = do_operation (test, &entry);
  int error_number = errno;
  if (done < 0 && (error_number == EOPNOTSUPP || error_number == EINVAL))
    skip (test, "getsockname in the io_uring of this kernel");
  observe_call (test, "", "SOCKET_URING_OP_GETSOCKNAME",
                again (done, error_number), result (0));
  if (done < 0)
    peer.length = 0;
  observe_name (test, "name", "SOCKET_URING_OP_GETSOCKNAME", &peer,
                name (&test->peer));
}
