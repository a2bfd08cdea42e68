/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the test programs of the glibc series have in common.  */

#ifndef HARNESS_H
#define HARNESS_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <stddef.h>

enum
{
  BROKEN = 2 /* Exit status: the test could not be made.  */
};

/* What came of asking for a peer at port 0, also as an exit status.  */
enum outcome
{
  NAMED,   /* The right peer.  */
  REFUSED, /* The kernel's own error.  */
  WRONG,   /* Anything else, BROKEN included.  */
  OUTCOMES
};

/* Print how often each outcome of WHAT, asked in this WAY, came about.  Return
   COUNT[WRONG].  */
int print_outcomes (const char *way, const char *what,
                    const int count[OUTCOMES]);

/* End the process with the status 1 if GOT is not WANTED.  */
void must_be (const char *what, int got, int wanted);

struct named
{
  const char *name;
  void (*run) (void);
};

/* Run that of the COUNT functions at ALL which is the command line's only
   argument.  */
void run_named (int argc, char **argv, const struct named *all, size_t count);

/* A filter sees the system calls of other architectures, too, whose numbers
   mean other calls.  */
#if defined __x86_64__
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "what do filters call this architecture?"
#endif

/* Filter the system calls of this process from now on (seccomp), by the LENGTH
   instructions of PROGRAM.  */
void filter_calls (struct sock_filter *program, size_t length);

/* From now on, answer the system call NUMBER with ACTION (SECCOMP_RET_...).  */
void answer_call (int number, unsigned action);

#endif
