/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the wrong implementations share.  Together they are a library to
   preload, which makes one call wrong in one way, named in the environment
   variable WRONG; mutations.toml has the ways.  A suite that stays green under
   one of them would find nothing in a real libc, either.  */

#ifndef PORTZERO_WRONG_H
#define PORTZERO_WRONG_H

#include <dlfcn.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Whether the call is to be wrong in this way.  */
static inline bool
is_wrong_by (const char *way)
{
  const char *wrong = getenv ("WRONG");
  return wrong != NULL && strcmp (wrong, way) == 0;
}

/* The right function of that name.  */
#define RIGHT(name) ((__typeof__ (&name)) dlsym (RTLD_NEXT, #name))

static inline bool
has_port (const struct sockaddr *address)
{
  return address->sa_family == AF_INET || address->sa_family == AF_INET6;
}

static inline in_port_t *
port_in (const struct sockaddr *address)
{
  return address->sa_family == AF_INET
             ? &((struct sockaddr_in *) address)->sin_port
             : &((struct sockaddr_in6 *) address)->sin6_port;
}

static inline bool
is_at_zero (const struct sockaddr *address)
{
  return has_port (address) && *port_in (address) == 0;
}

#endif
