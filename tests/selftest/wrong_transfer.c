/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* sendto() and recvfrom().  */

#define _GNU_SOURCE
#include "wrong.h"

#include <errno.h>

ssize_t
sendto (int fd, const void *data, size_t size, int flags,
        const struct sockaddr *address, socklen_t length)
{
  static ssize_t (*right) (int, const void *, size_t, int,
                           const struct sockaddr *, socklen_t);
  if (right == NULL)
    right = RIGHT (sendto);
  if (is_wrong_by ("sendto: nothing is sent"))
    return (ssize_t) size;
  if (size > 0 && is_wrong_by ("sendto: a byte less"))
    return right (fd, data, size - 1, flags, address, length);
  if (size > 0 && is_wrong_by ("sendto: a byte less, untold"))
    return right (fd, data, size - 1, flags, address, length) + 1;
  if (is_wrong_by ("sendto: the name is lost"))
    return right (fd, data, size, flags, NULL, 0);
  if (is_wrong_by ("sendto: MSG_MORE is lost"))
    return right (fd, data, size, flags & ~MSG_MORE, address, length);
  if (is_wrong_by ("sendto: MSG_NOSIGNAL is lost"))
    return right (fd, data, size, flags & ~MSG_NOSIGNAL, address, length);
  ssize_t sent = right (fd, data, size, flags, address, length);
  if (sent < 0 && errno == EPIPE && is_wrong_by ("sendto: another error"))
    errno = ENOTCONN;
  if (sent < 0 && errno == ECONNREFUSED
      && is_wrong_by ("sendto: an error lost"))
    return (ssize_t) size;
  return sent;
}

ssize_t
recvfrom (int fd, void *data, size_t size, int flags, struct sockaddr *address,
          socklen_t *length)
{
  static ssize_t (*right) (int, void *, size_t, int, struct sockaddr *,
                           socklen_t *);
  if (right == NULL)
    right = RIGHT (recvfrom);
  ssize_t got = right (fd, data, size, flags, address, length);
  if (got < 0 && errno == ECONNREFUSED
      && is_wrong_by ("recvfrom: an error lost"))
    return 0;
  if (got < 0 || address == NULL)
    return got;
  if (is_wrong_by ("recvfrom: no name"))
    *length = 0;
  if (is_wrong_by ("recvfrom: length plus one"))
    ++*length;
  if (is_at_zero (address) && is_wrong_by ("recvfrom: port 1 for port 0"))
    *port_in (address) = htons (1);
  if (is_wrong_by ("recvfrom: its own name"))
    getsockname (fd, address, length);
  if (is_at_zero (address) && is_wrong_by ("recvfrom: port 0 is dropped"))
    {
      errno = EAGAIN;
      return -1;
    }
  if (is_wrong_by ("recvfrom: errno on success"))
    errno = EAGAIN;
  return got;
}
