/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The entry table: the calls that are varied over the entries, one row each.

   CALL (TYPE, NAME, (PARAMETERS), ARGUMENTS...) becomes a member of struct
   entry, and a way to make the call through the libc's wrapper and one past
   it.  Included more than once, so without a guard.  Linux has no system
   calls send and recv on every machine: a sendto without an address is what
   the libcs make of send.  */

CALL (int, bind, (int fd, const struct sockaddr *address, socklen_t length), fd,
      address, length)
CALL (int, listen, (int fd, int backlog), fd, backlog)
CALL (int, connect, (int fd, const struct sockaddr *address, socklen_t length),
      fd, address, length)
CALL (int, accept, (int fd, struct sockaddr *address, socklen_t *length), fd,
      address, length)
CALL (int, accept4,
      (int fd, struct sockaddr *address, socklen_t *length, int flags), fd,
      address, length, flags)
CALL (int, getpeername, (int fd, struct sockaddr *address, socklen_t *length),
      fd, address, length)
CALL (int, getsockname, (int fd, struct sockaddr *address, socklen_t *length),
      fd, address, length)
CALL (int, getsockopt,
      (int fd, int level, int option, void *value, socklen_t *length), fd,
      level, option, value, length)
CALL (int, setsockopt,
      (int fd, int level, int option, const void *value, socklen_t length), fd,
      level, option, value, length)
CALL (ssize_t, sendto,
      (int fd, const void *data, size_t size, int flags,
       const struct sockaddr *address, socklen_t length),
      fd, data, size, flags, address, length)
CALL (ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), fd,
      message, flags)
CALL (int, sendmmsg,
      (int fd, struct mmsghdr *messages, unsigned count, int flags), fd,
      messages, count, flags)
CALL (ssize_t, recvfrom,
      (int fd, void *data, size_t size, int flags, struct sockaddr *address,
       socklen_t *length),
      fd, data, size, flags, address, length)
CALL (ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), fd,
      message, flags)
CALL (int, recvmmsg,
      (int fd, struct mmsghdr *messages, unsigned count, int flags,
       struct timespec *limit),
      fd, messages, count, flags, limit)
CALL (ssize_t, write, (int fd, const void *data, size_t size), fd, data, size)
CALL (int, shutdown, (int fd, int how), fd, how)
