/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, and what they did.  */

#include "runner.h"

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
_Static_assert(sizeof payload == PAYLOAD_SIZE, "see case.h");

bool all_as_the_standard = true;

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
observe_name (struct test *test, const char *step, const char *call_name,
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
  observe_name (test, step, "getpeername", test->entry->getpeername, fd, size,
                standard);
}

void
observe_getsockname (struct test *test, const char *step, int fd,
                     struct answer standard)
{
  observe_name (test, step, "getsockname", test->entry->getsockname, fd,
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
  observe_name (test, step, flags != 0 ? "accept4" : "accept", accept_as_told,
                listening, sizeof (struct sockaddr_storage), standard);
  return accept_fd;
}

static int (*getsockopt_of_entry) (int, int, int, void *, socklen_t *);

static int
so_peername (int fd, struct sockaddr *address, socklen_t *length)
{
  return getsockopt_of_entry (fd, SOL_SOCKET, SO_PEERNAME, address, length);
}

void
observe_so_peername (struct test *test, const char *step, int fd,
                     struct answer standard)
{
  /* Unlike getpeername(), the option fails if the buffer is larger than the
     name (sk_getsockopt() in Linux's net/core/sock.c), so it gets one of the
     right size.  */
  getsockopt_of_entry = test->entry->getsockopt;
  observe_name (test, step, "getsockopt", so_peername, fd,
                (int) test->peer.length, standard);
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
  o.returned = test->entry->connect (fd, &peer->any, peer->length);
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

void
observe_value (struct test *test, const char *step, const char *what,
               long value, struct answer standard)
{
  struct observation o
      = { .step = step, .call = what, .standard = standard, .returned = value };
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
  if (WEXITSTATUS (status) != AS_THE_STANDARD)
    all_as_the_standard = false;
}

void
broken (struct test *test, const char *what, int error_number)
{
  char reason[200];
  snprintf (reason, sizeof reason, "%s%s%s", what, error_number ? ": " : "",
            error_number ? strerror (error_number) : "");
  emit_absence (test, "broken", reason);
  end_variant (BROKEN);
}

void
skip (struct test *test, const char *missing)
{
  emit_absence (test, "skipped", missing);
  end_variant (SKIPPED);
}
