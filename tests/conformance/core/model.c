/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clauses of POSIX.1-2017 that say what a call does to a socket's state:
   connect(), bind(), listen(), send(), sendto(), shutdown().  */

#include "model.h"

#include <errno.h>

const char *const call_names[MOST_CALLS]
    = { "connect(P)", "connect(Q)", "connect(AF_UNSPEC)", "bind(any)",
        "listen",     "send",       "sendto(P)",          "shutdown" };

static int
model_connect (struct state *state, bool is_stream, int peer)
{
  if (peer == NOBODY)
    {
      /* connect(), DESCRIPTION: a null address resets a datagram socket's
         peer; of streams, nothing is said.  */
      bool says = !is_stream && !state->is_shut_down;
      bool was = state->peer != NOBODY;
      *state
          = (struct state){ .peer = NOBODY,
                            .is_bound
                            = state->is_bound && was ? OPEN : state->is_bound,
                            .is_listening = state->is_listening,
                            .is_shut_down = state->is_shut_down };
      return says ? 0 : OPEN;
    }
  if (state->is_listening || state->is_shut_down || state->peer == OPEN)
    {
      state->peer = OPEN;
      return OPEN;
    }
  if (is_stream && state->peer != NOBODY)
    return EISCONN;
  state->peer = peer;
  state->is_bound = true;
  return 0;
}

int
model (struct state *state, bool is_stream, enum call call)
{
  bool has_peer = state->peer != NOBODY;
  bool knows = state->peer != OPEN;
  switch (call)
    {
    case CONNECT_P:
    case CONNECT_Q:
    case CONNECT_NOBODY:
      return model_connect (state, is_stream,
                            call == CONNECT_P   ? AT_P
                            : call == CONNECT_Q ? AT_Q
                                                : NOBODY);
    case BIND:
      if (state->is_bound == OPEN)
        {
          state->is_bound = true;
          return OPEN;
        }
      if (state->is_bound)
        return EINVAL;
      state->is_bound = true;
      return 0;
    case LISTEN:
      if (!is_stream)
        return EOPNOTSUPP;
      if (!knows || state->is_shut_down)
        return OPEN;
      if (has_peer)
        return EINVAL;
      state->is_listening = true;
      state->is_bound = true;
      return 0;
    case SEND:
    case SENDTO_P:
      state->is_bound = state->is_bound == true ? true : OPEN;
      if (!knows)
        return OPEN;
      if (state->is_shut_down && has_peer)
        return EPIPE;
      if (call == SENDTO_P && !is_stream)
        return 0;
      /* POSIX: [ENOTCONN] or [EDESTADDRREQ] without a peer; which of them,
         and [EPIPE] instead, is left open.  */
      return has_peer ? 0 : OPEN;
    case SHUT_DOWN:
      if (!knows || state->is_listening || state->is_shut_down)
        return OPEN;
      if (!has_peer)
        return ENOTCONN;
      state->is_shut_down = true;
      return 0;
    }
  return OPEN;
}
