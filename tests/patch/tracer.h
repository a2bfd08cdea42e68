/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stops a child at its system calls, for tests that interfere there.  */

#ifndef TRACER_H
#define TRACER_H

#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/types.h>

/* What is looked at when the child stops: CALL, the system call as it was
   entered, and NOW, which is the same, or its end.  */
typedef void at_stop (pid_t child, const struct __ptrace_syscall_info *call,
                      const struct __ptrace_syscall_info *now, void *more);

/* Call this in the child right before and right after what is looked at.  */
void mark_traced (void);

/* Run ASK (FD) in a child, and LOOK whenever it enters or leaves a system call
   between the two marks, with MORE.  Return what ASK returned (an enum
   outcome), or WRONG if the child ended otherwise, or hung.  */
int traced (int (*ask) (int fd), int fd, at_stop *look, void *more);

/* Whether NOW is the end of a call, not its start.  */
bool is_end (const struct __ptrace_syscall_info *now);

#endif
