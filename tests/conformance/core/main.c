/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conformance suite's program: runs every case in a process of its own,
   its variants one after the other, and writes what they observed as JSON
   lines; tells the user in KTAP.

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
#include <setjmp.h>
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

enum
{
  CANNOT_TELL = 100 /* Exit status of a case's process.  */
};

int listener_port = 8080;
static int time_limit = 5; /* Seconds, per variant.  */
static const char *pattern = "*";
/* For which protocols packets to port 0 reach the listener's port.  */
static enum protocols steered;

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

/* Whether packets of a protocol for port 0 reach the listener's port: try it.
   Where nothing steers them, they are refused at once.  Asked of the kernel
   directly: a libc that fails here must not make cases skipped.  */
static bool
is_steered (const struct protocol *protocol)
{
  struct name here = loopback (&families[0], (in_port_t) listener_port);
  struct name there = loopback (&families[0], 0);
  int type = protocol->type | SOCK_CLOEXEC;
  int listening = socket (AF_INET, type, protocol->number);
  int fd = socket (AF_INET, type, protocol->number);
  struct linger at_once = { .l_onoff = 1 };
  setsockopt (fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  struct timeval limit = { .tv_sec = 1 };
  setsockopt (fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  bool yes = bind (listening, &here.any, here.length) == 0
             && listen (listening, 1) == 0
             && syscall (SYS_connect, fd, &there.any, there.length) == 0;
  close (fd);
  close (listening);
  return yes;
}

static void
find_steering (void)
{
  steered = PORTLESS;
  for (const struct protocol *p = protocols; p->name != NULL; p++)
    if (p->bit & (TCP | SCTP | DCCP) && is_steered (p))
      /* What steers TCP steers UDP; MPTCP is TCP to it.  */
      steered |= p->bit == TCP ? STREAM | DATAGRAM : p->bit;
  if (steered & SCTP)
    steered |= SCTP_MANY;
}

/* A variant of one case, and how it ended.  */
struct variant
{
  struct test test;
  bool ended;
  enum status status;
};

/* Where the process of the case tells the runner how a variant ended: a byte
   each.  */
static int told[2];
static jmp_buf end_of_variant;
/* Descriptors from this one on are a variant's.  */
static int first_free_fd;

void
end_variant (enum status status)
{
  unsigned char byte = (unsigned char) status;
  if (write (told[1], &byte, 1) != 1)
    _exit (CANNOT_TELL);
  longjmp (end_of_variant, 1);
}

_Noreturn static void
run (struct test *test)
{
  all_as_the_standard = true;
  if (test->test_case->needs & STEERING && !test->control
      && !(steered & test->protocol->bit))
    {
      char missing[200];
      snprintf (
          missing, sizeof missing,
          "no steering of %s: packets for port 0 reach no listener (needs "
          "nftables with NAT for it in the network namespace)",
          test->protocol->name);
      skip (test, missing);
    }
  test->test_case->run (test);
  end_variant (all_as_the_standard ? AS_THE_STANDARD : OTHERWISE);
}

static void
close_from (int first)
{
  if (syscall (SYS_close_range, first, ~0U, 0) == 0)
    return;
  for (int fd = first; fd < 1024; fd++)
    close (fd);
}

/* The process of a case: runs those variants that have not ended.  What one
   leaves open is closed before the next.  */
_Noreturn static void
run_variants (struct variant *variants, int count)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setpgid (0, 0);
  /* A crash is an observation, not worth a file.  */
  setrlimit (RLIMIT_CORE, &(struct rlimit){ 0, 0 });
  first_free_fd = keep_networks (first_free_fd);
  for (volatile int i = 0; i < count; i++)
    if (!variants[i].ended)
      {
        if (setjmp (end_of_variant) == 0)
          run (&variants[i].test);
        close_from (first_free_fd);
        leave_own_network ();
      }
  _exit (0);
}

/* Run the variants of one case in a process, one after the other, until one
   does not end in time or ends the process.  Its observations so far stay, it
   is broken, and a later call runs the others.  Return whether all have
   ended.  */
static bool
run_contained (struct variant *variants, int count)
{
  fflush (stdout);
  if (pipe2 (told, O_CLOEXEC) != 0)
    err (BROKEN, "pipe");
  /* Descriptors of variants are higher than ours.  */
  first_free_fd = dup (told[1]);
  close (first_free_fd);
  pid_t child = fork ();
  if (child == 0)
    run_variants (variants, count);
  if (child < 0)
    err (BROKEN, "fork");
  close (told[1]);

  bool in_time = true;
  int i = 0;
  for (; i < count; i++)
    if (!variants[i].ended)
      {
        struct pollfd end = { .fd = told[0], .events = POLLIN };
        unsigned char byte;
        in_time = poll (&end, 1, time_limit * 1000) == 1;
        if (!in_time || read (told[0], &byte, 1) != 1)
          break;
        variants[i].ended = true;
        variants[i].status = byte;
      }
  if (!in_time)
    kill (child, SIGKILL);
  close (told[0]);
  int status;
  waitpid (child, &status, 0);
  /* What it left behind.  */
  kill (-child, SIGKILL);
  if (i == count)
    return true;

  char reason[100];
  if (!in_time)
    snprintf (reason, sizeof reason, "no end within %d seconds", time_limit);
  else if (WIFSIGNALED (status))
    snprintf (reason, sizeof reason, "killed by signal %d (%s)",
              WTERMSIG (status), strsignal (WTERMSIG (status)));
  else
    snprintf (reason, sizeof reason, "exit status %d", WEXITSTATUS (status));
  emit_absence (&variants[i].test, "broken", reason);
  variants[i].ended = true;
  variants[i].status = BROKEN;
  return false;
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

enum
{
  MOST_VARIANTS = 1000 /* Of one case.  */
};

/* Store the variants of a case in VARIANTS and return how many there are.  */
static int
expand (const struct test_case *test_case, struct variant *variants)
{
  int count = 0;
  for (const struct family *f = families; f->name != NULL; f++)
    for (const struct protocol *p = protocols; p->name != NULL; p++)
      for (const struct entry *e = entries; e->name != NULL; e++)
        for (int control = 1; control >= 0; control--)
          {
            if ((test_case->families & p->families & f->bit) == 0
                || (test_case->protocols & p->bit) == 0
                || (test_case->entries != 0
                    && (test_case->entries & e->bit) == 0))
              continue;
            if (count == MOST_VARIANTS)
              errx (BROKEN, "raise MOST_VARIANTS");
            /* The control has a listener port of its own: no trace of the one
               in conntrack can disturb the other.  */
            in_port_t arrival = (in_port_t) (listener_port + control);
            /* As sandbox/redirect.nft has it.  */
            in_port_t source = (in_port_t) (listener_port + 2 + control);
            variants[count++] = (struct variant){
              .test = { .test_case = test_case,
                        .family = f,
                        .protocol = p,
                        .entry = e,
                        .control = control,
                        .peer = loopback (f, control ? arrival : 0),
                        .listener = loopback (f, arrival),
                        .source = loopback (f, source),
                        .client = loopback (f, control ? source : 0) },
            };
          }
  return count;
}

static bool
is_wanted (const struct test_case *test_case)
{
  char name[200];
  snprintf (name, sizeof name, "%s/%s", test_case->call, test_case->name);
  return fnmatch (pattern, name, 0) == 0;
}

static struct variant variants[MOST_VARIANTS];

/* How much there is to run: of all cases, or of those wanted.  */
static struct extent
measure (bool all)
{
  struct extent extent = { 0 };
  for (const struct test_case *const *c = __start_test_cases;
       c < __stop_test_cases; c++)
    if (all || is_wanted (*c))
      {
        extent.cases++;
        extent.variants += expand (*c, variants);
      }
  return extent;
}

/* Run the cases wanted.  Return whether a variant was broken.  */
static bool
run_cases (void)
{
  bool any_broken = false;
  int number = 0;
  for (const struct test_case *const *c = __start_test_cases;
       c < __stop_test_cases; c++)
    {
      if (!is_wanted (*c))
        continue;
      int count = expand (*c, variants);
      while (!run_contained (variants, count))
        ;
      emit_case_end (*c, count);
      for (int i = 0; i < count; i++)
        {
          any_broken = any_broken || variants[i].status == BROKEN;
          report (&variants[i].test, ++number, variants[i].status);
        }
    }
  return any_broken;
}

static void
list_cases (FILE *out)
{
  for (const struct test_case *const *c = __start_test_cases;
       c < __stop_test_cases; c++)
    if (is_wanted (*c))
      emit_case (out, *c, expand (*c, variants));
}

/* Store in DIGEST which cases there are, and what they ask: FNV-1a of what
   --list prints of all of them.  */
static void
digest_cases (char digest[17])
{
  const char *wanted = pattern;
  char *list;
  size_t size;
  FILE *out = open_memstream (&list, &size);
  if (out == NULL)
    err (BROKEN, "open_memstream");
  pattern = "*";
  list_cases (out);
  pattern = wanted;
  if (fclose (out) != 0)
    err (BROKEN, "open_memstream");
  unsigned long long hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; i++)
    hash = (hash ^ (unsigned char) list[i]) * 0x100000001b3;
  free (list);
  snprintf (digest, 17, "%016llx", hash);
}

static const char usage[]
    = "usage: portzero-suite [option...]\n"
      "  --list             print the cases as JSON lines and end\n"
      "  --count            print the number of variants and end\n"
      "  --case PATTERN     only cases whose CALL/NAME matches, as in a shell\n"
      "  --output FILE      append the observations to FILE (default: none)\n"
      "  --listener-port N  where packets for port 0 are steered to\n"
      "                     (default 8080); N+1 to N+3 are used, too\n"
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
  bool count = false, list = false;
  int option;
  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (option)
      {
      case 'l':
        list = true;
        break;
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
        listener_port = number (optarg, 65532);
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

  struct extent all = measure (true), wanted = measure (false);
  if (wanted.variants == 0)
    errx (BROKEN, "no case matches '%s'; --list names them", pattern);
  if (list)
    {
      list_cases (stdout);
      return 0;
    }
  if (count)
    {
      printf ("%d\n", wanted.variants);
      return 0;
    }

  int fd = open (output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0)
    err (BROKEN, "%s", output);
  emit_to (fd, identify ());
  char digest[17];
  digest_cases (digest);
  emit_begin (&wanted, &all, pattern, digest);
  find_steering ();
  printf ("KTAP version 1\n1..%d\n", wanted.variants);
  bool any_broken = run_cases ();
  emit_end (&wanted);
  return any_broken ? BROKEN : 0;
}
