/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See guest_system.h.  */

#define _GNU_SOURCE
#include "guest_system.h"
#include "steer_lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/random.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define TIME_WAIT "/proc/sys/net/ipv4/tcp_max_tw_buckets"
#define TRACKED "/proc/sys/net/netfilter/nf_conntrack_max"

static char time_wait_most[32];

static void
write_file (const char *path, const char *text)
{
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write (fd, text, strlen (text)) < 0)
    fail (path);
  close (fd);
}

void
halt (void)
{
  /* The kernel need not tell the user that it halts.  */
  int fd = open ("/proc/sys/kernel/printk", O_WRONLY | O_CLOEXEC);
  if (fd >= 0 && write (fd, "0", 1) == 1)
    close (fd);
  /* What was written to the consoles has to reach the host.  */
  static const char *const consoles[]
      = { "/dev/tty0", "/dev/tty1", "/dev/tty2" };
  for (size_t i = 0; i < sizeof consoles / sizeof consoles[0]; i++)
    {
      fd = open (consoles[i], O_WRONLY | O_NOCTTY | O_CLOEXEC);
      tcdrain (fd);
      close (fd);
    }
  sync ();
  reboot (RB_POWER_OFF);
  abort ();
}

char **
read_request (const char *path)
{
  struct stat about;
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat (fd, &about) != 0)
    fail (path);
  size_t size = (size_t) about.st_size, count = 0;
  char *text = malloc (size + 1);
  if (text == NULL || read (fd, text, size) != (ssize_t) size)
    fail (path);
  close (fd);
  for (size_t i = 0; i < size; i++)
    count += text[i] == 0;
  char **strings = calloc (count + 1, sizeof *strings);
  errno = EINVAL;
  if (strings == NULL || count < COMMAND + 2)
    fail (path);
  char *at = text;
  for (size_t i = 0; i < count; i++, at += strlen (at) + 1)
    strings[i] = at;
  size_t words = strtoul (strings[WORDS], NULL, 10);
  if (words == 0 || words > count - COMMAND - 1)
    fail (path);
  strings[COMMAND + words] = NULL;
  return strings;
}

static void
mount_at (const char *type, const char *place, unsigned long flags,
          const char *options)
{
  if (mount (type, place, type, flags, options) != 0)
    fail (place);
}

void
mount_devices (void)
{
  mount_at ("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_at ("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_at ("devtmpfs", "/dev", MS_NOSUID, NULL);
  mkdir ("/dev/pts", 0755);
  mkdir ("/dev/shm", 01777);
  mount_at ("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
            "ptmxmode=0666,mode=620");
  mount_at ("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777");
  static const char *const links[][2] = {
    { "/proc/self/fd", "/dev/fd" },       { "/proc/self/fd/0", "/dev/stdin" },
    { "/proc/self/fd/1", "/dev/stdout" }, { "/proc/self/fd/2", "/dev/stderr" },
    { "pts/ptmx", "/dev/ptmx" },
  };
  unlink ("/dev/ptmx");
  for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
    if (symlink (links[i][0], links[i][1]) != 0 && errno != EEXIST)
      fail (links[i][1]);
  static const char *const open_to_all[]
      = { "/dev/null",   "/dev/zero",    "/dev/full",
          "/dev/random", "/dev/urandom", "/dev/tty" };
  for (size_t i = 0; i < sizeof open_to_all / sizeof open_to_all[0]; i++)
    chmod (open_to_all[i], 0666);
}

/* Let the folder PLACE be written to without the host's noticing: changes go
   to the folder at SPARE, which is memory.  */
static void
mount_over (const char *place, const char *spare, int number)
{
  char upper[100], work[100], options[400];
  snprintf (upper, sizeof upper, "%s/upper%d", spare, number);
  snprintf (work, sizeof work, "%s/work%d", spare, number);
  snprintf (options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s",
            place, upper, work);
  struct stat about;
  if (stat (place, &about) != 0 || !S_ISDIR (about.st_mode))
    return;
  if (mkdir (upper, 0755) != 0 || mkdir (work, 0755) != 0
      || chmod (upper, about.st_mode & 07777) != 0
      || chown (upper, about.st_uid, about.st_gid) != 0)
    fail (place);
  mount_at ("overlay", place, MS_NOSUID | MS_NODEV, options);
}

static bool
is_below (const char *path, const char *folder)
{
  size_t length = strlen (folder);
  return strncmp (path, folder, length) == 0
         && (path[length] == 0 || path[length] == '/');
}

void
mount_files (char **request)
{
  static const char *const temporary[] = { "/tmp", "/var/tmp", "/run" };
  const char *spare = "/mnt";
  mount_at ("tmpfs", spare, MS_NOSUID | MS_NODEV, NULL);
  for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
    mount_over (temporary[i], spare, (int) i);
  if (umount2 (spare, MNT_DETACH) != 0)
    fail (spare);

  const char *writable = request[WRITABLE];
  if (strcmp (writable, "/") == 0)
    {
      if (mount (NULL, "/", NULL, MS_REMOUNT | MS_NOSUID, NULL) != 0)
        fail (writable);
      return;
    }
  /* These are the guest's own, and all but the last are not for writing.  */
  if (is_below (writable, "/proc") || is_below (writable, "/sys")
      || (is_below (writable, "/dev")
          && strncmp (writable, "/dev/shm/", strlen ("/dev/shm/")) != 0))
    return;
  char *path = strdup (writable);
  if (path == NULL)
    fail (writable);
  for (char *slash = strchr (path + 1, '/'); slash != NULL;
       slash = strchr (slash + 1, '/'))
    {
      *slash = 0;
      mkdir (path, 0755); /* Below /dev/shm; elsewhere they exist.  */
      *slash = '/';
    }
  mkdir (path, 0755);
  mount_at ("hostfs", path, MS_NOSUID | MS_NODEV, writable);
  free (path);
}

static void
bring_up_loopback (void)
{
  struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
  int fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl (fd, SIOCSIFFLAGS, &loopback) != 0)
    fail ("lo");
  close (fd);
}

