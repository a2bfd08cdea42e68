/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first process of a guest (user-mode Linux): makes it look like the
   sandbox on the host, runs a command, passes it signals and standard input,
   and reports its end (guest_protocol.h).

   The kernel's command line names the request in portzero_request=FILE, which
   becomes an environment variable here.  The request holds strings, each
   ended by a null byte; see enum request.  The exit status of the guest is 0 if
   it reported.  */

#define _GNU_SOURCE
#include "guest_protocol.h"
#include "guest_system.h"
#include "steer_lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Where the host's pipes are; opened by main().  */
static int host_fd = -1;
static int input_fd = -1;
/* What tells of the command's calls, if it is steered by lookup.  */
static int trapped = -1;

void
fail (const char *what)
{
  int error_number = errno;
  int fd = host_fd >= 0 ? host_fd : STDERR_FILENO;
  dprintf (fd, "error the guest: %s: %s\n", what, strerror (error_number));
  halt ();
}

/* Make DEVICE, a terminal of the guest behind which is a stream of the host's,
   pass every byte unchanged.  Return its descriptor.  */
static int
open_stream (const char *device)
{
  int fd = open (device, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (fd < 0)
    fail (device);
  struct termios mode;
  if (tcgetattr (fd, &mode) == 0)
    {
      cfmakeraw (&mode);
      tcsetattr (fd, TCSANOW, &mode);
    }
  return fd;
}

/* The standard streams of the command: the user's terminal, with all that a
   terminal does, or the streams of the host's.  They belong to USER, who may
   open them again by name.  */
static void
open_streams (bool terminal, int input, uid_t user)
{
  setsid ();
  if (terminal)
    {
      int fd = open ("/dev/tty0", O_RDWR | O_CLOEXEC);
      if (fd < 0 || ioctl (fd, TIOCSCTTY, 0) != 0)
        fail ("/dev/tty0");
      for (int target = STDIN_FILENO; target <= STDERR_FILENO; target++)
        dup2 (fd, target);
    }
  else
    {
      dup2 (input, STDIN_FILENO);
      dup2 (open_stream ("/dev/tty0"), STDOUT_FILENO);
      dup2 (open_stream ("/dev/tty1"), STDERR_FILENO);
    }
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fchown (fd, user, (gid_t) -1) != 0)
      fail ("fchown");
}

/* Start the command; INPUT is what it reads.  */
static pid_t
start (char **request, char **words, int input)
{
  int started[2];
  bool is_trapped = is_by_lookup (request);
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, started) != 0)
    fail ("socketpair");
  pid_t child = fork ();
  if (child < 0)
    fail ("fork");
  if (child == 0)
    {
      sigset_t none;
      sigemptyset (&none);
      open_streams (request[TERMINAL][0] != 0, input,
                    (uid_t) strtoul (request[USER], NULL, 10));
      become_user (request);
      signal (SIGPIPE, SIG_DFL);
      sigprocmask (SIG_SETMASK, &none, NULL);
      if (is_trapped && lookup_trap (started[1]) != 0)
        _exit (CANNOT_RUN);
      execvp (words[0], words);
      int error_number = errno;
      if (write (started[1], &error_number, sizeof error_number) < 0)
        _exit (CANNOT_RUN);
      _exit (CANNOT_RUN);
    }
  close (started[1]);
  if (is_trapped && (trapped = lookup_take (started[0])) < 0)
    fail ("the filter that tells of the command's sockets");
  int error_number;
  if (read (started[0], &error_number, sizeof error_number) > 0)
    {
      bool absent = error_number == ENOENT || error_number == ENOTDIR;
      dprintf (host_fd, "cannot-run %d %s: %s\n",
               absent ? NOT_FOUND : CANNOT_RUN, words[0],
               strerror (error_number));
      halt ();
    }
  close (started[0]);
  return child;
}

/* Read exactly SIZE bytes.  Return false at the end.  */
static bool
read_all (int fd, unsigned char *to, size_t size)
{
  for (size_t done = 0; done < size;)
    {
      ssize_t got = read (fd, to + done, size - done);
      if (got <= 0)
        return false;
      done += (size_t) got;
    }
  return true;
}

static void
take_signal (pid_t command, bool terminal)
{
  unsigned char message[SIGNAL_SIZE];
  if (!read_all (host_fd, message, sizeof message))
    return;
  if (message[0] == SIGWINCH && terminal)
    {
      /* The terminal tells those in its foreground.  */
      struct winsize size = {
        .ws_row = (unsigned short) (message[1] << 8 | message[2]),
        .ws_col = (unsigned short) (message[3] << 8 | message[4]),
      };
      int fd = open ("/dev/tty0", O_RDWR | O_NOCTTY | O_CLOEXEC);
      ioctl (fd, TIOCSWINSZ, &size);
      close (fd);
    }
  else
    kill (command, message[0]);
}

