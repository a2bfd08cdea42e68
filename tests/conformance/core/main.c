/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conformance suite's program: runs every variant of every case in a
   process of its own, one after the other, and writes what they observed as
   JSON lines; tells the user in KTAP.

   Exit status: 0 if every variant ran, whatever was observed; judging is
   another program's work.  3 if one was broken, or the call was wrong.  */

#define _GNU_SOURCE
#include "runner.h"

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern const struct test_case *const __start_test_cases[];
extern const struct test_case *const __stop_test_cases[];

static int listener_port = 8080;
static int time_limit = 5; /* Seconds, per variant.  */
static const char *pattern = "*";
static bool steered;

static struct name
loopback (const struct family *family, in_port_t port)
{
  struct name name = { 0 };
  name.any.sa_family = (sa_family_t) family->domain;
  if (family->domain == AF_INET)
    {
      name.length = sizeof name.in;
      inet_pton (AF_INET, family->loopback, &name.in.sin_addr);
    }
  else if (family->domain == AF_INET6)
    {
      name.length = sizeof name.in6;
      inet_pton (AF_INET6, family->loopback, &name.in6.sin6_addr);
    }
  if (name.length != 0)
    set_port (&name, port);
  return name;
}

/* Whether packets to port 0 reach the listener's port: try it.  */
static bool
is_steered (void)
{
  struct name here = loopback (&families[0], (in_port_t) listener_port);
  struct name there = loopback (&families[0], 0);
  int listening = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct linger at_once = { .l_onoff = 1 };
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  bool yes = bind (listening, &here.any, here.length) == 0
             && listen (listening, 1) == 0
             && connect (fd, &there.any, there.length) == 0;
  close (fd);
  close (listening);
  return yes;
}

/* In a new process.  */
_Noreturn static void
run (struct test *test)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setpgid (0, 0);
  /* A crash is an observation, not worth a file.  */
  setrlimit (RLIMIT_CORE, &(struct rlimit){ 0, 0 });
  if (test->test_case->needs & STEERING && !test->control && !steered)
    skip (test, "no steering: packets for port 0 reach no listener (needs "
                "nftables with NAT in the network namespace)");
  test->test_case->run (test);
  fflush (stdout);
  _exit (all_as_the_standard ? AS_THE_STANDARD : OTHERWISE);
}

/* Return the status of the variant's process.  If it does not end in time or
   dies, its observations so far stay, and it is broken.  */
static enum status
run_contained (struct test *test)
{
  fflush (stdout);
  pid_t child = fork ();
  if (child == 0)
    run (test);
  if (child < 0)
    err (BROKEN, "fork");
  int handle = (int) syscall (SYS_pidfd_open, child, 0);
  struct pollfd ended = { .fd = handle, .events = POLLIN };
  bool in_time = poll (&ended, 1, time_limit * 1000) == 1;
  /* Its children, too.  */
  kill (-child, SIGKILL);
  int status;
  if (!in_time)
    kill (child, SIGKILL);
  waitpid (child, &status, 0);
  close (handle);

  char reason[100];
  if (!in_time)
    snprintf (reason, sizeof reason, "no end within %d seconds", time_limit);
  else if (WIFSIGNALED (status))
    snprintf (reason, sizeof reason, "killed by SIG%s",
              sigabbrev_np (WTERMSIG (status)));
  else if (WEXITSTATUS (status) > BROKEN)
    snprintf (reason, sizeof reason, "exit status %d", WEXITSTATUS (status));
  else
    return WEXITSTATUS (status);
  emit_absence (test, "broken", reason);
  return BROKEN;
}

static void
report (const struct test *test, int number, enum status status)
{
  printf ("%s %d %s/%s %s %s %s %s%s\n",
          status == OTHERWISE || status == BROKEN ? "not ok" : "ok", number,
          test->test_case->call, test->test_case->name, test->family->name,
          test->protocol->name, test->entry->name,
          test->control ? "control" : "zero",
          status == SKIPPED  ? " # SKIP"
          : status == BROKEN ? " # broken"
                             : "");
}

