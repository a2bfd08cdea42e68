/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What glibc's own header gives its sources, for any C library.  */

#ifndef PORTZERO_NOT_CANCEL_H
#define PORTZERO_NOT_CANCEL_H

#include <sysdep.h>

/* close() is a cancellation point, the system call itself is none.  */
static inline void
__close_nocancel_nostatus (int fd)
{
  INTERNAL_SYSCALL_CALL (close, fd);
}

#endif
