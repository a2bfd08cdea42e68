/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE
#include "wrong.h"

#include <errno.h>
#include <unistd.h>

static int
wrong_accept (struct sockaddr *address, socklen_t *length, int accepted)
{
  if (accepted < 0)
    {
      if (errno == EMFILE && is_wrong_by ("accept: another error"))
        errno = ENOMEM;
      return accepted;
    }
  if (address != NULL && is_wrong_by ("accept: port 1 for port 0")
      && is_at_zero (address))
    *port_in (address) = htons (1);
  if (address != NULL && is_wrong_by ("accept: no name"))
    *length = 0;
  if (address != NULL && is_wrong_by ("accept: its own name"))
    getsockname (accepted, address, length);
  if (address != NULL && is_wrong_by ("accept: a descriptor lost")
      && dup (accepted) >= 0)
    return accepted;
  if (address != NULL && is_at_zero (address)
      && is_wrong_by ("accept: clients at port 0 dropped"))
    {
      close (accepted);
      errno = ECONNABORTED;
      return -1;
    }
  if (is_wrong_by ("accept: errno on success"))
    errno = ENOTCONN;
  return accepted;
}

int
accept4 (int fd, struct sockaddr *address, socklen_t *length, int flags)
{
  int asked = is_wrong_by ("accept: flags lost") ? 0 : flags;
  if (!is_wrong_by ("accept: asks getpeername() instead") || address == NULL)
    return wrong_accept (address, length,
                         RIGHT (accept4) (fd, address, length, asked));
  /* What comes first to mind, and does not name a peer that has gone.  */
  int accepted = RIGHT (accept4) (fd, NULL, NULL, flags);
  if (accepted < 0 || getpeername (accepted, address, length) == 0)
    return accepted;
  int error = errno == ENOTCONN ? ECONNABORTED : errno;
  close (accepted);
  errno = error;
  return -1;
}

int
accept (int fd, struct sockaddr *address, socklen_t *length)
{
  if (is_wrong_by ("accept: asks getpeername() instead"))
    return accept4 (fd, address, length, 0);
  return wrong_accept (address, length, RIGHT (accept) (fd, address, length));
}
