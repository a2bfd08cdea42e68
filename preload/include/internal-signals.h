/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What glibc's own header gives its sources, for any C library: the signal
   mask with the signals that a libc keeps for itself, which its own functions
   leave out.  */

#ifndef PORTZERO_INTERNAL_SIGNALS_H
#define PORTZERO_INTERNAL_SIGNALS_H

#include <limits.h>
#include <signal.h>
#include <string.h>

#include <sysdep.h>

/* The size of the kernel's mask: 8, on MIPS 16.  */
#define __NSIG_BYTES ((_NSIG + 6) / CHAR_BIT)

typedef struct
{
  unsigned long int words[__NSIG_BYTES / sizeof (unsigned long int)];
} internal_sigset_t;

static inline void
internal_sigfillset (internal_sigset_t *set)
{
  memset (set, 0xff, sizeof *set);
}

static inline void
internal_sigdelset (internal_sigset_t *set, int number)
{
  size_t bits = CHAR_BIT * sizeof (unsigned long int);
  size_t bit = (size_t) number - 1;
  set->words[bit / bits] &= ~(1UL << bit % bits);
}

static inline int
internal_sigprocmask (int how, const internal_sigset_t *set,
                      internal_sigset_t *old)
{
  return (int) INTERNAL_SYSCALL_CALL (rt_sigprocmask, how, set, old,
                                      __NSIG_BYTES);
}

static inline void
internal_signal_restore_set (const internal_sigset_t *set)
{
  INTERNAL_SYSCALL_CALL (rt_sigprocmask, SIG_SETMASK, set, NULL, __NSIG_BYTES);
}

#endif
