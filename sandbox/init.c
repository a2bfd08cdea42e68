/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first process of a sandbox: steers port 0, runs a command, and passes
   signals in and the command's end out.

   usage: init STATUS-FD STEERING COMMAND [ARGUMENT...]

   STATUS-FD  gets one line: "exit N", "signal N", or "error MESSAGE" if the
              command could not be started.
   STEERING   the nftables rules to load into this network namespace, as for
              nft's command line; empty for none.

   Exit status: the command's; 128 + N if signal N ended it; 125 if the
   sandbox could not be set up; 126 or 127 if the command could not be run,
   as in env(1).  When this process ends, the kernel ends all others in its
   pid namespace.  */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum
{
  CANNOT_SET_UP = 125,
  CANNOT_RUN = 126,
  NOT_FOUND = 127
};

static int status_fd;

_Noreturn static void
fail (int status, const char *what, int error_number)
{
  dprintf (status_fd, "error %s%s%s\n", what, error_number ? ": " : "",
           error_number ? strerror (error_number) : "");
  _exit (status);
}

/* Run a program, which may be in the folders of administration, too.  Return
   its wait status, or -1 if it could not be started.  */
static int
run (char *const *arguments)
{
  pid_t child = fork ();
  if (child == 0)
    {
      const char *path = getenv ("PATH");
      char more[4096];
      snprintf (more, sizeof more, "%s:/usr/sbin:/sbin",
                path != NULL ? path : "/usr/bin:/bin");
      setenv ("PATH", more, 1);
      execvp (arguments[0], arguments);
      _exit (NOT_FOUND);
    }
  int status;
  if (child < 0 || waitpid (child, &status, 0) != child)
    return -1;
  return status;
}

static void
steer (char *rules)
{
  char *nft[] = { "nft", rules, NULL };
  int status = run (nft);
  if (status == -1)
    fail (CANNOT_SET_UP, "nft", errno);
  if (WIFEXITED (status) && WEXITSTATUS (status) == NOT_FOUND)
    fail (CANNOT_SET_UP,
          "nft not found, which steers port 0: install the "
          "package nftables",
          0);
  if (status != 0)
    fail (CANNOT_SET_UP,
          "nft could not load the rules that steer port 0 "
          "(see above): does this kernel have nf_tables with "
          "NAT?",
          0);
}

/* The terminal sends its signals to the command by itself.  */
static bool
is_from_terminal (const siginfo_t *signal)
{
  return signal->si_code == SI_KERNEL;
}

/* Reap what ends in this pid namespace.  Return whether COMMAND has ended.  */
static bool
reap (pid_t command, int *status)
{
  bool ended = false;
  pid_t pid;
  int any_status;
  while ((pid = waitpid (-1, &any_status, WNOHANG)) > 0)
    if (pid == command)
      {
        *status = any_status;
        ended = true;
      }
  return ended;
}

int
main (int argc, char **argv)
{
  if (argc < 4)
    {
      fprintf (stderr, "usage: init STATUS-FD STEERING COMMAND...\n");
      return CANNOT_SET_UP;
    }
  status_fd = atoi (argv[1]);

  /* Whatever our parent ignores or holds, the command starts with the
     defaults.  */
  for (int number = 1; number < NSIG; number++)
    if (number != SIGKILL && number != SIGSTOP)
      signal (number, SIG_DFL);
  sigset_t all, none;
  sigemptyset (&none);
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &none, NULL);
  if (argv[2][0] != 0)
    steer (argv[2]);
  sigprocmask (SIG_SETMASK, &all, NULL);

  int started[2];
  if (pipe2 (started, O_CLOEXEC) != 0)
    fail (CANNOT_SET_UP, "pipe", errno);
  pid_t command = fork ();
  if (command < 0)
    fail (CANNOT_SET_UP, "fork", errno);
  if (command == 0)
    {
      close (status_fd);
      sigprocmask (SIG_SETMASK, &none, NULL);
      execvp (argv[3], argv + 3);
      int error_number = errno;
      if (write (started[1], &error_number, sizeof error_number) < 0)
        _exit (CANNOT_SET_UP);
      _exit (error_number == ENOENT ? NOT_FOUND : CANNOT_RUN);
    }
  close (started[1]);
  int error_number;
  if (read (started[0], &error_number, sizeof error_number) > 0)
    fail (error_number == ENOENT ? NOT_FOUND : CANNOT_RUN, argv[3],
          error_number);
  close (started[0]);

  int status = 0;
  while (true)
    {
      siginfo_t signal;
      int number = sigwaitinfo (&all, &signal);
      if (number == SIGCHLD)
        {
          if (reap (command, &status))
            break;
        }
      else if (number > 0 && !is_from_terminal (&signal))
        kill (command, number);
    }

  if (WIFSIGNALED (status))
    {
      dprintf (status_fd, "signal %d\n", WTERMSIG (status));
      return 128 + WTERMSIG (status);
    }
  dprintf (status_fd, "exit %d\n", WEXITSTATUS (status));
  return WEXITSTATUS (status);
}
