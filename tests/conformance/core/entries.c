/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two ways to make the calls of the entry table.  */

#define _GNU_SOURCE
#include "runner.h"

#include <linux/net.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef SYS_socketcall
/* Architectures that have this system call have one of its own for most calls
   besides (since Linux 4.3), but not for all.  */
bool through_socketcall;
const bool has_socketcall = true;

/* What socketcall() takes for the rows of the entry table; 0: it has none.  */
enum
{
  socketcall_bind = SYS_BIND,
  socketcall_listen = SYS_LISTEN,
  socketcall_connect = SYS_CONNECT,
  socketcall_accept = SYS_ACCEPT,
  socketcall_accept4 = SYS_ACCEPT4,
  socketcall_getpeername = SYS_GETPEERNAME,
  socketcall_getsockname = SYS_GETSOCKNAME,
  socketcall_getsockopt = SYS_GETSOCKOPT,
  socketcall_setsockopt = SYS_SETSOCKOPT,
  socketcall_sendto = SYS_SENDTO,
  socketcall_sendmsg = SYS_SENDMSG,
  socketcall_sendmmsg = SYS_SENDMMSG,
  socketcall_recvfrom = SYS_RECVFROM,
  socketcall_recvmsg = SYS_RECVMSG,
  socketcall_recvmmsg = SYS_RECVMMSG,
  socketcall_write = 0,
  socketcall_shutdown = SYS_SHUTDOWN,
};
#ifndef SYS_accept
#define SYS_accept -1
#endif

/* Make the system call DIRECT, or CALL of socketcall(), which takes its six
   arguments, or those of them that it has, from memory.  */
static long
raw_call (long direct, long call, ...)
{
  long arguments[6];
  va_list list;
  va_start (list, call);
  for (int i = 0; i < 6; i++)
    arguments[i] = va_arg (list, long);
  va_end (list);
  if (call != 0 && (through_socketcall || direct < 0))
    return syscall (SYS_socketcall, call, arguments);
  return syscall (direct, arguments[0], arguments[1], arguments[2],
                  arguments[3], arguments[4], arguments[5]);
}
/* As syscall() does, this takes each argument from where a long would be.  */
#define RAW_CALL(name, ...)                                                    \
  raw_call (SYS_##name, socketcall_##name, __VA_ARGS__, 0L, 0L, 0L, 0L, 0L)
#else
bool through_socketcall;
const bool has_socketcall = false;
#define RAW_CALL(name, ...) syscall (SYS_##name, __VA_ARGS__)
#endif

/* The libc's prototypes may have transparent unions, and signed counts where
   others have unsigned ones; these have not.  */
#define CALL(type, name, parameters, ...)                                      \
  static type libc_##name parameters { return name (__VA_ARGS__); }            \
  static type raw_##name parameters                                            \
  {                                                                            \
    return (type) RAW_CALL (name, __VA_ARGS__);                                \
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
