/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE
#include "wrong.h"

#include <errno.h>

int
getsockname (int fd, struct sockaddr *address, socklen_t *length)
{
  static int (*right) (int, struct sockaddr *, socklen_t *);
  if (right == NULL)
    right = RIGHT (getsockname);
  int result = right (fd, address, length);
  if (result != 0 || address == NULL || !has_port (address))
    return result;
  in_port_t *port = port_in (address);
  if (is_wrong_by ("getsockname: the peer's name"))
    getpeername (fd, address, length);
  if (is_wrong_by ("getsockname: port plus one"))
    *port = htons ((in_port_t) (ntohs (*port) + 1));
  if (is_wrong_by ("getsockname: port 1 for port 0") && *port == 0)
    *port = htons (1);
  if (*port == 0 && is_wrong_by ("getsockname: port 0 is an error"))
    {
      errno = EINVAL;
      return -1;
    }
  if (is_wrong_by ("getsockname: length plus one"))
    ++*length;
  if (is_wrong_by ("getsockname: errno on success"))
    errno = EINVAL;
  return result;
}
