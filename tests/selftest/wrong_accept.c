/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library to preload that makes accept4() wrong in the way that comes first
   to mind: it accepts without the name and then asks getpeername(), which does
   not name a peer that has gone.  */

#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int
accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags)
{
  int accepted = (int) syscall (SYS_accept4, fd, NULL, NULL, flags);
  if (accepted < 0 || address == NULL
      || getpeername (accepted, address, length) == 0)
    return accepted;
  int error = errno == ENOTCONN ? ECONNABORTED : errno;
  close (accepted);
  errno = error;
  return -1;
}
