/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What glibc's own header gives its sources, for any C library: system calls
   that return what the kernel does, -errno, and leave errno alone.  */

#ifndef PORTZERO_SYSDEP_H
#define PORTZERO_SYSDEP_H

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __glibc_likely
#define __glibc_likely(condition) __builtin_expect ((condition), 1)
#define __glibc_unlikely(condition) __builtin_expect ((condition), 0)
#endif
#ifndef attribute_hidden
#define attribute_hidden __attribute__ ((visibility ("hidden")))
#endif
#define __set_errno(value) (errno = (value))

/* POSIX has mmap() in no list of async-signal-safe functions; in glibc and
   musl it is the system call.  errno is set on failure only, and whoever
   calls here restores it.  */
#define __mmap mmap
#define __munmap munmap

/* errno is the thread's own, and a signal handler keeps it.  So nobody sees
   it change in between.  */
static inline long int
portzero_system_call (long int number, long int a, long int b, long int c,
                      long int d, long int e, long int f)
{
  int saved_errno = errno;
  long int result = syscall (number, a, b, c, d, e, f);
  if (result == -1)
    {
      result = -errno;
      errno = saved_errno;
    }
  return result;
}

/* Of 1 to 6 arguments.  All are made as wide as a register.  */
#define INTERNAL_SYSCALL_CALL(name, ...)                                       \
  PORTZERO_FILL (__NR_##name, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define PORTZERO_FILL(number, a, b, c, d, e, f, ...)                           \
  portzero_system_call (number, (long int) (a), (long int) (b),                \
                        (long int) (c), (long int) (d), (long int) (e),        \
                        (long int) (f))
#define INTERNAL_SYSCALL_ERROR_P(result)                                       \
  ((unsigned long int) (result) > -4096UL)
#define INTERNAL_SYSCALL_ERRNO(result) ((int) -(result))

#endif
