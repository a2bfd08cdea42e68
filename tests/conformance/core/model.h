/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A small model of what POSIX says of a socket through a sequence of calls.
   P is the port in question, Q another one.  */

#ifndef PORTZERO_MODEL_H
#define PORTZERO_MODEL_H

#include <stdbool.h>

enum
{
  MOST_CALLS = 8, /* Different ones.  */
  OPEN = -1       /* The model has no answer.  */
};

enum call
{
  CONNECT_P,
  CONNECT_Q,
  CONNECT_NOBODY,
  BIND,
  LISTEN,
  SEND,
  SENDTO_P,
  SHUT_DOWN
};

extern const char *const call_names[MOST_CALLS];

/* Whom getpeername() names.  */
enum peer
{
  NOBODY,
  AT_P,
  AT_Q,
  SOMEBODY /* Or another error than ENOTCONN.  */
};

/* The model: what POSIX knows of a socket.  */
struct state
{
  int peer; /* As above, or OPEN.  */
  bool is_listening, is_shut_down;
  int is_bound; /* Or OPEN: POSIX does not say whether it is still.  */
};

/* Make one call in the model, of a stream or a datagram socket; return its
   error, 0 if it has none, or OPEN.  */
int model (struct state *state, bool is_stream, enum call call);

#endif
