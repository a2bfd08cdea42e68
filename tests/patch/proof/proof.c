/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the bounded model checker cbmc proves of parse_replies() in the glibc
   series: for every reply of up to LENGTH bytes, whatever they are, every
   socket that is looked for and every outcome so far.  Besides what cbmc checks
   by itself (no access outside of the reply, no overflow, no shift too far, an
   end), the assertions below hold.  It is not compiled, but read by cbmc.  */

#include "kernel.h"

#include "getpeername-port0.c"

/* The memory that malloc() returns, and what is not set, is any.  */
int
main (void)
{
  int size;
  struct socket_key key;
  struct inet_diag_sockid id;
  struct inet_diag_sockid before = id;
  enum outcome outcome = UNKNOWN;
  __CPROVER_assume (size > 0 && size <= LENGTH);
  __CPROVER_assume (key.states == CONNECTED_STATES
                    || key.states == 1U << TCP_ESTABLISHED);
  /* NLMSG_NEXT goes on to a multiple of 4, though reads nothing there.  */
  struct nlmsghdr *reply = malloc (((size_t) size + 3) & ~(size_t) 3);
  __CPROVER_assume (reply != NULL);

  bool is_last = parse_replies (reply, size, &key, &id, &outcome);

  __CPROVER_assert (outcome != PEER
                        || (id.idiag_dport == 0
                            && id.idiag_sport == key.id.idiag_sport
                            && memcmp (id.idiag_cookie, key.id.idiag_cookie,
                                       sizeof id.idiag_cookie)
                                   == 0),
                    "a peer is that of the socket, and at port 0");
  __CPROVER_assert (outcome != UNKNOWN || memcmp (&id, &before, sizeof id) == 0,
                    "without an outcome, no addresses are stored");
#ifdef COVER
  /* So that the proof is of something: each is possible.  */
  __CPROVER_cover (outcome == PEER && is_last);
  __CPROVER_cover (outcome == PEER && !is_last);
  __CPROVER_cover (outcome == NO_PEER);
  __CPROVER_cover (outcome == FAILED);
  __CPROVER_cover (outcome == UNKNOWN && !is_last);
#else
  (void) is_last;
#endif
  return 0;
}
