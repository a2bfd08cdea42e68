/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, and what they did.  */

#define _GNU_SOURCE
#include "runner.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SO_PEERNAME
#define SO_PEERNAME 28 /* Only in <asm/socket.h>.  */
#endif

/* A value that no call sets errno to.  POSIX lets a successful call change
   errno; none of these has a reason to.  */
enum
{
  NO_ERRNO = 0x5a5a
};

const char payload[] = "port 0?";
_Static_assert(sizeof payload == PAYLOAD_SIZE, "see observe.h");

bool all_as_the_standard = true;
const struct test *asked;

struct answer
unspecified (void)
{
  return (struct answer){ .kind = UNSPECIFIED };
}

struct answer
result (long value)
{
  return (struct answer){ .kind = RESULT, .value = value };
}

struct answer
error (int error_number)
{
  return (struct answer){ .kind = ERROR, .value = error_number };
}

struct answer
name (const struct name *name)
{
  return (struct answer){ .kind = NAME, .name = name };
}

static void
record (struct test *test, struct observation *o)
{
  if (errno != NO_ERRNO)
    o->error_number = errno;
  if (!emit_observation (test, o))
    all_as_the_standard = false;
}

typedef int name_call (int, struct sockaddr *, socklen_t *);

static void
observe_name_call (struct test *test, const char *step, const char *call_name,
                   name_call *call, int fd, int size, struct answer standard)
{
  struct sockaddr_storage buffer;
  memset (&buffer, UNTOUCHED, sizeof buffer);
  struct observation o = {
    .step = step,
    .call = call_name,
    .standard = standard,
    .has_name = true,
    .given = (socklen_t) size,
    .length = (socklen_t) size,
    .buffer = (unsigned char *) &buffer,
    .buffer_size = sizeof buffer,
  };
  errno = NO_ERRNO;
  o.returned = call (fd, (struct sockaddr *) &buffer, &o.length);
  record (test, &o);
}

void
observe_getpeername (struct test *test, const char *step, int fd,
                     struct answer standard)
{
  observe_getpeername_sized (test, step, fd, sizeof (struct sockaddr_storage),
                             standard);
}

void
observe_getpeername_sized (struct test *test, const char *step, int fd,
                           int size, struct answer standard)
{
  observe_name_call (test, step, "getpeername", test->entry->getpeername, fd,
                     size, standard);
}

void
observe_getsockname (struct test *test, const char *step, int fd,
                     struct answer standard)
{
  observe_name_call (test, step, "getsockname", test->entry->getsockname, fd,
                     sizeof (struct sockaddr_storage), standard);
}

static const struct entry *accept_entry;
static int accept_flags, accept_fd;

static int
accept_as_told (int listening, struct sockaddr *address, socklen_t *length)
{
  accept_fd
      = accept_flags != 0
            ? accept_entry->accept4 (listening, address, length, accept_flags)
            : accept_entry->accept (listening, address, length);
  return accept_fd < 0 ? -1 : 0;
}

int
observe_accept (struct test *test, const char *step, int listening, int flags,
                struct answer standard)
{
  accept_entry = test->entry;
  accept_flags = flags;
  observe_name_call (test, step, flags != 0 ? "accept4" : "accept",
                     accept_as_told, listening,
                     sizeof (struct sockaddr_storage), standard);
  return accept_fd;
}

static int (*getsockopt_of_entry) (int, int, int, void *, socklen_t *);
static int name_level, name_option;

static int
option_name (int fd, struct sockaddr *address, socklen_t *length)
{
  return getsockopt_of_entry (fd, name_level, name_option, address, length);
}

void
observe_option_name (struct test *test, const char *step, int fd, int level,
                     int option, struct answer standard)
{
  getsockopt_of_entry = test->entry->getsockopt;
  name_level = level;
  name_option = option;
  observe_name_call (test, step, "getsockopt", option_name, fd,
                     (int) test->peer.length, standard);
}

void
observe_so_peername (struct test *test, const char *step, int fd,
                     struct answer standard)
{
  /* Unlike getpeername(), the option fails if the buffer is larger than the
     name (sk_getsockopt() in Linux's net/core/sock.c), so it gets one of the
     right size.  */
  observe_option_name (test, step, fd, SOL_SOCKET, SO_PEERNAME, standard);
}

void
observe_getpeername_arguments (struct test *test, const char *step, int fd,
                               void *address, void *length,
                               struct answer standard)
{
  struct observation o
      = { .step = step, .call = "getpeername", .standard = standard };
  errno = NO_ERRNO;
  o.returned = test->entry->getpeername (fd, address, length);
  record (test, &o);
}

void
observe_connect (struct test *test, const char *step, int fd,
                 const struct name *peer, struct answer standard)
{
  struct observation o
      = { .step = step, .call = "connect", .standard = standard };
  errno = NO_ERRNO;
  o.returned = connect_by (test->entry->connect, test, fd, peer);
  record (test, &o);
}

