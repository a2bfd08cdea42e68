/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What glibc's own header gives its sources, for any C library.  */

#ifndef PORTZERO_ATOMIC_H
#define PORTZERO_ATOMIC_H

#include <sysdep.h>

#define atomic_load_relaxed(at) __atomic_load_n ((at), __ATOMIC_RELAXED)
#define atomic_store_relaxed(at, value)                                        \
  __atomic_store_n ((at), (value), __ATOMIC_RELAXED)

#endif
