/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See harness.h.  */

#include <err.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "harness.h"

int
print_outcomes (const char *way, const char *what, const int count[OUTCOMES])
{
  printf ("%-6s %-28s tried %d  named %d  as the kernel %d  wrong %d\n", way,
          what, count[NAMED] + count[REFUSED] + count[WRONG], count[NAMED],
          count[REFUSED], count[WRONG]);
  return count[WRONG];
}

void
must_be (const char *what, int got, int wanted)
{
  if (got != wanted)
    errx (1, "%s: %d, not %d", what, got, wanted);
}

void
run_named (int argc, char **argv, const struct named *all, size_t count)
{
  for (size_t i = 0; i < count; i++)
    if (argc == 2 && strcmp (argv[1], all[i].name) == 0)
      {
        all[i].run ();
        return;
      }
  errx (BROKEN, "usage: %s NAME", argv[0]);
}

void
filter_calls (struct sock_filter *program, size_t length)
{
  struct sock_fprog filter
      = { .len = (unsigned short) length, .filter = program };
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
      || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    err (BROKEN, "seccomp");
}

void
answer_call (int number, unsigned action)
{
  struct sock_filter program[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, arch)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 0, 2),
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) number, 1, 0),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT (BPF_RET | BPF_K, action),
  };
  filter_calls (program, sizeof program / sizeof *program);
}
