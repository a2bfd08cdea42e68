/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first process of a sandbox: steers port 0, runs a command, passes
   signals in and the command's end out, and ends all if its caller is gone.

   usage: init STATUS-FD REQUEST-FD
          init STATUS-FD - COMMAND [ARGUMENT...]

   STATUS-FD   a socket whose other end only the caller has.  Every byte that
               comes is the number of a signal for the command.  There goes an
               empty line, once this process runs, and then one of these:
               "exit N", "signal N", "error MESSAGE" if the sandbox could not
               be set up, "cannot-run N MESSAGE" if the command could not be
               started (N is 126 or 127, as in env(1)), or "died N" if a
               guest's kernel ended with the wait status N before the command.
               Once the other end is closed, this process ends.
   REQUEST-FD  strings, each ended by a null byte: the nftables rules to load
               into this network namespace, as for nft's command line, or
               nothing; "guest" if the command is a guest's kernel, "terminal"
               if that has the terminal besides, or nothing; the seconds after
               which it is killed, or 0; the command's words.

   In the second form there is nothing but the command, and STATUS-FD is a pipe
   that is only watched.

   A guest's kernel has at the descriptors of enum guest_fd what guest.c reads
   and writes: signals, the command's end, and standard input.

   With the end of this process the kernel ends all others in its pid
   namespace.  */

#define _GNU_SOURCE
#include "guest_protocol.h"
#include "steer_lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum
{
  CANNOT_SET_UP = 125,
  CANNOT_RUN = 126,
  NOT_FOUND = 127
};

static int status_fd;
static bool silent;
/* What tells of the command's calls, if it is steered by lookup.  */
static int trapped = -1;

/* Tell the caller how it ended, in one line.  */
__attribute__ ((format (printf, 1, 2))) static void
tell (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  if (!silent)
    vdprintf (status_fd, format, arguments);
  va_end (arguments);
}

_Noreturn static void
fail (const char *what, int error_number)
{
  tell ("error %s%s%s\n", what, error_number ? ": " : "",
        error_number ? strerror (error_number) : "");
  _exit (CANNOT_SET_UP);
}