/* What came from the host's standard input and waits for the command.  */
struct input
{
  int to; /* -1 once it has ended.  */
  size_t held, given;
  unsigned char buffer[INPUT_MOST];
};

static void
end_input (struct input *input)
{
  close (input->to);
  input->to = -1;
}

static void
take_input (struct input *input)
{
  unsigned char header[INPUT_HEADER];
  if (!read_all (input_fd, header, sizeof header))
    {
      end_input (input);
      return;
    }
  input->held = (size_t) (header[0] << 8 | header[1]);
  input->given = 0;
  if (input->held == 0 || input->held > sizeof input->buffer
      || !read_all (input_fd, input->buffer, input->held))
    end_input (input);
}

static void
give_input (struct input *input)
{
  ssize_t got = write (input->to, input->buffer + input->given,
                       input->held - input->given);
  if (got < 0 && errno == EAGAIN)
    return;
  if (got < 0)
    end_input (input);
  else
    input->given += (size_t) got;
  if (input->given == input->held)
    input->held = 0;
}

/* Reap what ends.  Return whether COMMAND has ended.  */
static bool
reap (int signals, pid_t command, int *status)
{
  struct signalfd_siginfo signal;
  if (read (signals, &signal, sizeof signal) != sizeof signal)
    return false;
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

/* Wait for the end of COMMAND, and return its wait status.  */
static int
wait_for (pid_t command, int signals, int input_end, bool terminal)
{
  struct input input = { .to = input_end };
  int left = milliseconds_to_first_second ();
  int status = 0;
  while (true)
    {
      struct pollfd events[] = {
        { .fd = signals, .events = POLLIN },
        { .fd = host_fd, .events = POLLIN },
        { .fd = input.to >= 0 && input.held == 0 ? input_fd : -1,
          .events = POLLIN },
        /* Also for the command's closing it.  */
        { .fd = input.to, .events = input.held != 0 ? POLLOUT : 0 },
        { .fd = trapped, .events = POLLIN },
      };
      if (poll (events, sizeof events / sizeof events[0], left) == 0)
        {
          keep_time_wait ();
          left = -1;
        }
      if (events[0].revents != 0 && reap (signals, command, &status))
        return status;
      if (events[4].revents & POLLIN)
        lookup_answer (trapped);
      else if (events[4].revents != 0)
        trapped = -1; /* All that could call have ended.  */
      if (events[1].revents != 0)
        take_signal (command, terminal);
      if (events[2].revents != 0)
        take_input (&input);
      if (events[3].revents & POLLERR)
        end_input (&input);
      else if (events[3].revents & POLLOUT)
        give_input (&input);
    }
}

int
main (void)
{
  /* Until the streams are open, what goes wrong goes to the console.  */
  const char *path = getenv ("portzero_request");
  errno = ENOENT;
  if (path == NULL)
    fail ("portzero_request");
  char **request = read_request (path);
  char **words = request + COMMAND;
  char **environment = words + strtol (request[WORDS], NULL, 10) + 1;
  bool terminal = request[TERMINAL][0] != 0;

  mount_devices ();
  host_fd = open_stream ("/dev/tty2");
  input_fd = terminal ? -1 : open_stream ("/dev/tty3");
  if (write (host_fd, "\n", 1) != 1)
    fail ("/dev/tty2");
  mount_files (request);
  clearenv ();
  for (char **variable = environment; *variable != NULL; variable++)
    putenv (*variable);
  set_up_system (request);

  sigset_t all;
  sigfillset (&all);
  sigprocmask (SIG_SETMASK, &all, NULL);
  signal (SIGPIPE, SIG_IGN);
  sigset_t children;
  sigemptyset (&children);
  sigaddset (&children, SIGCHLD);
  int signals = signalfd (-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  int input[2] = { -1, -1 };
  if (signals < 0 || (!terminal && pipe2 (input, O_CLOEXEC) != 0))
    fail ("signalfd, pipe");
  if (!terminal)
    fcntl (input[1], F_SETFL, O_NONBLOCK);

  pid_t command = start (request, words, input[0]);
  close (input[0]);
  int status = wait_for (command, signals, input[1], terminal);
  if (WIFSIGNALED (status))
    dprintf (host_fd, "signal %d\n", WTERMSIG (status));
  else
    dprintf (host_fd, "exit %d\n", WEXITSTATUS (status));
  halt ();
}
