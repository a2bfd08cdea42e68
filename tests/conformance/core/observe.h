/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, what they did, and what the standard answers.

   Each observe_... function makes a call through the variant's entry and
   records what it did as the observation STEP of the case, next to the
   standard's answer.  Two observations of a case never have the same step.  */

#ifndef PORTZERO_OBSERVE_H
#define PORTZERO_OBSERVE_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct name;
struct test;

/* What the standard answers: a result, and for a call that reports an
   address, the address.  */
struct answer
{
  enum
  {
    UNSPECIFIED, /* Any answer will do; it should be that of the control.  */
    RESULT,      /* Success, returning this value.  */
    ERROR,       /* -1 and this errno.  */
    NAME         /* Success, storing this name.  */
  } kind;
  long value;
  const struct name *name;
};

struct answer unspecified (void);
struct answer result (long value);
struct answer error (int error_number);
struct answer name (const struct name *name);

/* Record what any other call did: its return value, and errno if it changed.
   Example:
     observe_call (test, "", "bind", bind (fd, …), error (EINVAL));  */
#define observe_call(test, step, what, call, standard)                         \
  do                                                                           \
    {                                                                          \
      struct answer standard_ = (standard);                                    \
      observe_nothing_yet ();                                                  \
      long returned_ = (call);                                                 \
      observe_returned (test, step, what, returned_, standard_);               \
    }                                                                          \
  while (0)
void observe_nothing_yet (void);
void observe_returned (struct test *test, const char *step, const char *what,
                       long returned, struct answer);
/* Record a value that the case found out by itself.  */
void observe_value (struct test *test, const char *step, const char *what,
                    long value, struct answer);
/* Record a name that the case found by itself; of length 0: none.  */
void observe_name (struct test *test, const char *step, const char *what,
                   const struct name *found, struct answer);

void observe_getpeername (struct test *test, const char *step, int fd,
                          struct answer);
/* The same with a buffer of SIZE bytes, at most that of sockaddr_storage.  */
void observe_getpeername_sized (struct test *test, const char *step, int fd,
                                int size, struct answer);
/* The same with the caller's own arguments; only the result is recorded.  */
void observe_getpeername_arguments (struct test *test, const char *step, int fd,
                                    void *address, void *length, struct answer);
void observe_getsockname (struct test *test, const char *step, int fd,
                          struct answer);
/* getsockopt (SO_PEERNAME).  */
void observe_so_peername (struct test *test, const char *step, int fd,
                          struct answer);
/* Any option that holds a socket address.  */
void observe_option_name (struct test *test, const char *step, int fd,
                          int level, int option, struct answer);
/* Make and record connect().  */
void observe_connect (struct test *test, const char *step, int fd,
                      const struct name *peer, struct answer);
/* Make and record accept4() or, if FLAGS is 0, accept().  Returns the
   descriptor, or -1.  */
int observe_accept (struct test *test, const char *step, int listening,
                    int flags, struct answer);

/* What is sent by the following, and in the cases.  */
extern const char payload[];
enum
{
  PAYLOAD_SIZE = 8,
  /* Milliseconds to wait for what must come: as long as the machine may be
     busy, less than the variant has.  */
  PATIENCE = 12000
};

/* Send the payload; without a peer, as send() does it.  Return whether it
   was taken.  */
bool observe_sendto (struct test *test, const char *step, int fd,
                     const struct name *peer, struct answer);
/* The same by sendmsg().  */
bool observe_sendmsg (struct test *test, const char *step, int fd,
                      const struct name *peer, struct answer);
/* Record how many bytes of the payload arrive at FD: PAYLOAD_SIZE, 0 if
   nothing, -1 if others.  If it was SENT, wait for it for a while.  */
void observe_arrival (struct test *test, const char *step, int fd, bool sent,
                      struct answer);
/* Receive one message that must have been sent, by recvfrom(), and record the
   sender's name.  */
void observe_sender (struct test *test, const char *step, int fd,
                     struct answer);
/* Record which of EVENTS (see poll()) a descriptor has within MILLISECONDS.  */
void observe_poll (struct test *test, const char *step, int fd, short events,
                   int milliseconds, struct answer);

/* Call BODY in a child process, and wait for its end.  What it observes
   counts as the variant's.  */
void in_child (struct test *test, void (*body) (struct test *, int), int fd);

#endif