/* The caller has the only other end.  */
static void
end_with_caller (void)
{
  struct pollfd caller = { .fd = status_fd };
  if (poll (&caller, 1, 0) != 0)
    _exit (CANNOT_SET_UP);
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

static bool
is_by_lookup (const char *rules)
{
  return strncmp (rules, LOOKUP_RULES, strlen (LOOKUP_RULES)) == 0;
}

static void
steer (char *rules)
{
  if (is_by_lookup (rules))
    {
      const char *what = lookup_begin (
          (int) strtol (rules + strlen (LOOKUP_RULES), NULL, 10));
      if (what != NULL)
        fail (what, errno);
      return;
    }
  char *nft[] = { "nft", rules, NULL };
  int status = run (nft);
  if (status == -1)
    fail ("nft", errno);
  if (WIFEXITED (status) && WEXITSTATUS (status) == NOT_FOUND)
    fail ("nft not found, which steers port 0: install the "
          "package nftables",
          0);
  if (status != 0)
    fail ("nft could not load the rules that steer port 0 "
          "(see above): does this kernel have nf_tables with "
          "NAT?",
          0);
}

/* The request's strings; the last pointer is null.  */
static char **
read_request (int fd, size_t *count)
{
  struct stat about;
  if (fstat (fd, &about) != 0)
    fail ("request", errno);
  size_t size = (size_t) about.st_size;
  char *text = malloc (size + 1);
  if (text == NULL)
    fail ("request", errno);
  for (size_t done = 0; done < size;)
    {
      ssize_t got = pread (fd, text + done, size - done, (off_t) done);
      if (got <= 0)
        fail ("request", got == 0 ? EIO : errno);
      done += (size_t) got;
    }
  close (fd);
  text[size] = 0;
  *count = 0;
  for (size_t i = 0; i < size; i++)
    *count += text[i] == 0;
  char **strings = calloc (*count + 1, sizeof *strings);
  if (strings == NULL)
    fail ("request", errno);
  char *at = text;
  for (size_t i = 0; i < *count; i++, at += strlen (at) + 1)
    strings[i] = at;
  return strings;
}

/* What a guest is spoken with.  */
struct guest
{
  int signals;  /* Bytes of guest_protocol.h, to the guest.  */
  int report;   /* Lines from the guest.  */
  bool ready;   /* It has said that it can be spoken to ...  */
  uint64_t due; /* ... and these signals, a bit each, wait for that.  */
  int input;    /* Standard input, to the guest; -1 once it has ended.  */
  size_t held;  /* Bytes of `buffer` that wait for the guest ...  */
  size_t given; /* ... and how many of them it has.  */
  unsigned char buffer[INPUT_HEADER + INPUT_MOST];
};

static int
write_end (int target)
{
  int ends[2];
  if (pipe (ends) != 0)
    fail ("pipe", errno);
  if (dup2 (ends[0], target) < 0)
    fail ("pipe", errno);
  close (ends[0]);
  fcntl (ends[1], F_SETFD, FD_CLOEXEC);
  fcntl (ends[1], F_SETFL, O_NONBLOCK);
  return ends[1];
}

static void
open_guest (struct guest *guest, bool has_terminal)
{
  int ends[2];
  guest->signals = write_end (GUEST_SIGNALS);
  guest->input = write_end (GUEST_INPUT);
  if (has_terminal) /* The kernel reads it itself.  */
    guest->input = -1;
  if (pipe (ends) != 0 || dup2 (ends[1], GUEST_REPORT) < 0)
    fail ("pipe", errno);
  close (ends[1]);
  guest->report = ends[0];
  fcntl (guest->report, F_SETFD, FD_CLOEXEC);
  fcntl (guest->report, F_SETFL, O_NONBLOCK);
}

/* Tell the guest of a signal.  With SIGWINCH goes the new size.  */
static void
pass_signal (struct guest *guest, int number)
{
  if (!guest->ready)
    {
      guest->due |= UINT64_C (1) << (number - 1);
      return;
    }
  unsigned char message[SIGNAL_SIZE] = { (unsigned char) number };
  struct winsize size;
  if (number == SIGWINCH && ioctl (STDIN_FILENO, TIOCGWINSZ, &size) == 0)
    {
      message[1] = (unsigned char) (size.ws_row >> 8);
      message[2] = (unsigned char) size.ws_row;
      message[3] = (unsigned char) (size.ws_col >> 8);
      message[4] = (unsigned char) size.ws_col;
    }
  /* A guest that takes none any more has no use for more.  */
  if (write (guest->signals, message, sizeof message) < 0)
    return;
}

/* The guest says first of all that it is ready: an empty line.  Before, its
   consoles would take what they get for what somebody types.  */
static void
take_ready (struct guest *guest)
{
  char line;
  if (guest->ready || read (guest->report, &line, 1) != 1)
    return;
  guest->ready = true;
  for (int number = 1; number <= 64; number++)
    if (guest->due & UINT64_C (1) << (number - 1))
      pass_signal (guest, number);
}

/* Take what there is at standard input; at its end, an empty piece.  */
static void
take_input (struct guest *guest)
{
  ssize_t got = read (STDIN_FILENO, guest->buffer + INPUT_HEADER, INPUT_MOST);
  if (got < 0 && errno == EAGAIN)
    return;
  if (got < 0)
    got = 0;
  guest->buffer[0] = (unsigned char) (got >> 8);
  guest->buffer[1] = (unsigned char) got;
  guest->held = INPUT_HEADER + (size_t) got;
  guest->given = 0;
}

static void
give_input (struct guest *guest)
{
  ssize_t got = write (guest->input, guest->buffer + guest->given,
                       guest->held - guest->given);
  if (got < 0 && errno == EAGAIN)
    return;
  bool over = got < 0 || guest->held == INPUT_HEADER;
  guest->given += got < 0 ? 0 : (size_t) got;
  if (got < 0 || guest->given == guest->held)
    {
      guest->held = 0;
      if (over)
        guest->input = -1; /* Open: the guest takes no end of a pipe.  */
    }
}

/* Start COMMAND with no signal held.  A guest's kernel is out of reach of the
   terminal's signals: they go to the guest's command instead.  */
static pid_t
start (char **command, bool is_guest, bool is_trapped)
{
  int started[2];
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, started) != 0)
    fail ("socketpair", errno);
  pid_t child = fork ();
  if (child < 0)
    fail ("fork", errno);
  if (child == 0)
    {
      sigset_t none;
      sigemptyset (&none);
      signal (SIGPIPE, SIG_DFL);
      sigprocmask (SIG_SETMASK, &none, NULL);
      if (is_trapped && lookup_trap (started[1]) != 0)
        _exit (CANNOT_SET_UP);
      if (is_guest)
        {
          setsid ();
          /* No shell takes an empty or damaged kernel for a script.  */
          execv (command[0], command);
        }
      else
        execvp (command[0], command);
      int error_number = errno;
      if (write (started[1], &error_number, sizeof error_number) < 0)
        _exit (CANNOT_SET_UP);
      _exit (CANNOT_RUN);
    }
  close (started[1]);
  if (is_trapped && (trapped = lookup_take (started[0])) < 0)
    fail ("the filter that tells of the command's sockets", errno);
  int error_number;
  if (read (started[0], &error_number, sizeof error_number) > 0)
    {
      if (is_guest)
        fail ("the guest's kernel cannot be run", error_number);
      int status = error_number == ENOENT || error_number == ENOTDIR
                       ? NOT_FOUND
                       : CANNOT_RUN;
      tell ("cannot-run %d %s: %s\n", status, command[0],
            strerror (error_number));
      _exit (status);
    }
  close (started[0]);
  return child;
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