bool
observe_sendto (struct test *test, const char *step, int fd,
                const struct name *peer, struct answer standard)
{
  struct observation o = { .step = step,
                           .call = peer == NULL ? "send" : "sendto",
                           .standard = standard };
  errno = NO_ERRNO;
  o.returned = test->entry->sendto (fd, payload, sizeof payload, MSG_NOSIGNAL,
                                    peer == NULL ? NULL : &peer->any,
                                    peer == NULL ? 0 : peer->length);
  record (test, &o);
  return o.returned == PAYLOAD_SIZE;
}

bool
observe_sendmsg (struct test *test, const char *step, int fd,
                 const struct name *peer, struct answer standard)
{
  struct iovec data = { (void *) payload, PAYLOAD_SIZE };
  struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };
  if (peer != NULL)
    {
      message.msg_name = (void *) &peer->storage;
      message.msg_namelen = peer->length;
    }
  struct observation o
      = { .step = step, .call = "sendmsg", .standard = standard };
  errno = NO_ERRNO;
  o.returned = test->entry->sendmsg (fd, &message, MSG_NOSIGNAL);
  record (test, &o);
  return o.returned == PAYLOAD_SIZE;
}

void
observe_arrival (struct test *test, const char *step, int fd, bool sent,
                 struct answer standard)
{
  char data[PAYLOAD_SIZE + 1];
  struct pollfd readable = { .fd = fd, .events = POLLIN };
  long got = 0;
  if (poll (&readable, 1, sent ? PATIENCE : 0) == 1)
    got = recv (fd, data, sizeof data, MSG_DONTWAIT);
  if (got == PAYLOAD_SIZE && memcmp (data, payload, PAYLOAD_SIZE) != 0)
    got = -1;
  observe_value (test, step, "bytes that arrived", got, standard);
}

static struct test *receiving_test;

static int
receive_name (int fd, struct sockaddr *address, socklen_t *length)
{
  char data[PAYLOAD_SIZE];
  ssize_t got = receiving_test->entry->recvfrom (fd, data, sizeof data,
                                                 MSG_DONTWAIT, address, length);
  return got < 0 ? -1 : 0;
}

void
observe_sender (struct test *test, const char *step, int fd,
                struct answer standard)
{
  struct pollfd readable = { .fd = fd, .events = POLLIN };
  if (poll (&readable, 1, PATIENCE) != 1)
    broken (test, "nothing arrived to ask the sender of", 0);
  receiving_test = test;
  observe_name_call (test, step, "recvfrom", receive_name, fd,
                     sizeof (struct sockaddr_storage), standard);
}

void
observe_poll (struct test *test, const char *step, int fd, short events,
              int milliseconds, struct answer standard)
{
  struct pollfd at = { .fd = fd, .events = events };
  if (poll (&at, 1, milliseconds) < 0)
    broken (test, "poll", errno);
  observe_value (test, step, "poll", at.revents, standard);
}

void
observe_nothing_yet (void)
{
  errno = NO_ERRNO;
}

void
observe_returned (struct test *test, const char *step, const char *what,
                  long returned, struct answer standard)
{
  struct observation o = {
    .step = step, .call = what, .standard = standard, .returned = returned
  };
  record (test, &o);
}

void
observe_value (struct test *test, const char *step, const char *what,
               long value, struct answer standard)
{
  errno = NO_ERRNO;
  observe_returned (test, step, what, value, standard);
}

void
observe_name (struct test *test, const char *step, const char *what,
              const struct name *found, struct answer standard)
{
  struct name copy;
  memset (&copy.storage, UNTOUCHED, sizeof copy.storage);
  if (found->length != 0)
    memcpy (&copy.storage, &found->storage, found->length);
  struct observation o = {
    .step = step,
    .call = what,
    .standard = standard,
    .returned = found->length == 0 ? -1 : 0,
    .has_name = true,
    .given = sizeof copy.storage,
    .length = found->length == 0 ? sizeof copy.storage : found->length,
    .buffer = (unsigned char *) &copy.storage,
    .buffer_size = sizeof copy.storage,
  };
  errno = NO_ERRNO;
  record (test, &o);
}

void
in_child (struct test *test, void (*body) (struct test *, int), int fd)
{
  pid_t child = fork ();
  if (child == 0)
    {
      body (test, fd);
      _exit (all_as_the_standard ? AS_THE_STANDARD : OTHERWISE);
    }
  int status;
  if (waitpid (child, &status, 0) != child || !WIFEXITED (status))
    broken (test, "the child died", 0);
  switch (WEXITSTATUS (status))
    {
    case AS_THE_STANDARD:
      break;
    case OTHERWISE:
      all_as_the_standard = false;
      break;
    case SKIPPED: /* It has said why.  */
    case BROKEN:
      end_variant ((enum status) WEXITSTATUS (status));
    default:
      broken (test, "the child ended early", 0);
    }
}

void
broken (struct test *test, const char *what, int error_number)
{
  char reason[200];
  snprintf (reason, sizeof reason, "%s%s%s", what, error_number ? ": " : "",
            error_number ? strerror (error_number) : "");
  emit_absence (asked != NULL ? asked : test, "broken", reason);
  end_variant (BROKEN);
}

void
skip (struct test *test, const char *missing)
{
  emit_absence (asked != NULL ? asked : test, "skipped", missing);
  end_variant (SKIPPED);
}
