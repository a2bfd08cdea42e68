/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sockets in the states that the questions are about.  Each function returns
   a descriptor, unless it says otherwise.  What goes wrong here is not what
   the case asks about: it ends the variant as broken.  */

#ifndef PORTZERO_SOCKETS_H
#define PORTZERO_SOCKETS_H

#include "case.h"

/* A new socket of the variant's family and protocol.  */
int new_socket (struct test *test);
/* The same, bound to a free port of the loopback address.  */
int bound_socket (struct test *test);
/* A socket at test->listener: listening for streams, bound for datagrams.
   Streams and datagrams for test->peer reach it.  Send nothing
   to test->listener itself but from test->source: a later client whose packets
   are steered there, and which gets the same port, would meet that trace in
   conntrack, and be dropped.  */
int listener (struct test *test);
/* A new socket whose calls do not wait.  */
int nonblocking_socket (struct test *test);
/* A stream that was connected to test->peer, until that reset it.  */
int reset_socket (struct test *test);
/* The same variant by TCP, whose packets those of MPTCP are.  */
struct test by_tcp (const struct test *test);
/* A listener that takes no connection: it drops every packet.  */
int deaf_listener (struct test *test);
/* The next connection of a listener.  */
int accepted (int listening);
/* Have a connection closed by RST: no TIME_WAIT lingers in which a later
   variant could meet the same four-tuple.  */
void close_by_reset (int fd);
/* Whether the variant's sockets listen and accept.  */
bool is_connection (const struct test *test);
typedef int connect_call (int fd, const struct sockaddr *to, socklen_t size);
/* Connect FD by CALL; return what it returns, with errno as it leaves it.  A
   DCCP server refuses the port of a client that it reset, for a minute
   (TIME_WAIT; dccp_rcv_reset() in Linux's net/dccp/input.c): that says nothing
   of the peer's port, and the next of ours is another, so a DCCP socket gets
   three tries.  */
int connect_by (connect_call *call, const struct test *test, int fd,
                const struct name *to);
/* A new socket, connected to test->peer; for streams, at which there must
   be a listener.  */
int connected_socket (struct test *test);
/* A new stream socket, bound to test->source and connected to
   test->listener.  */
int client_from_source (struct test *test);
/* A TCP socket in the state ESTABLISHED with the peer test->peer, made
   without a packet (TCP_REPAIR; tcp_connect() in Linux's tcp_output.c).  */
int repaired_socket (struct test *test);
/* Undo connect() by an address of family AF_UNSPEC.  */
void disconnect (struct test *test, int fd);
/* The local name of a socket, asked of the kernel directly.  */
struct name local_name (int fd);
/* Wait until the other side of a connected stream has sent its FIN or RST,
   and it was taken note of here.  */
void await_end_of_stream (int fd);
/* Give the loopback interface the address fe80::1, for this whole network
   namespace, and return that address with the port of test->peer.  */
struct name link_local_peer (struct test *test);
/* Like name->port = port.  Port in host byte order.  */
void set_port (struct name *name, in_port_t port);
/* The same address with another port.  */
struct name at_port (const struct name *name, in_port_t port);

#endif