/* Take a signal that the caller passes on.  */
static void
take_signal (struct guest *guest, pid_t command)
{
  unsigned char number;
  if (recv (status_fd, &number, 1, MSG_DONTWAIT) == 0)
    _exit (CANNOT_SET_UP);
  if (guest != NULL)
    pass_signal (guest, number);
  else
    kill (command, number);
}

/* Handle a signal of ours.  Return whether the command has ended.  */
static bool
handle (const struct signalfd_siginfo *signal, struct guest *guest,
        pid_t command, int *status)
{
  int number = (int) signal->ssi_signo;
  /* The terminal sends its signals to a command by itself; but its end it
     tells only the leader of the session.  */
  bool from_terminal = signal->ssi_code == SI_KERNEL && number != SIGHUP;
  if (number == SIGCHLD)
    return reap (command, status);
  if (guest != NULL)
    pass_signal (guest, number);
  else if (!from_terminal)
    kill (command, number);
  return false;
}

/* Milliseconds until SECONDS (of CLOCK_MONOTONIC), for poll(); -1 if 0.  */
static int
time_left (time_t seconds)
{
  struct timespec now;
  if (seconds == 0)
    return -1;
  clock_gettime (CLOCK_MONOTONIC, &now);
  int64_t left = (int64_t) (seconds - now.tv_sec) * 1000;
  return left < 0 ? 0 : (int) left;
}