/* Call RUN for every variant of every case, or only count them.  */
static int
for_each_variant (void (*each) (struct test *, int))
{
  int count = 0;
  for (const struct test_case *const *c = __start_test_cases;
       c < __stop_test_cases; c++)
    {
      char full_name[200];
      snprintf (full_name, sizeof full_name, "%s/%s", (*c)->call, (*c)->name);
      if (fnmatch (pattern, full_name, 0) != 0)
        continue;
      for (const struct family *f = families; f->name != NULL; f++)
        for (const struct protocol *p = protocols; p->name != NULL; p++)
          for (const struct entry *e = entries; e->name != NULL; e++)
            for (int control = 1; control >= 0; control--)
              {
                if (((*c)->families & f->bit) == 0
                    || ((*c)->protocols & p->bit) == 0)
                  continue;
                count++;
                if (each == NULL)
                  continue;
                /* The control has a listener port of its own: no trace of
                   the one in conntrack can disturb the other.  */
                in_port_t arrival = (in_port_t) (listener_port + control);
                struct test test = {
                  .test_case = *c,
                  .family = f,
                  .protocol = p,
                  .entry = e,
                  .control = control,
                  .peer = loopback (f, control ? arrival : 0),
                  .listener = loopback (f, arrival),
                };
                each (&test, count);
              }
    }
  return count;
}

static bool any_broken;

static void
run_and_report (struct test *test, int number)
{
  enum status status = run_contained (test);
  if (status == BROKEN)
    any_broken = true;
  report (test, number, status);
}

static void
list_cases (void)
{
  for (const struct test_case *const *c = __start_test_cases;
       c < __stop_test_cases; c++)
    emit_case (stdout, *c);
}

static const char usage[]
    = "usage: portzero-suite [option...]\n"
      "  --list             print the cases as JSON lines and end\n"
      "  --count            print the number of variants and end\n"
      "  --case PATTERN     only cases whose CALL/NAME matches, as in a shell\n"
      "  --output FILE      append the observations to FILE (default: none)\n"
      "  --listener-port N  where packets for port 0 are steered to\n"
      "                     (default 8080; N+1 is used, too)\n"
      "  --time-limit N     seconds for each variant (default 5)\n";

static int
number (const char *text, int most)
{
  char *end;
  long value = strtol (text, &end, 10);
  if (*end != 0 || value < 1 || value > most)
    errx (BROKEN, "'%s' is not a number from 1 to %d", text, most);
  return (int) value;
}

int
main (int argc, char **argv)
{
  static const struct option options[] = {
    { "list", no_argument, NULL, 'l' },
    { "count", no_argument, NULL, 'n' },
    { "case", required_argument, NULL, 'c' },
    { "output", required_argument, NULL, 'o' },
    { "listener-port", required_argument, NULL, 'p' },
    { "time-limit", required_argument, NULL, 't' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
  };
  const char *output = "/dev/null";
  bool count = false;
  int option;
  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (option)
      {
      case 'l':
        list_cases ();
        return 0;
      case 'n':
        count = true;
        break;
      case 'c':
        pattern = optarg;
        break;
      case 'o':
        output = optarg;
        break;
      case 'p':
        listener_port = number (optarg, 65534);
        break;
      case 't':
        time_limit = number (optarg, 3600);
        break;
      case 'h':
        fputs (usage, stdout);
        return 0;
      default:
        fputs (usage, stderr);
        return BROKEN;
      }
  if (optind != argc)
    errx (BROKEN, "unexpected argument '%s'", argv[optind]);

  int variants = for_each_variant (NULL);
  if (variants == 0)
    errx (BROKEN, "no case matches '%s'; --list names them", pattern);
  if (count)
    {
      printf ("%d\n", variants);
      return 0;
    }

  int fd = open (output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0)
    err (BROKEN, "%s", output);
  char identity[9000];
  identify (identity, sizeof identity);
  emit_to (fd, identity);
  steered = is_steered ();
  printf ("KTAP version 1\n1..%d\n", variants);
  for_each_variant (run_and_report);
  return any_broken ? BROKEN : 0;
}
