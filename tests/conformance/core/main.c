/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The conformance suite's program: runs every case in a process of its own,
   its variants one after the other, and writes what they observed as JSON
   lines; tells the user in KTAP.

   Exit status: 0 if every variant ran, whatever was observed; judging is
   another program's work.  3 if one was broken, or the call was wrong.  */

#define _GNU_SOURCE
#include "runner.h"

#include <err.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const struct test_case *const __start_test_cases[];
extern const struct test_case *const __stop_test_cases[];

static const char *pattern = "*";

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

static bool
is_wanted (const struct test_case *test_case)
{
  char name[200];
  snprintf (name, sizeof name, "%s/%s", test_case->call, test_case->name);
  return fnmatch (pattern, name, 0) == 0;
}

/* Of a case; their process and this one share them.  */
static struct variant *variants;

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
      "  --digest           print the digest of all cases and end\n"
      "  --case PATTERN     only cases whose CALL/NAME matches, as in a shell\n"
      "  --output FILE      append the observations to FILE (default: none)\n"
      "  --listener-port N  where packets for port 0 are steered to\n"
      "                     (default 8080); N+1 to N+3 are used, too\n"
      "  --time-limit N     seconds for each variant (default 15); after three "
      "of a\n"
      "                     case that took longer, its others are not tried\n"
      "  --socketcall       make the raw system calls by socketcall(2)\n";

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
    { "digest", no_argument, NULL, 'd' },
    { "case", required_argument, NULL, 'c' },
    { "output", required_argument, NULL, 'o' },
    { "listener-port", required_argument, NULL, 'p' },
    { "time-limit", required_argument, NULL, 't' },
    { "socketcall", no_argument, NULL, 's' },
    { "help", no_argument, NULL, 'h' },
    { 0 },
  };
  const char *output = "/dev/null";
  bool count = false, list = false, only_digest = false;
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
      case 'd':
        only_digest = true;
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
      case 's':
        if (!has_socketcall)
          errx (BROKEN, "this architecture has no socketcall");
        through_socketcall = true;
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

  variants = mmap (NULL, MOST_VARIANTS * sizeof *variants,
                   PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (variants == MAP_FAILED)
    err (BROKEN, "mmap");
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
  char digest[17];
  digest_cases (digest);
  if (only_digest)
    {
      puts (digest);
      return 0;
    }

  int fd = open (output, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd < 0)
    err (BROKEN, "%s", output);
  emit_to (fd, identify ());
  emit_begin (&wanted, &all, pattern, digest);
  find_steering ();
  make_plain_network ();
  printf ("KTAP version 1\n1..%d\n", wanted.variants);
  bool any_broken = run_cases ();
  emit_end (&wanted);
  return any_broken ? BROKEN : 0;
}