/* Wait for the end of COMMAND, and return its wait status.  */
static int
wait_for (pid_t command, int signals, struct guest *guest, int limit)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  time_t end = limit == 0 ? 0 : now.tv_sec + limit;
  int status = 0;
  while (true)
    {
      bool reads = guest != NULL && guest->ready && guest->input >= 0
                   && guest->held == 0;
      bool writes = guest != NULL && guest->held != 0;
      struct pollfd events[] = {
        { .fd = signals, .events = POLLIN },
        { .fd = status_fd, .events = POLLIN },
        { .fd = reads ? STDIN_FILENO : -1, .events = POLLIN },
        { .fd = writes ? guest->input : -1, .events = POLLOUT },
        { .fd = guest != NULL && !guest->ready ? guest->report : -1,
          .events = POLLIN },
        { .fd = trapped, .events = POLLIN },
      };
      int ready
          = poll (events, sizeof events / sizeof events[0], time_left (end));
      if (ready < 0 && errno != EINTR)
        fail ("poll", errno);
      if (end != 0 && time_left (end) == 0)
        {
          kill (command, SIGKILL);
          end = 0;
        }
      if (ready <= 0)
        continue;
      if (events[1].revents & (POLLERR | POLLHUP))
        _exit (CANNOT_SET_UP);
      if (events[1].revents & POLLIN)
        take_signal (guest, command);
      if (events[5].revents & POLLIN)
        lookup_answer (trapped);
      else if (events[5].revents != 0)
        trapped = -1; /* All that could call have ended.  */
      struct signalfd_siginfo signal;
      if (events[0].revents != 0
          && read (signals, &signal, sizeof signal) == sizeof signal
          && handle (&signal, guest, command, &status))
        return status;
      if (guest == NULL)
        continue;
      if (events[4].revents & POLLIN)
        take_ready (guest);
      if (events[2].revents != 0)
        take_input (guest);
      if (events[3].revents != 0)
        give_input (guest);
    }
}

int
main (int argc, char **argv)
{
  silent = argc > 3;
  if (argc < 3 || silent != (strcmp (argv[2], "-") == 0))
    {
      fprintf (stderr, "usage: init STATUS-FD REQUEST-FD\n"
                       "       init STATUS-FD - COMMAND...\n");
      return CANNOT_SET_UP;
    }
  /* A caller with many files open may have given one of a guest's numbers.  */
  int given = (int) strtol (argv[1], NULL, 10);
  status_fd = fcntl (given, F_DUPFD_CLOEXEC, HIGHEST_GUEST_FD + 1);
  if (status_fd < 0)
    return CANNOT_SET_UP;
  close (given);
  end_with_caller ();
  tell ("\n");
  char nothing[] = "";
  char **request = argv;
  if (silent)
    argv[0] = argv[1] = argv[2] = nothing;
  else
    {
      size_t count;
      request = read_request ((int) strtol (argv[2], NULL, 10), &count);
      if (count < 4)
        fail ("request", EINVAL);
    }
  struct guest spoken_with = { 0 };
  struct guest *guest = request[1][0] != 0 ? &spoken_with : NULL;

  /* Whatever our parent ignores or holds, the command starts with the
     defaults.  */
  for (int number = 1; number < NSIG; number++)
    if (number != SIGKILL && number != SIGSTOP)
      signal (number, SIG_DFL);
  sigset_t all, none;
  sigemptyset (&none);
  sigfillset (&all);
  sigdelset (&all, SIGPIPE);
  sigprocmask (SIG_SETMASK, &none, NULL);
  if (request[0][0] != 0)
    steer (request[0]);
  sigprocmask (SIG_SETMASK, &all, NULL);
  signal (SIGPIPE, SIG_IGN);
  int signals = signalfd (-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0)
    fail ("signalfd", errno);
  if (guest != NULL)
    open_guest (guest, strcmp (request[1], "terminal") == 0);
  end_with_caller ();

  pid_t command = start (request + 3, guest != NULL, is_by_lookup (request[0]));
  if (guest != NULL)
    {
      close (GUEST_SIGNALS);
      close (GUEST_INPUT);
      close (GUEST_REPORT);
    }
  int status
      = wait_for (command, signals, guest, (int) strtol (request[2], NULL, 10));
  if (guest != NULL)
    take_ready (guest);
  char report[1000];
  ssize_t size
      = guest != NULL ? read (guest->report, report, sizeof report) : 0;
  if (size > 0)
    {
      if (write (status_fd, report, (size_t) size) != size)
        return CANNOT_SET_UP;
      return WIFEXITED (status) ? WEXITSTATUS (status) : CANNOT_SET_UP;
    }
  if (guest != NULL)
    tell ("died %d\n", status);
  else if (WIFSIGNALED (status))
    tell ("signal %d\n", WTERMSIG (status));
  else
    tell ("exit %d\n", WEXITSTATUS (status));
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}
