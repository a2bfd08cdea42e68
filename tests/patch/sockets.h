/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets for the tests of the glibc series, at loopback.  What cannot be made
   ends the process with the status BROKEN and a line that says why.  */

#ifndef SOCKETS_H
#define SOCKETS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "harness.h"

enum
{
  LISTENER = 8080, /* To which sandbox/steering/redirect.nft steers.  */
  SOURCE = 8082    /* A client bound to it appears to be at port 0.  */
};

/* 127.0.0.1 at PORT, in host byte order.  */
struct sockaddr_in loopback (in_port_t port);

/* A UDP socket of FAMILY that is connected to port 0 of loopback.  */
int udp_at_port_0 (int family);

/* Connect the UDP socket FD, or if that is negative, a new one, to ADDRESS (as
   text) and PORT (in host byte order).  Return it.  */
int connect_udp (const char *address, in_port_t port, int fd);

/* Return 0 if the peer of FD is ADDRESS (in network byte order) at port 0, the
   error number if getpeername() failed, -1 if it is another peer.
   Async-signal-safe.  */
int ask_for_port_0 (int fd, in_addr_t address);

/* A TCP socket that listens at PORT of 127.0.0.1, or at any free one if that
   is 0.  */
int listening (in_port_t port);

/* The port that FD is bound to, in host byte order.  */
in_port_t port_of (int fd);

/* A TCP socket that is connected to PORT of 127.0.0.1, from SOURCE_PORT if
   that is not 0.  To close it resets the connection.  */
int tcp (in_port_t port, in_port_t source_port);

/* A socket that is connected to port 0 of loopback, of the kind that WAY says:
   tcp, udp, udp6 or mptcp.  The streams need a server at LISTENER.  */
int connected_by (const char *way);

/* Put a new listening socket into *SERVER, which is closed if it is not
   negative, and return a client from port 0 that it has not accepted yet.  (No
   trace of an earlier connection from there is in its way.)  */
int client_at_port_0 (int *server);

/* The lowest free descriptor, found without a call that the getpeername()
   and accept() of the series make; -1 if there is none.  */
int lowest_free (void);

/* Whether the SIZE bytes at NAME are port 0 of loopback, of either family.  */
bool is_port_0_of_loopback (const struct sockaddr_storage *name,
                            socklen_t size);

#endif
