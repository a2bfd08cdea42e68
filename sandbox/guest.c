/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first process of a guest (user-mode Linux): makes it look like the
   sandbox on the host, runs a command, and ends the guest with its status.

   The kernel's command line names the request in portzero_request=FILE, which
   becomes an environment variable here.  The request holds strings, each
   ended by a null byte: the nftables rules that steer port 0 (or nothing), the
   one folder that can be written to, the folder to start in, "terminal" if
   the command is to have the user's terminal (or nothing), the number of the
   command's words, these, and the environment.

   The exit status of the guest is that of the command; 128 + N if signal N
   ended it; 125 if the guest could not be set up; 126 or 127 if the command
   could not be run.  */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum
{
  CANNOT_SET_UP = 125,
  CANNOT_RUN = 126,
  NOT_FOUND = 127,
  MOST = 4096 /* Words of the command and the environment.  */
};

_Noreturn static void
end (int status)
{
  /* The kernel's process on the host exits with this.  */
  int fd = open ("/proc/exitcode", O_WRONLY);
  dprintf (fd, "%d", status);
  close (fd);
  /* The kernel need not tell the user that it halts.  */
  fd = open ("/proc/sys/kernel/printk", O_WRONLY);
  dprintf (fd, "0");
  close (fd);
  tcdrain (STDOUT_FILENO);
  tcdrain (STDERR_FILENO);
  sync ();
  reboot (RB_POWER_OFF);
  abort ();
}

_Noreturn static void
fail (int status, const char *what)
{
  dprintf (STDERR_FILENO, "portzero: guest: %s: %s\n", what, strerror (errno));
  end (status);
}

/* Give the command the user's terminal, with all that a terminal does.  */
static void
open_terminal (void)
{
  setsid ();
  int fd = open ("/dev/tty0", O_RDWR);
  if (fd < 0 || ioctl (fd, TIOCSCTTY, 0) != 0)
    fail (CANNOT_SET_UP, "/dev/tty0");
  for (int target = STDIN_FILENO; target <= STDERR_FILENO; target++)
    dup2 (fd, target);
  if (fd > STDERR_FILENO)
    close (fd);
}

/* Make DEVICE, a terminal of the guest behind which is a stream of the host's,
   the descriptor TARGET, and let it pass every byte unchanged.  */
static void
open_stream (const char *device, int target)
{
  int fd = open (device, O_RDWR | O_NOCTTY);
  if (fd < 0)
    fail (CANNOT_SET_UP, device);
  struct termios mode;
  if (tcgetattr (fd, &mode) == 0)
    {
      cfmakeraw (&mode);
      tcsetattr (fd, TCSANOW, &mode);
    }
  if (fd != target)
    {
      dup2 (fd, target);
      close (fd);
    }
}

static void
mount_at (const char *type, const char *place, unsigned long flags,
          const char *options)
{
  if (mount (type, place, type, flags, options) != 0)
    fail (CANNOT_SET_UP, place);
}

/* Run a command and return its exit status as a shell would.  */
static int
run (char **words)
{
  if (words[0] == NULL)
    return NOT_FOUND;
  pid_t child = fork ();
  if (child == 0)
    {
      execvp (words[0], words);
      dprintf (STDERR_FILENO, "portzero: guest: %s: %s\n", words[0],
               strerror (errno));
      _exit (errno == ENOENT ? NOT_FOUND : CANNOT_RUN);
    }
  int status;
  pid_t ended;
  do
    ended = wait (&status);
  while (ended != child && (ended > 0 || errno == EINTR));
  if (ended != child)
    fail (CANNOT_SET_UP, "wait");
  return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static void
bring_up_loopback (void)
{
  struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int fd = socket (AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || ioctl (fd, SIOCSIFFLAGS, &loopback) != 0)
    fail (CANNOT_SET_UP, "lo");
  close (fd);
}

/* The request's strings; the last pointer is null.  */
static char **
read_request (const char *path)
{
  static char text[1 << 20];
  static char *strings[MOST + 1];
  int fd = open (path, O_RDONLY);
  if (fd < 0)
    fail (CANNOT_SET_UP, path);
  size_t size = 0;
  ssize_t got;
  while ((got = read (fd, text + size, sizeof text - 1 - size)) > 0)
    size += (size_t) got;
  close (fd);
  int count = 0;
  for (char *at = text; at < text + size && count < MOST; at += strlen (at) + 1)
    strings[count++] = at;
  if (count < 6)
    {
      errno = EINVAL;
      fail (CANNOT_SET_UP, path);
    }
  return strings;
}

int
main (void)
{
  /* Until the streams are open, what goes wrong goes to the console.  */
  const char *path = getenv ("portzero_request");
  if (path == NULL)
    {
      errno = ENOENT;
      fail (CANNOT_SET_UP, "portzero_request");
    }
  char **request = read_request (path);
  const char *rules = request[0];
  const char *writable = request[1];
  const char *folder = request[2];
  bool terminal = request[3][0] != 0;
  int words = (int) strtol (request[4], NULL, 10);
  char *command[MOST + 1] = { NULL };
  for (int i = 0; i < words; i++)
    command[i] = request[5 + i];

  mount_at ("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_at ("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_at ("devtmpfs", "/dev", MS_NOSUID, NULL);
  if (terminal)
    open_terminal ();
  else
    {
      open_stream ("/dev/tty0", STDOUT_FILENO);
      open_stream ("/dev/tty1", STDERR_FILENO);
      int nothing = open ("/dev/null", O_RDWR);
      dup2 (nothing, STDIN_FILENO);
      if (nothing > STDERR_FILENO)
        close (nothing);
    }
  mount_at ("hostfs", writable, MS_NOSUID | MS_NODEV, writable);

  clearenv ();
  for (char **variable = request + 5 + words; *variable != NULL; variable++)
    putenv (*variable);

  bring_up_loopback ();
  if (rules[0] != 0)
    {
      char *nft[] = { "/usr/sbin/nft", (char *) rules, NULL };
      if (run (nft) != 0)
        {
          errno = EOPNOTSUPP;
          fail (CANNOT_SET_UP,
                "nft could not load the rules that steer port 0");
        }
    }
  if (chdir (folder) != 0)
    fail (CANNOT_SET_UP, folder);
  end (run (command));
}
