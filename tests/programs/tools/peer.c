// SPDX-License-Identifier: LGPL-2.1-or-later
// Connects to a port of 127.0.0.1, the last word of its command line, and says
// who getpeername() takes the peer for.

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int
main (int count, char **words)
{
  struct sockaddr_in address
      = { .sin_family = AF_INET,
          .sin_port = htons ((in_port_t) strtoul (words[count - 1], NULL, 10)),
          .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t length = sizeof address;
  int fd = socket (AF_INET, SOCK_STREAM, 0);
  if (connect (fd, (struct sockaddr *) &address, length) != 0)
    {
      perror ("connect");
      return 1;
    }
  if (getpeername (fd, (struct sockaddr *) &address, &length) != 0)
    {
      perror ("getpeername");
      return 1;
    }
  printf ("peer %s %d\n", inet_ntoa (address.sin_addr),
          ntohs (address.sin_port));
  return 0;
}
