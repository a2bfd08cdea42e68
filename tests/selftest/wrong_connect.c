/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE
#include "wrong.h"

#include <errno.h>

int
connect (int fd, const struct sockaddr *address, socklen_t length)
{
  static int (*right) (int, const struct sockaddr *, socklen_t);
  if (right == NULL)
    right = RIGHT (connect);
  bool zero = length >= sizeof (struct sockaddr_in) && is_at_zero (address);
  /* As the BSDs do.  */
  if (zero && is_wrong_by ("connect: port 0 is not available"))
    {
      errno = EADDRNOTAVAIL;
      return -1;
    }
  struct sockaddr nobody = { .sa_family = AF_UNSPEC };
  if (zero && is_wrong_by ("connect: port 0 undoes"))
    return right (fd, &nobody, sizeof nobody);
  if (zero && is_wrong_by ("connect: port 1 for port 0"))
    {
      struct sockaddr_storage other;
      memcpy (&other, address, length);
      *port_in ((struct sockaddr *) &other) = htons (1);
      return right (fd, (struct sockaddr *) &other, length);
    }
  if (address->sa_family == AF_UNSPEC
      && is_wrong_by ("connect: nothing is undone"))
    return 0;
  struct sockaddr_storage peer;
  socklen_t size = sizeof peer;
  if (has_port (address) && is_wrong_by ("connect: the first peer stays")
      && getpeername (fd, (struct sockaddr *) &peer, &size) == 0)
    return 0;
  int result = right (fd, address, length);
  if (result != 0 && errno == EISCONN && is_wrong_by ("connect: twice"))
    return 0;
  if (result != 0 && errno == ECONNREFUSED
      && is_wrong_by ("connect: refused as unreachable"))
    errno = EHOSTUNREACH;
  if (result != 0 && errno == EINPROGRESS
      && is_wrong_by ("connect: done too early"))
    return 0;
  if (is_wrong_by ("connect: errno on success") && result == 0)
    errno = EINPROGRESS;
  return result;
}
