/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See tracer.h.  */

#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "tracer.h"

enum
{
  MOST_CALLS = 1000, /* More system calls than that are a hang.  */
  SECONDS = 300      /* So is a system call that takes that long.  */
};

void
mark_traced (void)
{
  syscall (SYS_getppid);
}

bool
is_end (const struct __ptrace_syscall_info *now)
{
  return now->op == PTRACE_SYSCALL_INFO_EXIT;
}

int
traced (int (*ask) (int fd), int fd, at_stop *look, void *more)
{
  alarm (SECONDS);
  pid_t child = fork ();
  if (child == 0)
    {
      if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit (BROKEN); /* We are traced ourselves.  */
      raise (SIGSTOP);
      _exit (ask (fd));
    }
  int status;
  bool is_between = false;
  struct __ptrace_syscall_info call = { 0 }, now;
  if (child < 0 || waitpid (child, &status, 0) < 0
      || ptrace (PTRACE_SETOPTIONS, child, 0,
                 PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)
             != 0)
    err (BROKEN, "ptrace");
  for (int stops = 0; stops < 2 * MOST_CALLS; stops++)
    {
      ptrace (PTRACE_SYSCALL, child, 0, 0);
      waitpid (child, &status, 0);
      if (!WIFSTOPPED (status))
        return WIFEXITED (status) ? WEXITSTATUS (status) : WRONG;
      if (WSTOPSIG (status) != (SIGTRAP | 0x80))
        break;
      ptrace (PTRACE_GET_SYSCALL_INFO, child, sizeof now, &now);
      if (!is_end (&now))
        call = now;
      if (call.entry.nr != SYS_getppid)
        {
          if (is_between)
            look (child, &call, &now, more);
        }
      else if (is_end (&now))
        is_between = !is_between;
    }
  kill (child, SIGKILL);
  waitpid (child, &status, 0);
  return WRONG;
}
