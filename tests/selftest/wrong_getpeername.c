/* SPDX-License-Identifier: LGPL-2.1-or-later */

#define _GNU_SOURCE
#include "wrong.h"

#include <errno.h>
#include <unistd.h>

/* Make what a right call stored wrong.  */
static void
falsify (struct sockaddr *address, socklen_t *length, socklen_t given)
{
  if (given < sizeof (struct sockaddr_in) || !has_port (address))
    return;
  in_port_t *port = port_in (address);
  if (is_wrong_by ("getpeername: bytes of the port swapped"))
    *port = (in_port_t) (*port << 8 | *port >> 8);
  if (is_wrong_by ("getpeername: port 1 for port 0") && *port == 0)
    *port = htons (1);
  if (is_wrong_by ("getpeername: any address") && *port == 0)
    memset ((char *) address + 4, 0, 4);
  if (is_wrong_by ("getpeername: no family"))
    address->sa_family = AF_UNSPEC;
  if (is_wrong_by ("getpeername: no scope") && address->sa_family == AF_INET6)
    ((struct sockaddr_in6 *) address)->sin6_scope_id = 0;
  if (is_wrong_by ("getpeername: a flow label")
      && address->sa_family == AF_INET6)
    ((struct sockaddr_in6 *) address)->sin6_flowinfo = htonl (1);
  if (is_wrong_by ("getpeername: a byte too many") && *length < given)
    ((char *) address)[*length] = 0;
}

int
getpeername (int fd, struct sockaddr *address, socklen_t *length)
{
  static int (*right) (int, struct sockaddr *, socklen_t *);
  if (right == NULL)
    right = RIGHT (getpeername);

  if (is_wrong_by ("getpeername: arguments not checked")
      && (address == NULL || length == NULL))
    return 0;
  /* Not for the cases of bad arguments: reading the length would crash.  */
  bool plain = address != NULL && length != NULL;
  const char *wrong = getenv ("WRONG");
  bool reads = plain && wrong != NULL
               && strncmp (wrong, "getpeername:", strlen ("getpeername:")) == 0;
  int result = right (fd, address, length);
  if (!plain)
    return result;
  if (result != 0)
    {
      if (errno == ENOTCONN
          && is_wrong_by ("getpeername: success without a peer"))
        return 0;
      if (errno == ENOTCONN && is_wrong_by ("getpeername: another error"))
        errno = EINVAL;
      return result;
    }
  if (reads)
    falsify (address, length, sizeof (struct sockaddr_storage));
  if (is_wrong_by ("getpeername: length plus one"))
    ++*length;
  if (is_wrong_by ("getpeername: errno on success"))
    errno = ENOTCONN;
  if (is_wrong_by ("getpeername: a descriptor left") && dup (fd) < 0)
    abort ();
  if (is_wrong_by ("getpeername: crash"))
    abort ();
  if (is_wrong_by ("getpeername: hang"))
    pause ();
  return result;
}
