/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A library whose constructor calls getpeername() before libportzero.so, if
   preloaded after it, is set up.  Says what that answers, and the errno that
   was there before.  */

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

__attribute__ ((constructor)) static void
call_early (void)
{
  struct sockaddr_in peer
      = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  socklen_t size = sizeof peer;
  if (connect (fd, (void *) &peer, size) != 0)
    return;
  errno = 0;
  int result = getpeername (fd, (void *) &peer, &size);
  printf ("early %d %d\n", result, errno);
  struct sockaddr_storage name;
  size = sizeof name;
  result = accept (fd, (void *) &name, &size);
  printf ("early %d %d\n", result, errno);
  fflush (stdout);
}
