/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel's tables say about a socket.  */

#ifndef PORTZERO_DIAG_H
#define PORTZERO_DIAG_H

#include "case.h"

/* The peer that sock_diag tells of the socket FD, found by its cookie; of
   length 0 if it is not there.  *STATE, if not NULL, gets the state.  Skips
   the variant if this kernel has no sock_diag for the protocol.  */
struct name peer_by_diag (struct test *test, int fd, int *state);
/* The same by /proc/net, found by the inode.  */
struct name peer_by_proc (struct test *test, int fd);
/* How sock_diag can be asked for a destination port.  */
enum diag_question
{
  BY_IDENTITY, /* The port of the identity asked for.  */
  BY_FILTER    /* INET_DIAG_BC_D_COND, as `ss dport = :PORT` has it.  */
};
/* Whether sock_diag has the socket FD in its answer to a question for the
   destination PORT.  */
bool is_in_diag (struct test *test, int fd, enum diag_question question,
                 in_port_t port);
/* Have the kernel end the connection of FD (SOCK_DESTROY, as ss -K does).
   Skips the variant if that is not possible.  */
void destroy_by_diag (struct test *test, int fd);

#endif
