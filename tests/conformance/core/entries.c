/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ways to make the calls of the entry table.  */

#define _GNU_SOURCE
#include "runner.h"

#include <sys/syscall.h>
#include <unistd.h>

/* The libc's prototypes may have transparent unions, and signed counts where
   others have unsigned ones; these have not.  */
#define CALL(type, name, parameters, ...)                                      \
  static type libc_##name parameters { return name (__VA_ARGS__); }            \
  static type raw_##name parameters                                            \
  {                                                                            \
    return (type) syscall (SYS_##name, __VA_ARGS__);                           \
  }
#include "calls.h"
#undef CALL

const struct entry entries[] = {
  {
      .bit = LIBC,
      .name = "libc",
#define CALL(type, call, parameters, ...) .call = libc_##call,
#include "calls.h"
#undef CALL
  },
  {
      .bit = SYSCALL,
      .name = "syscall",
#define CALL(type, call, parameters, ...) .call = raw_##call,
#include "calls.h"
#undef CALL
  },
  { 0 },
};
