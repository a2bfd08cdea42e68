/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library to preload that makes getpeername() wrong in one way, named in
   the environment variable WRONG.  A suite that stays green under it would
   find nothing in a real libc, either.  */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool
is_wrong_by (const char *way)
{
  const char *wrong = getenv ("WRONG");
  return wrong != NULL && strcmp (wrong, way) == 0;
}

static in_port_t *
port_in (struct sockaddr *address)
{
  return address->sa_family == AF_INET
             ? &((struct sockaddr_in *) address)->sin_port
             : &((struct sockaddr_in6 *) address)->sin6_port;
}

int
getpeername (int fd, struct sockaddr *address, socklen_t *length)
{
  static int (*right) (int, struct sockaddr *, socklen_t *);
  if (right == NULL)
    right = (int (*) (int, struct sockaddr *, socklen_t *)) dlsym (
        RTLD_NEXT, "getpeername");

  /* Not for the cases of bad arguments: reading the length would crash.  */
  bool plain = address != NULL && length != NULL;
  socklen_t given = plain && is_wrong_by ("stale length") ? *length : 0;
  int result = right (fd, address, length);
  if (!plain)
    return result;

  if (result != 0)
    {
      if (errno == ENOTCONN && is_wrong_by ("success without a peer"))
        return 0;
      if (errno == ENOTCONN && is_wrong_by ("other errno"))
        errno = EINVAL;
      return result;
    }
  if (is_wrong_by ("swapped port"))
    {
      in_port_t *port = port_in (address);
      *port = (in_port_t) (*port << 8 | *port >> 8);
    }
  if (is_wrong_by ("port 1 for port 0") && *port_in (address) == 0)
    *port_in (address) = htons (1);
  if (is_wrong_by ("stale length"))
    *length = given;
  if (is_wrong_by ("byte too many"))
    ((char *) address)[*length] = 0;
  if (is_wrong_by ("errno on success"))
    errno = ENOTCONN;
  if (is_wrong_by ("descriptor left") && dup (fd) < 0)
    abort ();
  if (is_wrong_by ("crash"))
    abort ();
  if (is_wrong_by ("hang"))
    pause ();
  return result;
}
