/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ways to make the calls.  */

#define _GNU_SOURCE
#include "runner.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The libc's prototypes may have transparent unions; these have not.  */

static int
libc_connect (int fd, const struct sockaddr *address, socklen_t length)
{
  return connect (fd, address, length);
}

static int
libc_accept (int fd, struct sockaddr *address, socklen_t *length)
{
  return accept (fd, address, length);
}

static int
libc_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags)
{
  return accept4 (fd, address, length, flags);
}

static int
libc_getpeername (int fd, struct sockaddr *address, socklen_t *length)
{
  return getpeername (fd, address, length);
}

static int
libc_getsockname (int fd, struct sockaddr *address, socklen_t *length)
{
  return getsockname (fd, address, length);
}

static ssize_t
libc_sendto (int fd, const void *data, size_t size, int flags,
             const struct sockaddr *address, socklen_t length)
{
  return sendto (fd, data, size, flags, address, length);
}

static int
raw_connect (int fd, const struct sockaddr *address, socklen_t length)
{
  return (int) syscall (SYS_connect, fd, address, length);
}

static int
raw_accept (int fd, struct sockaddr *address, socklen_t *length)
{
  return (int) syscall (SYS_accept, fd, address, length);
}

static int
raw_accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags)
{
  return (int) syscall (SYS_accept4, fd, address, length, flags);
}

static int
raw_getpeername (int fd, struct sockaddr *address, socklen_t *length)
{
  return (int) syscall (SYS_getpeername, fd, address, length);
}

static int
raw_getsockname (int fd, struct sockaddr *address, socklen_t *length)
{
  return (int) syscall (SYS_getsockname, fd, address, length);
}

static int
raw_getsockopt (int fd, int level, int option, void *value, socklen_t *length)
{
  return (int) syscall (SYS_getsockopt, fd, level, option, value, length);
}

static ssize_t
raw_sendto (int fd, const void *data, size_t size, int flags,
            const struct sockaddr *address, socklen_t length)
{
  return syscall (SYS_sendto, fd, data, size, flags, address, length);
}

const struct entry entries[] = {
  {
      .name = "libc",
      .connect = libc_connect,
      .accept = libc_accept,
      .accept4 = libc_accept4,
      .getpeername = libc_getpeername,
      .getsockname = libc_getsockname,
      .getsockopt = getsockopt,
      .sendto = libc_sendto,
  },
  {
      .name = "syscall",
      .connect = raw_connect,
      .accept = raw_accept,
      .accept4 = raw_accept4,
      .getpeername = raw_getpeername,
      .getsockname = raw_getsockname,
      .getsockopt = raw_getsockopt,
      .sendto = raw_sendto,
  },
  { 0 },
};