/* Random numbers at once, not after minutes without a device that makes
   them.  */
static void
add_entropy (const char *seed)
{
  size_t size = 0, most = strlen (seed) / 2;
  struct rand_pool_info *pool = malloc (sizeof *pool + most);
  if (pool == NULL)
    fail ("/dev/random");
  unsigned char *bytes = (unsigned char *) pool->buf;
  while (size < most && sscanf (seed + 2 * size, "%2hhx", &bytes[size]) == 1)
    size++;
  pool->entropy_count = (int) (8 * size);
  pool->buf_size = (int) size;
  int fd = open ("/dev/random", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ioctl (fd, RNDADDENTROPY, pool) != 0)
    fail ("/dev/random");
  close (fd);
  free (pool);
}

bool
is_by_lookup (char **request)
{
  return strncmp (request[RULES], LOOKUP_RULES, strlen (LOOKUP_RULES)) == 0;
}

static void
steer (char *rules)
{
  pid_t child = fork ();
  if (child == 0)
    {
      int error = open ("/dev/tty1", O_RDWR | O_NOCTTY);
      dup2 (error, STDERR_FILENO);
      execl ("/usr/sbin/nft", "nft", rules, NULL);
      _exit (NOT_FOUND);
    }
  int status;
  if (child < 0 || waitpid (child, &status, 0) != child)
    fail ("nft");
  errno = WIFEXITED (status) && WEXITSTATUS (status) == NOT_FOUND ? ENOENT
                                                                  : EOPNOTSUPP;
  if (status != 0)
    fail ("nft could not load the rules that steer port 0");
}

void
set_up_system (char **request)
{
  if (sethostname (request[HOST], strlen (request[HOST])) != 0)
    fail ("sethostname");
  add_entropy (request[SEED]);
  /* With a guest's little memory, the kernel would track some 2,000 flows
     (nf_conntrack_init_start()), and let no more of them out: EPERM.  */
  if (access (TRACKED, F_OK) == 0)
    write_file (TRACKED, "262144");
  bring_up_loopback ();
  if (milliseconds_to_first_second () > 0)
    {
      int fd = open (TIME_WAIT, O_RDONLY | O_CLOEXEC);
      if (fd < 0 || read (fd, time_wait_most, sizeof time_wait_most - 1) <= 0)
        fail (TIME_WAIT);
      close (fd);
      write_file (TIME_WAIT, "0");
    }
  if (is_by_lookup (request))
    {
      const char *what = lookup_begin (
          (int) strtol (request[RULES] + strlen (LOOKUP_RULES), NULL, 10));
      if (what != NULL)
        fail (what);
    }
  else if (request[RULES][0] != 0)
    steer (request[RULES]);
  if (chdir (request[FOLDER]) != 0)
    fail (request[FOLDER]);
}

int
milliseconds_to_first_second (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec > 0 ? -1 : (int) (1000 - now.tv_nsec / 1000000);
}

void
keep_time_wait (void)
{
  write_file (TIME_WAIT, time_wait_most);
}

/* Keep rights over the network only, as in a sandbox on the host.  */
static void
keep_network_rights (void)
{
  struct __user_cap_header_struct header
      = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[2] = { 0 };
  unsigned rights = 1U << CAP_NET_ADMIN | 1U << CAP_NET_RAW;
  data[0].permitted = data[0].effective = data[0].inheritable = rights;
  if (syscall (SYS_capset, &header, data) != 0)
    fail ("capset");
  static const int kept[] = { CAP_NET_ADMIN, CAP_NET_RAW };
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
    if (prctl (PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept[i], 0, 0) != 0)
      fail ("PR_CAP_AMBIENT_RAISE");
}

void
become_user (char **request)
{
  gid_t groups[1024];
  size_t count = 0;
  char *at = request[USER];
  uid_t user = (uid_t) strtoul (at, &at, 10);
  gid_t group = (gid_t) strtoul (at, &at, 10);
  while (*at != 0 && count < sizeof groups / sizeof groups[0])
    groups[count++] = (gid_t) strtoul (at, &at, 10);
  prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (request[RIGHTS][0] != 0)
    return;
  if (setgroups (count, groups) != 0 || prctl (PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0
      || setresgid (group, group, group) != 0
      || setresuid (user, user, user) != 0)
    fail ("setresuid");
  if (user != 0)
    keep_network_rights ();
}
